"""A message from one client goes to every connected client."""

from typing import Any

from chalice.app import Chalice, WebsocketEvent
from pynamodb.attributes import UnicodeAttribute

from decanter import ConnectionModel, Request, Router, connection_table, uses

app = Chalice(app_name="broadcast")
app.experimental_feature_flags.update(["WEBSOCKETS"])


@connection_table(env="CONNECTIONS_TABLE", read_capacity_units=5, write_capacity_units=5)
class Connection(ConnectionModel):
    connection_id = UnicodeAttribute(hash_key=True, attr_name="connectionID")


router = Router("$request.body.message", connections=Connection)


@app.on_ws_connect()
def connect(event: WebsocketEvent) -> dict[str, Any]:
    return router.handle(event)


@app.on_ws_disconnect()
def disconnect(event: WebsocketEvent) -> dict[str, Any]:
    return router.handle(event)


@app.on_ws_message()
def message(event: WebsocketEvent) -> dict[str, Any]:
    return router.handle(event)


@router.route("sendmessage", operation_name="SendRoute")
@uses()
def send_message(request: Request) -> None:
    request.broadcast(request.raw("data"))
