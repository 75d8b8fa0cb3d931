"""An app with a router has the handlers that pass events to the router."""

import pytest

from decanter.project.declared_handlers import unreachable, unrecorded

CONNECT, MESSAGE, DISCONNECT = "websocket_connect", "websocket_message", "websocket_disconnect"


@pytest.mark.parametrize(
    ("functions", "has_routes", "refused"),
    [
        ([CONNECT, DISCONNECT], True, True),
        ([CONNECT], False, False),
        ([CONNECT, MESSAGE], True, False),
        ([], True, False),  # the app may use the router only to send
    ],
)
def test_routes_need_a_message_handler(
    functions: list[str], has_routes: bool, refused: bool
) -> None:
    reason = unreachable(functions, has_routes=has_routes)
    assert (reason is not None) is refused
    assert not refused or "@app.on_ws_message(), with parentheses" in str(reason)


@pytest.mark.parametrize(
    ("functions", "named"),
    [
        ([], []),
        ([CONNECT, MESSAGE, DISCONNECT], []),
        ([MESSAGE, DISCONNECT], ["@app.on_ws_connect()"]),
        ([MESSAGE], ["@app.on_ws_connect()", "@app.on_ws_disconnect()"]),
    ],
)
def test_a_missing_handler_is_a_warning(functions: list[str], named: list[str]) -> None:
    warnings = unrecorded(functions)
    assert len(warnings) == len(named)
    assert all(name in warning for name, warning in zip(named, warnings, strict=True))
