"""The router's methods for any Lambda function: send, publish, sweep, and process the queue."""

from collections.abc import Callable, Collection, Iterable, Mapping
from functools import cached_property, partial
from threading import local
from typing import TYPE_CHECKING, Any

from decanter.runtime.clock import Backoff, Clock
from decanter.runtime.errors import ConfigurationError, DeclarationError
from decanter.runtime.fanout.disconnect_hooks import CallHooks
from decanter.runtime.fanout.frame import Frame
from decanter.runtime.fanout.outbox import OpenTransport, Outbox, Outboxes
from decanter.runtime.fanout.report import Report
from decanter.runtime.functions import check_called, check_flags, check_table, complete, name_of
from decanter.runtime.recipients import BEGINNING, Connections
from decanter.runtime.routing.routes import Routes

if TYPE_CHECKING:
    from decanter.runtime.channels.declaration import Authorize, Channel
    from decanter.runtime.channels.memberships import SubscriptionModel
    from decanter.runtime.fanout.sweep import Sweeper
    from decanter.runtime.publishing.publisher import Publisher
    from decanter.runtime.publishing.queue import Queue, Sender
    from decanter.runtime.publishing.worker import Worker
    from decanter.runtime.routing.channel_wire import ChannelWire


class Sending(Routes):
    """The part of a router that needs no event of a connection. `Router` explains the arguments."""

    def __init__(
        self,
        connections: Connections,
        queue: "Queue | None",
        subscriptions: "type[SubscriptionModel] | None",
        open_transport: OpenTransport,
        clock: Clock | None,
        backoff: Backoff,
    ) -> None:
        super().__init__()
        _check("connections", connections, "identity_end", "a class derived from ConnectionModel")
        check_table("Router: connections", connections, "@connection_table")
        if queue is not None:
            _check("queue", queue, "concurrency", 'a Queue, such as Queue("broadcasts")')
        self.connections = connections
        self.queue = queue
        self.subscriptions = subscriptions
        self.clock = clock or Clock()
        self._backoff = backoff
        rest = None if queue is None else lambda: self._sender
        self.outboxes = Outboxes(
            open_transport, connections, self.clock, backoff, self._found_gone, rest
        )
        self.wire: ChannelWire | None = None
        self.telling = local()
        """Has the attribute `outbox` in a thread while it runs disconnect hooks."""

    def _found_gone(
        self, event: Mapping[str, Any], context: object, outbox: Outbox
    ) -> CallHooks | None:
        raise NotImplementedError

    @complete('@router.channel("name")')
    def channel(
        self, pattern: str, *, presence: bool = False, join_leave: bool = False
    ) -> "Callable[[Authorize], Channel]":
        """Declare channels: `@router.channel("chat:{room}")`.

        An app with channels speaks only Centrifugo's JSON client protocol with its clients. The
        decorated function takes a `Subscription` and values of the pattern's variables. A client
        may subscribe only if the function returns True.

        Args:
            pattern: the pattern of the channels' names; `{name}` matches one or more characters
                except `:` and control characters.
            presence: True if clients that may subscribe may also ask for the channel's members.
            join_leave: True to announce joins and leaves in channels with fewer than 100 members.

        Raises:
            DeclarationError: an argument or the function is invalid, a name can match another
                pattern too, the connection table stores no identity, or the declaration is too
                late.
        """
        check_called("channel", pattern, '"{}"', is_valid=isinstance(pattern, str))
        check_flags(f"channel {pattern!r}", presence=presence, join_leave=join_leave)
        self._check_open(f"channel {pattern!r}")
        if self.wire is None:
            from decanter.runtime.routing.channel_wire import ChannelWire

            self.wire = ChannelWire(self, self.clock, self.connections, self.subscriptions)
            self.subscriptions = self.wire.subscriptions
            self.connections = self.outboxes.connections = self.wire.tables
            self.outboxes.wire = self.wire
        return self.wire.declarer(pattern, presence=presence, join_leave=join_leave)

    def publish(
        self,
        channel: str,
        data: Any,
        *,
        exclude: str | Collection[str] = (),
        context: object = None,
        durable: bool = False,
    ) -> Report:
        """Publish a JSON value to all subscribers of a channel.

        `exclude`, `context` and `durable` have the same meaning as in `broadcast`.

        Raises:
            ConfigurationError: no declared pattern matches the channel, or `durable` is True but
                the router has no queue.
            TooLarge, PostingRefusedError, StoreError, QueueError: as for `broadcast`.
        """
        text = self._channels.publication(channel, data)
        return self._publisher.publish(channel, text, exclude, context, durable=durable)

    def subscribe(self, *, identity: str, channel: str, context: object = None) -> Report:
        """Subscribe all connections of an identity to a channel.

        The report counts the pushes that notify the clients.

        Raises:
            ConfigurationError: no declared pattern matches the channel.
            PostingRefusedError: the Lambda function is not allowed to post.
        """
        change = partial(self._channels.subscribe, identity, channel)
        return self._publisher.run(change, context)

    def unsubscribe(self, *, identity: str, channel: str, context: object = None) -> Report:
        """Unsubscribe all connections of an identity from a channel, like `subscribe`."""
        change = partial(self._channels.unsubscribe, identity, channel)
        return self._publisher.run(change, context)

    def kick(
        self, *, identity: str, code: int = 3503, reason: str = "", context: object = None
    ) -> Report:
        """Close all connections of an identity.

        With a code from 3000 to 3499 or from 4000 to 4499, the client reconnects. The reason is for
        the client's log.

        Raises:
            ValueError: the code is not from 3000 to 4999.
            ConfigurationError: the app has no channels.
            PostingRefusedError: the Lambda function is not allowed to post or to close connections.
        """
        change = partial(self._channels.kick, identity, code, reason)
        return self._publisher.run(change, context)

    @property
    def _channels(self) -> "ChannelWire":
        if self.wire is None:
            raise ConfigurationError("the router has no channels: declare one with @router.channel")
        return self.wire

    def sweep(self, context: object = None) -> dict[str, Any]:
        """Delete rows of gone connections, and close connections with an expired identity.

        In an app with channels, this method also closes connections whose clients have sent no
        connect command. Call it from a scheduled function with the name `sweep`, because the
        function's rights depend on this name. With Lambda's `context`, the sweep ends before the
        Lambda function's timeout.

        Returns:
            The fields of the log line. A DecanterError is not raised, but the field `problem`
            contains its text.
        """
        return self._sweeper.run(context)

    def broadcast(
        self,
        frame: Frame,
        after: str = BEGINNING,
        exclude: str | Collection[str] = (),
        *,
        context: object = None,
        durable: bool = False,
    ) -> Report:
        """Send a frame to every connection, from any Lambda function with `@uses(sends=True)`.

        If the router has a queue, this method posts to the first `DECANTER_INLINE_RECIPIENTS`
        connections, and the queue's function posts to all other connections.

        Args:
            frame: without channels, a string is sent unchanged, and anything else is sent as its
                JSON text. With channels, the frame becomes the JSON `data` of a `message` push.
            after: the cursor of an incomplete report; the broadcast continues there.
            exclude: one connection id or several to exclude.
            context: Lambda's context, or Chalice's event. With a context, the broadcast ends before
                the Lambda function's timeout. Without a context, it ends after
                `DECANTER_DEADLINE_SECONDS`.
            durable: True to give the whole broadcast to the queue, and post nothing here.

        Raises:
            TooLarge: the frame is larger than `DECANTER_MAX_BROADCAST_BYTES`; nothing is sent.
            PostingRefusedError: the Lambda function is not allowed to post or to read the table.
            StoreError: the table cannot be read for another reason.
            ConfigurationError: `durable` is True, but the router has no queue.
            QueueError: `durable` is True, but SQS does not accept the message.
        """
        return self._publisher.broadcast(frame, after, exclude, context, durable=durable)

    def send(
        self, connection_ids: str | Iterable[str], frame: Frame, *, context: object = None
    ) -> Report:
        """Send a frame to one connection, or to several. `context` is as in `broadcast`."""
        return self._publisher.send(connection_ids, frame, context)

    def close(self, connection_ids: str | Iterable[str], *, context: object = None) -> Report:
        """Close one connection, or several. The report counts closed connections as `sent`."""
        return self._publisher.close(connection_ids, context)

    def fan_out(self, event: Any, context: object = None) -> dict[str, int]:
        """Post the frames of the queue's messages. Call this method in the queue's function.

        `event` is Chalice's SQS event, or Lambda's event as a dict with Lambda's `context`.

        Returns:
            The totals of all messages of the event, by name, such as `posted`.

        Raises:
            DecanterError: the work on a message failed. SQS delivers the messages of the event
                again, and finally moves them to the dead-letter queue.
        """
        return self._worker.run(event, context)

    @cached_property
    def _publisher(self) -> "Publisher":
        """The publisher, imported at the first use. Most functions do not need it."""
        from decanter.runtime.publishing.publisher import Publisher

        return Publisher(self.outboxes, self.telling)

    @cached_property
    def _sender(self) -> "Sender":
        """The queue's sender, imported at the first use. An app without a queue needs none."""
        from decanter.runtime.publishing.queue import Sender
        from decanter.runtime.publishing.sqs import Sqs

        settings = self.outboxes.settings
        segments = self.queue.concurrency if self.queue else 1
        return Sender(settings, Sqs(settings.region), segments)

    @cached_property
    def _worker(self) -> "Worker":
        """The queue's worker, imported at the first use. Only the queue's function needs it."""
        from decanter.runtime.publishing.queue import job_table_of
        from decanter.runtime.publishing.run import Tools
        from decanter.runtime.publishing.worker import Worker

        if self.queue is None:
            raise ConfigurationError('the router has no queue: declare one, as Queue("broadcasts")')
        jobs = job_table_of(self.queue)
        tools = (self.outboxes, self.connections, jobs, self._sender, self.clock, self._backoff)
        return Worker(Tools(*tools))

    @cached_property
    def _sweeper(self) -> "Sweeper":
        """The sweeper, imported at the first use. Only the sweep's function needs it."""
        from decanter.runtime.fanout.sweep import Sweeper

        rows = self.wire.all_rows if self.wire else self.connections
        return Sweeper(self.outboxes, rows, self.clock)


def _check(argument: str, given: object, attribute: str, needed: str) -> None:
    """Check an argument of the router by one attribute, because tests use their own classes."""
    if not hasattr(given, attribute):
        raise DeclarationError(f"Router: {argument}={name_of(given)} must be {needed}")
