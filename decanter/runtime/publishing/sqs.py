"""Send messages to SQS with botocore's client, which is created at the first use."""

from collections.abc import Callable
from typing import Any, Protocol

from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from decanter.runtime.errors import QueueError, TooLarge
from decanter.runtime.forks import forget_at_fork
from decanter.runtime.gc_paused import gc_paused
from decanter.runtime.session import session, share_with

MOST_BYTES = 1024 * 1024
"""The maximum size of a message in SQS."""


class Send(Protocol):
    """Sends a message to a queue.

    Raises:
        QueueError: SQS refuses the message or does not answer.
        TooLarge: the message has more than 1 MiB.
    """

    def __call__(self, url: str, body: str, delay_seconds: int = 0) -> None:
        """Send a message, which becomes visible after the delay."""
        ...


class Sqs:
    """Sends messages to SQS with one client for the process."""

    def __init__(self, region: str | None, make: Callable[[str | None], Any] | None = None) -> None:
        self._region = region
        self._make = make or _client
        self._client: Any = None
        forget_at_fork(self)

    def after_fork(self) -> None:
        """Forget the parent's client, so that this process creates its own client."""
        self._client = None

    def __call__(self, url: str, body: str, delay_seconds: int = 0) -> None:
        """Send a message that contains only ASCII characters."""
        if len(body) > MOST_BYTES:
            raise TooLarge(len(body), MOST_BYTES)
        delay = {"DelaySeconds": delay_seconds} if delay_seconds else {}
        try:
            if self._client is None:
                with gc_paused():
                    self._client = self._make(self._region)
            self._client.send_message(QueueUrl=url, MessageBody=body, **delay)
        except ClientError as error:
            code = error.response.get("Error", {}).get("Code", "")
            denied = ": declare the call with @uses(sends=True)" if "AccessDenied" in code else ""
            raise QueueError(f"SQS refuses the message ({error}){denied}") from error
        except BotoCoreError as error:
            raise QueueError(f"SQS does not take the message ({error})") from error


def _client(region: str | None) -> Any:
    client = session().create_client(
        "sqs",
        region_name=region,
        config=Config(
            connect_timeout=1,
            read_timeout=3,
            retries={"total_max_attempts": 3, "mode": "standard"},
            tcp_keepalive=True,
        ),
    )
    share_with(client)
    return client
