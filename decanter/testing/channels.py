"""A test client for an app with channels. It speaks Centrifugo's JSON protocol.

    alice = websocket_client.connect(token=token_of("alice"))
    chat = alice.subscribe("chat:42")
    bob.publish("chat:42", {"text": "hi"})
    assert chat.receive() == {"by": "bob", "text": "hi"}

Unlike an SDK, this client does not reconnect or subscribe again.
"""

import json
from collections import deque
from typing import Any

from decanter.gateway.model import Connection
from decanter.testing.errors import CommandRefused, ConnectionClosed, NoFrame
from decanter.testing.websocket import Peer, Runner

Push = dict[str, Any]

OPTIONAL = ("join", "leave", "subscribe")
"""The pushes that a test does not have to receive."""


MOST_SHOWN = 5
"""The maximum number of unread pushes and frames in an error message."""


class ClientSubscription:
    """A client's subscription to a channel.

    Attributes:
        channel: the channel's name.
        data: the channel's initial data, or None.
        ttl: the seconds until the client must refresh the subscription token; None if the token
            does not expire.
    """

    def __init__(self, client: "ChannelClient", channel: str, reply: Push) -> None:
        self.channel = channel
        self.data = reply.get("data")
        self.ttl: int | None = reply.get("ttl")
        self._client = client
        self._ended: tuple[int, str] | None = None

    @property
    def ended(self) -> tuple[int, str] | None:
        """The code and the reason with which the subscription ended; None while it is active."""
        return self._ended if self not in self._client.subscriptions.values() else None

    def end(self, code: int, reason: str) -> None:
        """Record the end of the subscription. Only `ChannelClient` calls this."""
        self._ended = (code, reason)

    def receive(self) -> Any:
        """Return the data of the next publication.

        Raises:
            NoFrame: no publication is left. Waiting does not help, because every handler has run.
            ConnectionClosed: no publication is left, and the connection is closed.
        """
        __tracebackhide__ = True
        return self.receive_push("pub")["data"]

    def receive_push(self, kind: str) -> Push:
        """Return the next push of a kind, such as `pub` or `join`, without the channel's name.

        Raises:
            NoFrame, ConnectionClosed: as in `receive`.
        """
        __tracebackhide__ = True
        return self._client.receive_push(kind, self.channel)

    def publish(self, data: Any) -> None:
        """Publish a JSON value, like `ChannelClient.publish`."""
        __tracebackhide__ = True
        self._client.publish(self.channel, data)

    def presence(self) -> dict[str, Push]:
        """Return the info of each client in the channel, like `ChannelClient.presence`."""
        __tracebackhide__ = True
        return self._client.presence(self.channel)

    def unsubscribe(self) -> None:
        """End the subscription, like `ChannelClient.unsubscribe`."""
        __tracebackhide__ = True
        self._client.unsubscribe(self.channel)

    def refresh(self, token: str) -> None:
        """Send a new subscription token.

        Raises:
            CommandRefused: the server refuses the command.
        """
        __tracebackhide__ = True
        reply = self._client.request("sub_refresh", channel=self.channel, token=token)
        self.ttl = reply.get("ttl")


