"""The Chalice handlers that pass the events of connections to a router."""

from collections.abc import Collection

MESSAGE, CONNECT, DISCONNECT = "websocket_message", "websocket_connect", "websocket_disconnect"


def unreachable(functions: Collection[str], *, has_routes: bool) -> str | None:
    """Return the reason why no client reaches a router's routes; None if clients reach them.

    An app without any WebSocket handler may use its router only to send. `functions` are the
    configuration keys of the app's WebSocket functions. `has_routes` is also True if the router has
    channels.
    """
    if not functions or MESSAGE in functions or not has_routes:
        return None
    return (
        "the router has routes, but the app has no message handler, so each message is answered "
        "with a Forbidden frame: add @app.on_ws_message(), with parentheses, above a function that "
        "returns router.handle(event)"
    )


def unrecorded(functions: Collection[str]) -> list[str]:
    """Return a warning for each missing handler that a router needs for its connection rows."""
    lacking = {
        CONNECT: "no connect handler, so the router records no connection and a broadcast reaches "
        "no client: add @app.on_ws_connect()",
        DISCONNECT: "no disconnect handler, so the row of a closed connection stays until a "
        "broadcast or a sweep deletes it: add @app.on_ws_disconnect()",
    }
    return [
        f"the app has a router and {text}, with parentheses, above a function that returns "
        "router.handle(event)"
        for function, text in lacking.items()
        if functions and function not in functions
    ]
