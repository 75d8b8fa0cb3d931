"""The part of a router's declaration for its channels. On AWS, no code imports this file."""

from typing import Any

from decanter.runtime.recipients import SWEEP
from decanter.runtime.rights import contributions
from decanter.runtime.routing.channel_wire import ChannelWire

MESSAGE, DISCONNECT = "websocket_message", "websocket_disconnect"
_DELETE, _GET, _PUT, _QUERY, _UPDATE = (
    f"dynamodb:{call}Item" if call != "Query" else "dynamodb:Query"
    for call in ("Delete", "Get", "Put", "Query", "Update")
)


def with_channels(
    found: dict[str, Any], wire: ChannelWire, authenticating: list[Any]
) -> dict[str, Any]:
    """Return a router's declaration with its channels.

    The message function reads and writes the connection table and the subscription table. Each
    function that deletes a connection's row also deletes the connection's subscriptions, and may
    announce that the connection has left its channels. `authenticating` contains the authenticate
    hook if there is one.
    """
    announce = wire.channels.announce
    functions = [it for each in wire.channels for it in (each.authorize, each.publish) if it]
    ended = [_DELETE, *([_QUERY] if announce else [])]
    everything = [_DELETE, _GET, _PUT, _QUERY, _UPDATE]
    found["posts"] |= {
        MESSAGE: ["DELETE", "POST"],
        SWEEP: ["DELETE", "GET", "POST"],
        **({DISCONNECT: ["POST"]} if announce else {}),
    }
    found["uses"][MESSAGE] += contributions([*authenticating, *functions])
    return {
        **found,
        "channels": {
            "patterns": [each.pattern.source for each in wire.channels],
            "connections": {MESSAGE: [_GET, _UPDATE]},
            "subscriptions": {MESSAGE: everything, DISCONNECT: ended, SWEEP: ended},
            "senders": {"connections": [_GET, _UPDATE], "subscriptions": everything},
        },
    }