class ChannelClient(Peer):
    """A client that sends commands and receives pushes.

    Attributes:
        id: the client's id, which presence and publications contain.
        data: the data in the reply to the connect command, or None.
        ttl: the seconds until the client must refresh its token; None if the token does not expire.
    """

    def __init__(self, client: Runner, connection: Connection, name: str) -> None:
        super().__init__(client, connection, name)
        self.id = ""
        self.data: Any = None
        self.ttl: int | None = None
        self._subscriptions: dict[str, ClientSubscription] = {}
        self._last_id = 0
        self._replies: dict[int, Push] = {}
        self._pushes: deque[Push] = deque()
        self._others: list[str] = []
        self._disconnect: tuple[int, str] | None = None

    @property
    def closed(self) -> tuple[int, str] | None:
        """The close code and the close reason, as an SDK reports them; None while connected.

        If the app ends the connection, the gateway's close frame has the code 1000. The disconnect
        push before this frame has the code for the SDK, 3000 to 4999.
        """
        self._client.run_pending()
        self._read()
        return self.inbox.closed and (self._disconnect or self.inbox.closed)

    @property
    def subscriptions(self) -> dict[str, ClientSubscription]:
        """The client's current subscriptions by channel, including those that the server made."""
        self._client.run_pending()
        self._read()
        return self._subscriptions

    @property
    def unread(self) -> list[str]:
        """The frames and pushes that the test has not received yet, except those in `OPTIONAL`."""
        self._client.run_pending()
        self._read()
        needed = [push for push in self._pushes if _kind(push) not in OPTIONAL]
        return [*map(json.dumps, needed), *self._others]

    def request(self, command: str, **fields: Any) -> Any:
        """Send a command for which this class has no method, and return the reply.

        Raises:
            CommandRefused: the reply is an error.
            NoFrame: no reply has arrived.
            ConnectionClosed: the connection was already closed, or is closed instead of a reply.
        """
        __tracebackhide__ = True
        self._last_id += 1
        number = self._last_id
        self._transmit(json.dumps({"id": number, command: fields}))
        self._read()
        reply = self._replies.pop(number, None)
        if reply is None:
            self._check_open()
            raise self._nothing(f"no reply to {command}") from self._client.last_error
        if (error := reply.get("error")) is not None:
            raise CommandRefused(self.name, command, error) from self._client.last_error
        return reply[command]

    def hello(self, token: str, data: Any = None) -> None:
        """Send the connect command. Only `WebSocketClient.connect` calls this."""
        __tracebackhide__ = True
        reply = self.request("connect", **_given(token=token, data=data))
        self.id, self.data, self.ttl = reply["client"], reply.get("data"), reply.get("ttl")
        for channel, subscribed in reply.get("subs", {}).items():
            self.subscriptions[channel] = ClientSubscription(self, channel, subscribed)

    def subscribe(self, channel: str, *, token: str = "", data: Any = None) -> ClientSubscription:
        """Subscribe to a channel.

        Args:
            channel: the channel's name.
            token: a subscription token; "" for none.
            data: a JSON value that the channel's function gets.

        Raises:
            CommandRefused: the server refuses the command.
        """
        __tracebackhide__ = True
        reply = self.request("subscribe", channel=channel, **_given(token=token, data=data))
        self.subscriptions[channel] = subscription = ClientSubscription(self, channel, reply)
        return subscription

    def unsubscribe(self, channel: str) -> None:
        """End the subscription to a channel.

        Raises:
            CommandRefused: the server refuses the command.
        """
        __tracebackhide__ = True
        self.request("unsubscribe", channel=channel)
        if subscription := self.subscriptions.pop(channel, None):
            subscription.end(0, "unsubscribe called")

    def publish(self, channel: str, data: Any) -> None:
        """Publish a JSON value. When this method returns, every subscriber has it.

        If the app has a queue and there are many subscribers, the last subscribers get the value
        when the test calls `WebSocketClient.drain`.

        Raises:
            CommandRefused: the server refuses the command.
        """
        __tracebackhide__ = True
        self.request("publish", channel=channel, data=data)

    def presence(self, channel: str) -> dict[str, Push]:
        """Return the info of each client in a channel, by the client's id.

        Raises:
            CommandRefused: the server refuses the command.
        """
        __tracebackhide__ = True
        found: dict[str, Push] = self.request("presence", channel=channel).get("presence", {})
        return found

    def presence_stats(self, channel: str) -> tuple[int, int]:
        """Return the number of clients and the number of users in a channel.

        Raises:
            CommandRefused: the server refuses the command.
        """
        __tracebackhide__ = True
        reply = self.request("presence_stats", channel=channel)
        return reply.get("num_clients", 0), reply.get("num_users", 0)

    def rpc(self, method: str, data: Any = None) -> Any:
        """Run the route with the name `method`, and return its answer.

        Raises:
            CommandRefused: the route refuses the call or does not exist.
        """
        __tracebackhide__ = True
        return self.request("rpc", method=method, data=data).get("data")

    def send(self, data: Any) -> None:
        """Send a message without a reply. When this method returns, the route has run."""
        __tracebackhide__ = True
        self._transmit(json.dumps({"send": {"data": data}}))

    def refresh(self, token: str) -> None:
        """Send a new connection token.

        Raises:
            CommandRefused, ConnectionClosed: the token is refused.
        """
        __tracebackhide__ = True
        self.ttl = self.request("refresh", token=token).get("ttl")

    def receive(self) -> Any:
        """Return the data of the next message that the app has sent with `broadcast` or `send`.

        Raises:
            NoFrame: no message is left. Waiting does not help, because every handler has run.
            ConnectionClosed: no message is left, and the connection is closed.
        """
        __tracebackhide__ = True
        return self.receive_push("message")["data"]

    def receive_push(self, kind: str, channel: str = "") -> Push:
        """Return the next push of a kind, without the channel's name.

        Args:
            kind: `pub`, `join`, `leave`, `unsubscribe`, `subscribe` or `message`.
            channel: the channel of the push; "" for a push without a channel.

        Raises:
            NoFrame, ConnectionClosed: as in `receive`.
        """
        __tracebackhide__ = True
        self._client.run_pending()
        self._read()
        for push in self._pushes:
            if kind in push and push.get("channel", "") == channel:
                self._pushes.remove(push)
                found: Push = push[kind]
                return found
        self._check_open()
        where = f" of channel {channel}" if channel else ""
        raise self._nothing(f"no push {kind}{where}") from self._client.last_error

    def _nothing(self, what: str) -> NoFrame:
        others, self._others = [*self._others, *map(json.dumps, self._pushes)], []
        but = f", but {', '.join(others[:MOST_SHOWN])}" if others else ""
        return NoFrame(self.name, self._client.raised, what + but)

    def _read(self) -> None:
        while self.inbox.frames:
            for line in self.inbox.frames.popleft().split("\n"):
                self._take(line)

    def _take(self, line: str) -> None:
        try:
            value = json.loads(line)
        except ValueError:
            value = None
        if isinstance(value, dict) and "push" in value:
            self._follow(value["push"])
        elif isinstance(value, dict) and "id" in value:
            self._replies[value["id"]] = value
        elif value != {}:  # a ping
            self._others.append(line)

    def _follow(self, push: Push) -> None:
        channel = push.get("channel", "")
        if "disconnect" in push:
            self._disconnect = (push["disconnect"]["code"], push["disconnect"].get("reason", ""))
            return
        if "subscribe" in push:
            self._subscriptions[channel] = ClientSubscription(self, channel, push["subscribe"])
        elif "unsubscribe" in push and channel in self._subscriptions:
            end = push["unsubscribe"]
            self._subscriptions.pop(channel).end(end.get("code", 0), end.get("reason", ""))
        self._pushes.append(push)

    def _check_open(self) -> None:
        __tracebackhide__ = True
        if (closed := self.closed) is not None:
            raise ConnectionClosed(self.name, *closed)


def _given(**fields: Any) -> dict[str, Any]:
    return {name: value for name, value in fields.items() if value not in (None, "")}


def _kind(push: Push) -> str:
    return next((name for name in push if name != "channel"), "")
