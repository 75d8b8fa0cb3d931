"""Send the messages of an event, and keep the state of the process between events."""

import logging
import os
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from threading import Lock
from typing import Any, Protocol
from weakref import finalize

from decanter.runtime.clock import Backoff, Clock
from decanter.runtime.errors import ConfigurationError, PostingRefusedError, QueueError, TooLarge
from decanter.runtime.fanout.audience import WHOLE, Everyone, Extent
from decanter.runtime.fanout.broadcast import GRACE_MS, Broadcast
from decanter.runtime.fanout.cleanup import Cleanup
from decanter.runtime.fanout.deadline import INTEGRATION_SECONDS, Deadline, deadline_of
from decanter.runtime.fanout.disconnect_hooks import CallHooks, DisconnectHooks
from decanter.runtime.fanout.endpoint import management_endpoint
from decanter.runtime.fanout.metrics import measure, measure_queue
from decanter.runtime.fanout.report import Report
from decanter.runtime.fanout.wire import Wire
from decanter.runtime.fanout.workers import Workers
from decanter.runtime.forks import forget_at_fork
from decanter.runtime.gc_paused import gc_paused
from decanter.runtime.logs import error_fields, log
from decanter.runtime.recipients import BEGINNING, Connections, Recipient
from decanter.runtime.settings import MAX_MESSAGE_BYTES, Settings
from decanter.runtime.transports.base import Method, Outcome, Reach, Result, Transport


class Rest(Protocol):
    """The router's queue, which gets the connections that a broadcast does not post to.

    Attributes:
        inline: the number of connections that a broadcast posts to before it uses the queue.
        segments: the number of function instances that can post the rest at the same time.
    """

    inline: int
    segments: int

    def put(self, text: str, after: str, exclude: Collection[str], channel: str = "") -> str:
        """Queue a frame for all connections, or all members of a channel, after a cursor.

        Return the item's id.

        Raises:
            QueueError: SQS does not accept the item.
            TooLarge: the item is too large for SQS.
        """
        ...


