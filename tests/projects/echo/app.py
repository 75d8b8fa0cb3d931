"""The echo server of a Chalice tutorial: each client gets its own messages back."""

from boto3.session import Session
from chalice import Chalice, WebsocketDisconnectedError

app = Chalice(app_name="echo")
app.websocket_api.session = Session()
app.experimental_feature_flags.update(["WEBSOCKETS"])


@app.on_ws_message()
def message(event):
    """Send the body back."""
    try:
        app.websocket_api.send(connection_id=event.connection_id, message=event.body)
    except WebsocketDisconnectedError as error:
        app.log.info("%s has left", error.connection_id)
