"""A Chalice app without a message handler."""

from chalice import Chalice

app = Chalice(app_name="silent")
app.experimental_feature_flags.update(["WEBSOCKETS"])


@app.on_ws_connect()
def connect(event):
    """Accept the client."""
