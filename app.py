"""Decanter: a message from one client goes to every connected client."""

from typing import Any

from chalice.app import Chalice, WebsocketEvent

from chalicelib.connections import Connection
from decanter import AllowedOrigins, Request, Router, scheduled_sweep, uses

app = Chalice(app_name="decanter")
app.experimental_feature_flags.update(["WEBSOCKETS"])

router = Router("$request.body.message", connections=Connection)
router.on_connect(AllowedOrigins())


@app.on_ws_connect()
def connect(event: WebsocketEvent) -> dict[str, Any]:
    return router.handle(event)


@app.on_ws_message()
def message(event: WebsocketEvent) -> dict[str, Any]:
    return router.handle(event)


@app.on_ws_disconnect()
def disconnect(event: WebsocketEvent) -> dict[str, Any]:
    return router.handle(event)


@router.route("sendmessage", operation_name="SendRoute")
@uses()  # the router's own rights are enough
def send_message(request: Request) -> str:
    """Send `data` to every client, including the sender, as the JSON text that the sender wrote."""
    request.broadcast(request.raw("data"))
    return "Data sent."


sweep = scheduled_sweep(app, router)
