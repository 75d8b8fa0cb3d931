"""A chat with rooms and nicknames, for the clients `centrifuge` (npm) and `centrifuge-python`."""

from chalice.app import Chalice, WebsocketEvent
from pynamodb.attributes import UnicodeAttribute

from decanter import (
    Hello,
    IdentifiedModel,
    Publication,
    Refused,
    Response,
    Router,
    Subscription,
    connection_table,
    scheduled_sweep,
    uses,
)

app = Chalice(app_name="chat")
app.experimental_feature_flags.update(["WEBSOCKETS"])


@connection_table(env="CONNECTIONS_TABLE")
class Connection(IdentifiedModel):
    connection_id = UnicodeAttribute(hash_key=True, attr_name="connectionID")


router = Router("$request.body.action", connections=Connection)
sweep = scheduled_sweep(app, router)


@app.on_ws_connect()
def connect(event: WebsocketEvent) -> Response:
    return router.handle(event)


@app.on_ws_message()
def message(event: WebsocketEvent) -> Response:
    return router.handle(event)


@app.on_ws_disconnect()
def disconnect(event: WebsocketEvent) -> Response:
    return router.handle(event)


@router.authenticate
@uses()
def name(hello: Hello) -> None:
    if not isinstance(hello.data, str) or not 1 <= len(hello.data) <= 32:
        raise Refused(400, "the connect data must be a nickname of 1 to 32 characters")
    hello.identity = hello.data


@router.channel("room:{room}", presence=True, join_leave=True)
@uses()
def chat(_: Subscription, room: str) -> bool:
    return len(room) <= 64


@chat.on_publish
@uses()
def say(publication: Publication[str]) -> dict[str, str | None]:
    return {"from": publication.identity, "text": publication.data}
