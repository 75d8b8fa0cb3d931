"""moto's SQS without a server, and with its queues of its own.

`service.py` loads this file by its path when the first call comes: moto's SQS takes 0.2 s to load.
"""

import json
from io import BytesIO
from typing import Any
from wsgiref.util import setup_testing_defaults

from moto.core.request import Request
from moto.core.utils import unix_time_millis
from moto.sqs.exceptions import QueueDoesNotExist, SQSException
from moto.sqs.models import Queue, SQSBackend
from moto.sqs.responses import SQSResponse

ACCOUNT = "123456789012"
REDRIVE = "RedrivePolicy"

Answer = tuple[int, dict[str, str], bytes]


class Backend(SQSBackend):
    """Queues that `moto.mock_aws` cannot see or empty."""

    def create_queue(self, name: str, tags: Any = None, **attributes: Any) -> Queue:
        """Create a queue. moto would look for the dead-letter queue among those of mock_aws."""
        policy = attributes.pop(REDRIVE, None)
        queue = super().create_queue(name, tags, **attributes)
        self._redrive(queue, policy)
        return queue

    def set_queue_attributes(self, queue_name: str, attributes: Any) -> Queue:
        """Change a queue, likewise."""
        policy = attributes.pop(REDRIVE, None)
        queue = super().set_queue_attributes(queue_name, attributes)
        self._redrive(queue, policy)
        return queue

    def _redrive(self, queue: Any, policy: str | None) -> None:
        if policy is None:
            return
        given = json.loads(policy or "{}")
        queue.redrive_policy = queue.dead_letter_queue = None
        if not given:
            return
        arn = given["deadLetterTargetArn"]
        found = [each for each in self.queues.values() if each.queue_arn == arn]
        if not found:
            raise SQSException("InvalidParameterValue", f"There is no dead-letter queue {arn}")
        queue.redrive_policy = {**given, "maxReceiveCount": int(given["maxReceiveCount"])}
        queue.dead_letter_queue = found[0]


class Handler(SQSResponse):
    """Answers one call; it accepts any signer and any region."""

    queues: Backend

    @property
    def sqs_backend(self) -> SQSBackend:
        """The backend with the queues."""
        return self.queues

    def _authenticate_and_authorize_normal_action(self, resource: str = "*") -> None:
        """Accept every caller, as moto does by default, but without loading IAM."""


class Moto:
    """moto's SQS as a function. Its callers take turns.

    Args:
        region: the region in the queues' ARNs.
    """

    def __init__(self, region: str) -> None:
        self._backend = Backend(region, ACCOUNT)
        self._handler: type[Handler] = type("Handler", (Handler,), {"queues": self._backend})
        scope = f"local/20000101/{region}/sqs/aws4_request"
        self._signature = f"AWS4-HMAC-SHA256 Credential={scope}, SignedHeaders=host, Signature=0"

    def call(self, operation: str, call: dict[str, Any], host: str) -> Answer:
        """Answer a call; the host is that of the queues' URLs."""
        body = json.dumps(call).encode()
        environ: dict[str, Any] = {
            "REQUEST_METHOD": "POST",
            "HTTP_HOST": host,
            "HTTP_X_AMZ_TARGET": f"AmazonSQS.{operation}",
            "HTTP_AUTHORIZATION": self._signature,
            "CONTENT_TYPE": "application/x-amz-json-1.0",
            "CONTENT_LENGTH": str(len(body)),
            "wsgi.input": BytesIO(body),
        }
        setup_testing_defaults(environ)
        request = Request(environ)
        status, headers, answer = self._handler.dispatch(request, request.url, request.headers)
        content = answer.encode() if isinstance(answer, str) else answer
        return status, {name: str(value) for name, value in headers.items()}, content

    def wait_seconds(self, name: str) -> int:
        """Return how long a queue lets a receiver wait that does not say it."""
        try:
            queue: Any = self._backend.get_queue(name)
        except QueueDoesNotExist:
            return 0
        return int(queue.receive_message_wait_time_seconds)

    def counts(self) -> dict[str, int]:
        """Return the number of messages of each queue, visible or not."""
        return {name: len(queue._messages) for name, queue in self._backend.queues.items()}

    def due(self) -> float:
        """Return the seconds until the next hidden message becomes visible, at most 60."""
        now = unix_time_millis()
        times = [
            max(each.visible_at, each.delayed_until)
            for queue in self._backend.queues.values()
            for each in queue._messages
        ]
        return min([60.0, *((each + 1 - now) / 1000 for each in times if each >= now)])

    def age(self, seconds: float) -> None:
        """Let time pass for every message."""
        for queue in self._backend.queues.values():
            for each in queue._messages:
                message: Any = each
                message.visible_at -= seconds * 1000
                message.delayed_until -= seconds * 1000
                message.sent_timestamp -= round(seconds * 1000)

    def describe(self) -> list[dict[str, Any]]:
        """Return the depth of each queue, and the age of its oldest message in seconds."""
        return [self._describe(queue) for queue in self._backend.queues.values()]

    def _describe(self, queue: Any) -> dict[str, Any]:
        messages = queue._messages
        delayed = sum(each.delayed for each in messages)
        dead = queue.dead_letter_queue
        sent = min((each.sent_timestamp for each in messages), default=None)
        return {
            "name": queue.name,
            "visible": len(queue.messages),
            "delayed": delayed,
            "inFlight": len(messages) - len(queue.messages) - delayed,
            "oldestSeconds": sent and round((unix_time_millis() - sent) / 1000, 1),
            "deadLetterQueue": dead and dead.name,
        }
