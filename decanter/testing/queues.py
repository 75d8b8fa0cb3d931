"""The SQS queues of an open test client, in the process of the test and without a socket."""

import json
from functools import cached_property
from typing import Any

from decanter.errors import ServiceError
from decanter.local.sqs.events import done, request, sqs_event
from decanter.local.sqs.service import Answer, Sqs
from decanter.project.queues import Source
from decanter.testing.clock import Clock
from decanter.testing.deployment import Deployment
from decanter.testing.environ import REGION
from decanter.testing.functions import Functions
from decanter.testing.running import sqs_rule

MOST_EVENTS = 10_000
"""The maximum number of events in one call of `drain`.

A function may send to its own queue without end.
"""


class Queues:
    """The queues of an app, and the functions that get their messages. The queues start empty.

    Delays and visibility timeouts follow `clock`. The queues' URLs contain `netloc`.
    """

    def __init__(
        self, deployed: Deployment, functions: Functions, clock: Clock, netloc: str
    ) -> None:
        self._deployed = deployed
        self._functions = functions
        self._clock = clock
        self._netloc = netloc
        self._aged = 0.0

    def answer(self, target: str, body: bytes) -> Answer:
        """Answer a call in SQS's JSON protocol."""
        self._let_time_pass()
        return self._sqs.answer(target, body, sqs_rule())

    def drain(self) -> int:
        """Run the functions until no message is visible. Return the number of events.

        Raises:
            RuntimeError: more than `MOST_EVENTS` events have run.
        """
        __tracebackhide__ = True
        count = 0
        while events := sum(map(self._deliver, self._deployed.queues.sources)):
            count += events
            if count > MOST_EVENTS:
                raise RuntimeError(
                    f"drain() has run {count} events: does a function send to its own queue?"
                )
        return count

    @cached_property
    def _sqs(self) -> Sqs:
        sqs = Sqs(_moto, self._netloc, waits=False)
        for queue in self._deployed.queues.queues:
            _call(sqs, "CreateQueue", **queue.creation)
        for queue in self._deployed.queues.queues:
            _call(sqs, "SetQueueAttributes", QueueUrl=queue.name, Attributes=queue.changeable)
        return sqs

    def _let_time_pass(self) -> None:
        sqs, ahead = self._sqs, self._clock.ahead
        sqs.age(ahead - self._aged)
        self._aged = ahead

    def _deliver(self, source: Source) -> int:
        """Run a function with one event. Return 1, or 0 if no message is visible."""
        self._let_time_pass()
        messages: list[Any] = []
        while more := self._receive(source, source.batch_size - len(messages)):
            messages += more
        if not messages:
            return 0
        try:
            result = self._functions.call(source.function, sqs_event(source, messages))
        except Exception as error:  # noqa: BLE001 - the test finds it in `errors`
            self._functions.exceptions.add(error, source.function)
            return 1
        for message in done(source, messages, result):
            handle = message["ReceiptHandle"]
            _call(self._sqs, "DeleteMessage", QueueUrl=source.queue, ReceiptHandle=handle)
        return 1

    def _receive(self, source: Source, most: int) -> list[Any]:
        if most <= 0:
            return []
        answer = _call(self._sqs, "ReceiveMessage", **request(source, most))
        return [*answer.get("Messages", ())]


def _moto() -> Any:
    from decanter.local.sqs.backend import Moto  # slow

    return Moto(REGION)


def _call(sqs: Sqs, operation: str, **arguments: Any) -> Any:
    status, _, answer = sqs.answer(f"AmazonSQS.{operation}", json.dumps(arguments).encode())
    if status != 200:
        raise ServiceError(f"the embedded SQS refuses {operation}: {answer.decode()}")
    return json.loads(answer or b"{}")
