"""The app of `bench/gateway.py`, which echoes through @connections, or from a two-way route."""

from typing import Any

from boto3.session import Session
from chalice import Chalice
from chalice.app import WebsocketEvent

app = Chalice(app_name="echo")
app.experimental_feature_flags.update(["WEBSOCKETS"])
app.websocket_api.session = Session()


@app.on_ws_message()
def message(event: WebsocketEvent) -> dict[str, Any]:
    """Send the body back, or return it if the route is two-way."""
    if event.to_dict()["requestContext"]["routeKey"] == "two-way":
        return {"statusCode": 200, "body": event.body}
    app.websocket_api.send(event.connection_id, event.body)
    return {"statusCode": 200}
