"""A Chalice app with only a message handler."""

import boto3
from chalice import Chalice

app = Chalice(app_name="bare")
app.experimental_feature_flags.update(["WEBSOCKETS"])
app.websocket_api.session = boto3.session.Session()


@app.on_ws_message()
def whatever_name(event):
    """Answer."""
    app.websocket_api.send(event.connection_id, f"bare got {event.body}")
