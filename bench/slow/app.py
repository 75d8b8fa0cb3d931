"""A handler that waits for the time in its message, then sends the message back."""

import time

from boto3.session import Session
from chalice import Chalice
from chalice.app import WebsocketEvent

app = Chalice(app_name="slow")
app.experimental_feature_flags.update(["WEBSOCKETS"])
app.websocket_api.session = Session()


@app.on_ws_message()
def message(event: WebsocketEvent) -> None:
    """Wait, then answer."""
    time.sleep(float(event.body))
    app.websocket_api.send(event.connection_id, event.body)
