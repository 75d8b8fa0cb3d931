"""A plain Chalice app, without Decanter, that sends each message back."""

from boto3.session import Session
from chalice.app import Chalice, WebsocketEvent

app = Chalice(app_name="echo")
app.experimental_feature_flags.update(["WEBSOCKETS"])
app.websocket_api.session = Session()


@app.on_ws_message()
def echo(event: WebsocketEvent) -> None:
    app.websocket_api.send(event.connection_id, event.body)
