"""Decanter: what one client sends, every connected client gets."""

import os
from typing import Any

from chalice.app import Chalice, CloudWatchEvent, Rate, WebsocketEvent

from chalicelib.connections import Connection
from decanter import (
    AllowedOrigins,
    Request,
    Router,
    sweep_minutes,
)

app = Chalice(app_name="decanter")
app.experimental_feature_flags.update(["WEBSOCKETS"])


router = Router("$request.body.message", connections=Connection)
router.on_connect(AllowedOrigins())


@app.on_ws_connect()
def connect(event: WebsocketEvent) -> dict[str, Any]:
    return router.connect(event.to_dict())


@app.on_ws_disconnect()
def disconnect(event: WebsocketEvent) -> dict[str, Any]:
    return router.disconnect(event.to_dict())


@app.on_ws_message()
def message(event: WebsocketEvent) -> dict[str, Any]:
    return router.dispatch(event.to_dict(), event.context)


if minutes := sweep_minutes(os.environ):

    @app.schedule(Rate(minutes, unit=Rate.MINUTES))
    def sweep(event: CloudWatchEvent) -> dict[str, Any]:
        return router.sweep(event.context)


@router.route("sendmessage", operation_name="SendRoute")
def send_message(request: Request) -> str:
    """Send `data` to everyone, the sender included, as the JSON text that the client wrote."""
    request.broadcast(request.raw("data"))
    return "Data sent."