@dataclass
class Outbox:
    """Sends the messages of one event.

    Attributes:
        transport: returns the transport; called only to send or to close.
        reports: the reports of the broadcasts so far, without the broadcasts of disconnect hooks.
        max_broadcast_bytes: larger frames can only be sent to one connection.
    """

    transport: Callable[[], Transport]
    connections: Connections
    deadline: Deadline
    clock: Clock
    workers: Workers
    backoff: Backoff
    hooks: DisconnectHooks | None = None
    reports: list[Report] = field(default_factory=list)
    max_broadcast_bytes: int = MAX_MESSAGE_BYTES
    metrics_namespace: str | None = None
    rest: Callable[[], Rest] | None = None
    wire: Wire = field(default_factory=Wire)

    def post(self, connection_id: str, text: str) -> Outcome:
        """Send a text message to one connection; log a failure.

        Raises:
            TooLarge: the message is larger than API Gateway accepts.
        """
        data = _encode(text, MAX_MESSAGE_BYTES)
        outcome = self.transport().call("POST", connection_id, data, self.deadline.posts)
        return _noted("post_failed", connection_id, outcome)

    def close(self, connection_id: str) -> Outcome:
        """Close a connection; log a failure. The connection's `$disconnect` event follows."""
        outcome = self.transport().call("DELETE", connection_id, b"", self.deadline.posts)
        return _noted("close_failed", connection_id, outcome)

    def send(self, connection_ids: str | Iterable[str], text: str) -> Report:
        """Send a text message to connections, and delete the rows of gone connections.

        Raises:
            TooLarge: the text is larger than API Gateway or `max_broadcast_bytes` allows.
            PostingRefusedError: the Lambda function is not allowed to post.
        """
        if isinstance(connection_ids, str):
            report = self._send_one(connection_ids, text)
        else:
            data = _encode(text, self.max_broadcast_bytes)
            report = self._call_all("POST", connection_ids, data)
        if report.gone_ids:
            self._remove(report.gone_ids)
        return report

    def close_all(self, connection_ids: str | Iterable[str]) -> Report:
        """Close connections, and delete the rows of gone connections.

        Raises:
            PostingRefusedError: the Lambda function is not allowed to close connections.
        """
        ids = [connection_ids] if isinstance(connection_ids, str) else connection_ids
        report = self._call_all("DELETE", ids, b"")
        if report.gone_ids:
            self._remove(report.gone_ids)
        return report

    def broadcast(
        self,
        text: str,
        after: str = BEGINNING,
        exclude: Collection[str] = (),
        *,
        durable: bool = False,
        channel: str = "",
    ) -> Report:
        """Send a text message to every connection, or to the members of a channel.

        If `durable` is True, the queue gets the whole broadcast, and nothing is posted here. The
        broadcast continues at `after`, the cursor of an incomplete report.

        Raises:
            TooLarge: the text exceeds `max_broadcast_bytes` or, if `durable` is True, SQS's limit;
                nothing is sent.
            PostingRefusedError: the Lambda function is not allowed to post.
            StoreError, ConfigurationError: a table, queue or channel is missing, or a read failed.
            QueueError: `durable` is True, but SQS does not accept the message.
        """
        data = _encode(text, self.max_broadcast_bytes)
        rest = self.rest() if self.rest else None
        if durable:
            report = self._queue_all(rest, text, after, exclude, channel)
        else:
            report = self._broadcast(data, after, exclude, rest, channel)
            if rest and report.cursor is not None:
                report = _queue_rest(rest, text, report, exclude, channel)
        if not (self.hooks and self.hooks.running):
            self.reports.append(report)
        measure(report, self.metrics_namespace, self.clock.time_ms())
        if report.queued:
            measure_queue({"queued": 1}, self.metrics_namespace, self.clock.time_ms())
        return report

    def _broadcast(
        self,
        data: bytes,
        after: str,
        exclude: Collection[str],
        rest: Rest | None,
        channel: str,
    ) -> Report:
        connections = self.wire.members(channel) if channel else self.connections
        segments = 1 if channel or not rest else rest.segments
        extent = Extent(rest.inline, segments) if rest else WHOLE
        audience = Everyone(
            *(connections, self.clock, self.workers, self.backoff, self.deadline),
            after,
            extent,
        )
        if self.hooks and self.hooks.running:
            exclude = self.hooks.gone.union(exclude)
        broadcast = Broadcast(self.transport(), connections, self.clock, self.workers, self.hooks)
        return broadcast.run(audience, data, self.deadline, exclude)

    def _queue_all(
        self,
        rest: Rest | None,
        text: str,
        after: str,
        exclude: Collection[str],
        channel: str,
    ) -> Report:
        if rest is None:
            raise ConfigurationError(
                'durable=True needs a queue: declare one, as Router(…, queue=Queue("broadcasts"))'
            )
        began = self.clock.monotonic()
        queued = rest.put(text, after, exclude, channel)
        milliseconds = round((self.clock.monotonic() - began) * 1000)
        return Report(milliseconds=milliseconds, queued=queued)

    def _call_all(self, method: Method, connection_ids: Iterable[str], data: bytes) -> Report:
        from decanter.runtime.fanout.send import call_each

        return call_each(
            *(method, self.transport(), self.connections, connection_ids, data),
            *(self.deadline, self.clock),
        )

    def _remove(self, connection_ids: Iterable[str]) -> None:
        """Delete the rows of connections that are gone, after a send or a close.

        Young rows are kept, because their connections may be about to open. If this process has not
        reached a connection yet, the endpoint may be wrong, so all rows are kept.
        """
        reach = self.transport().reach
        if not reach.reached:
            return
        than_ms = self.clock.time_ms() - GRACE_MS
        cleanup = Cleanup(
            self.connections,
            self.workers,
            reach,
            self.hooks,
            lambda row: self.connections.remove_if_older(row.connection_id, than_ms),
        )
        for connection_id in connection_ids:
            cleanup.add(Recipient(connection_id, 0))
        cleanup.finish(self.deadline)

    def _send_one(self, connection_id: str, text: str) -> Report:
        began = self.clock.monotonic()
        outcome = self.post(connection_id, text)
        if outcome.result is Result.REFUSED:
            raise PostingRefusedError(outcome.reason)
        found: dict[str, Any] = {"sent": 1}
        if outcome.result is not Result.OK:
            kind = "gone" if outcome.gone else "failed" if outcome.attempts else "left_over"
            found = {kind: 1, f"{kind}_ids": (connection_id,)}
        return Report(
            **found,
            milliseconds=round((self.clock.monotonic() - began) * 1000),
            repeated=outcome.repeated,
        )


