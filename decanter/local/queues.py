"""Invokes the functions of queues by the rules of Lambda's event source mappings.

An event source mapping receives messages by long polling, up to the batch size and within the
batching window. The mapping then runs the function with these messages. After a success, the
mapping deletes the messages. After a failure, the messages become visible again when their
visibility timeout ends. After too many failures, SQS moves the messages to the dead-letter queue.
"""

import asyncio
import time
import uuid
from collections.abc import Awaitable, Callable
from typing import Any

from decanter.errors import ServiceError
from decanter.gateway.results import Returned
from decanter.local.functions.functions import Run
from decanter.local.journal import Journal
from decanter.local.sqs.calls import Calls
from decanter.local.sqs.events import Message, done, request, sqs_event
from decanter.project.queues import FIFO, Source
from decanter.project.queues import Queues as Declared

POLL_SECONDS = 20
RETRY_SECONDS = 1.0

RunFunction = Callable[[str, dict[str, Any], str], Awaitable[Run]]
"""Runs a function. Takes its name, the event and the request id."""


class Queues:
    """The event source mappings of the current version of the app."""

    def __init__(self, run_function: RunFunction, journal: Journal) -> None:
        self._run_function = run_function
        self._journal = journal
        self._calls: Calls | None = None
        self._sources: dict[tuple[str, str], Source] = {}
        self._pollers: dict[tuple[str, str], asyncio.Task[None]] = {}
        self._runs: set[asyncio.Task[None]] = set()

    def follow(self, declared: Declared, endpoint: str | None) -> None:
        """Replace the mappings. A function and queue that were mapped before keep their poller.

        `endpoint` is the URL of the embedded SQS; None without queues.
        """
        self._calls = Calls(endpoint) if endpoint else None
        self._sources = {(each.function, each.queue): each for each in declared.sources}
        for key in self._pollers.keys() - self._sources.keys():
            self._pollers.pop(key).cancel()
        for key in self._sources.keys() - self._pollers.keys():
            self._pollers[key] = asyncio.create_task(self._poll(key))

    async def to_json(self) -> list[dict[str, Any]]:
        """Return the number of messages in each queue, and the age of its oldest message."""
        if self._calls is None:
            return []
        found: list[dict[str, Any]] = (await self._calls.call("DecanterDescribe"))["queues"]
        return found

    async def stop(self) -> None:
        """Cancel all pollers and runs."""
        tasks = [*self._pollers.values(), *self._runs]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _poll(self, key: tuple[str, str]) -> None:
        running: set[asyncio.Task[None]] = set()
        while True:
            source = self._sources[key]
            if len(running) >= source.concurrency:
                await asyncio.wait(running, return_when=asyncio.FIRST_COMPLETED)
                continue
            try:
                messages = await self._messages(source, source.concurrency - len(running))
            except ServiceError as error:
                self._journal.note(f"{source.function} gets no messages: {error}", error=True)
                await asyncio.sleep(RETRY_SECONDS)
                continue
            for start in range(0, len(messages), source.batch_size):
                batch = messages[start : start + source.batch_size]
                task = asyncio.create_task(self._deliver(source, batch))
                for kept in (running, self._runs):
                    kept.add(task)
                    task.add_done_callback(kept.discard)

    async def _messages(self, source: Source, free: int) -> list[Message]:
        """Return the messages of one batch, or of several batches if many messages are visible.

        For a FIFO queue, return only one batch, because the messages of a group must not be
        processed in parallel.
        """
        batches = 1 if source.queue.endswith(FIFO) else free
        found = await self._receive(source, source.batch_size * batches, POLL_SECONDS)
        until = time.monotonic() + source.window_seconds
        while found and len(found) < source.batch_size and (left := until - time.monotonic()) > 0:
            # A message may become visible again within the window. Then its last receipt handle is
            # valid.
            found |= await self._receive(source, source.batch_size - len(found), left)
        return [*found.values()]

    async def _receive(self, source: Source, most: int, seconds: float) -> dict[str, Message]:
        """Receive messages, and return them by their ids."""
        wait = min(seconds, POLL_SECONDS)
        answer = await self._call("ReceiveMessage", **request(source, most, WaitTimeSeconds=wait))
        return {each["MessageId"]: each for each in answer.get("Messages", ())}

    async def _deliver(self, source: Source, messages: list[Message]) -> None:
        """Run the function with a batch, and delete the processed messages."""
        request_id = str(uuid.uuid4())
        event = sqs_event(source, messages)
        self._journal.given_alone(event, request_id)
        try:
            run = await self._run_function(source.function, event, request_id)
        except KeyError:  # the app no longer has the function
            return
        self._journal.ran_alone(run, request_id, f"sqs {source.queue}")
        if not isinstance(run.outcome, Returned):
            return
        try:
            for message in done(source, messages, run.outcome.value):
                handle = message["ReceiptHandle"]
                await self._call("DeleteMessage", QueueUrl=source.queue, ReceiptHandle=handle)
        except ServiceError as error:
            self._journal.note(f"{source.queue} keeps messages: {error}", error=True)

    async def _call(self, operation: str, **arguments: Any) -> Any:
        assert self._calls is not None
        return await self._calls.call(operation, **arguments)