def _queue_rest(
    rest: Rest, text: str, report: Report, exclude: Collection[str], channel: str
) -> Report:
    """Queue the rest of a broadcast. If SQS does not accept it, the report keeps the cursor."""
    try:
        queued = rest.put(text, report.cursor or BEGINNING, exclude, channel)
    except (QueueError, TooLarge) as error:
        report = report._replace(left_over_exact=False)
        log("not_queued", logging.ERROR, **error_fields(error), **report.as_fields())
        return report
    return report._replace(cursor=None, queued=queued)


def _noted(event: str, connection_id: str, outcome: Outcome) -> Outcome:
    if outcome.result not in (Result.OK, Result.GONE):
        log(
            event,
            logging.ERROR if outcome.result is Result.REFUSED else logging.WARNING,
            connection_id=connection_id,
            result=outcome.result.value,
            status=outcome.status,
            reason=outcome.reason,
        )
    return outcome


def _encode(text: str, limit: int) -> bytes:
    data = text.encode()
    if len(data) > limit:
        raise TooLarge(len(data), limit)
    return data


OpenTransport = Callable[[str, Settings], Transport]

FoundGone = Callable[[Mapping[str, Any], object, Outbox], CallHooks | None]
"""Takes an event, a context and an outbox; returns a function that calls the hooks, or None."""


class Outboxes:
    """Creates the outbox of each event, and keeps a process's state between events."""

    def __init__(
        self,
        open_transport: OpenTransport,
        connections: Connections,
        clock: Clock,
        backoff: Backoff,
        found_gone: FoundGone | None = None,
        rest: Callable[[], Rest] | None = None,
    ) -> None:
        self.open_transport = open_transport
        self.connections = connections
        self._clock = clock
        self._backoff = backoff
        self._found_gone = found_gone
        self._rest = rest
        self.wire = Wire()
        self._workers = Workers(clock)
        self._transports: dict[tuple[str, Settings], Transport] = {}
        self._reaches: dict[str, Reach] = {}
        self._opening = Lock()
        finalize(self, _shut_down, self._transports)
        forget_at_fork(self)

    def after_fork(self) -> None:
        """Forget the parent's transports, so that the next event opens new transports."""
        self._transports.clear()
        self._opening = Lock()

    @cached_property
    def settings(self) -> Settings:
        """The process's settings, read at the first use. An invalid value raises SettingError."""
        return Settings.from_env(os.environ)

    def of(
        self,
        event: Mapping[str, Any],
        context: object,
        most_seconds: float = INTEGRATION_SECONDS,
    ) -> Outbox:
        """Return the outbox of an event.

        `most_seconds` is the time limit of the caller that waits for the response.

        Raises:
            SettingError: a setting has an invalid value.
        """
        settings = self.settings

        def transport() -> Transport:
            return self.transport(management_endpoint(event["requestContext"], settings), settings)

        outbox = Outbox(
            transport=transport,
            connections=self.connections,
            deadline=deadline_of(context, self._clock, settings.deadline_seconds, most_seconds),
            clock=self._clock,
            workers=self._workers,
            backoff=self._backoff,
            max_broadcast_bytes=settings.max_broadcast_bytes,
            metrics_namespace=settings.metrics_namespace,
            rest=self._rest,
            wire=self.wire,
        )
        if self._found_gone and (call := self._found_gone(event, context, outbox)):
            outbox.hooks = DisconnectHooks(call, self._clock)
        return outbox

    def transport(self, endpoint: str, settings: Settings) -> Transport:
        """Return the transport for an endpoint and settings, which is kept between events.

        All transports to one endpoint share one `Reach`.
        """
        key = endpoint, settings
        with self._opening:
            if key not in self._transports:
                with gc_paused():
                    transport = self.open_transport(endpoint, settings)
                transport.reach = self._reaches.setdefault(endpoint, transport.reach)
                self._transports[key] = transport
            return self._transports[key]


def _shut_down(transports: Mapping[Any, Transport]) -> None:
    """Close the sockets, because otherwise Python reports unclosed sockets."""
    for transport in transports.values():
        transport.shutdown()
