"""A plain Chalice + boto3 + PynamoDB application, as Chalice's chat tutorial would write it."""

import json
import os

import boto3
from chalice.app import Chalice, WebsocketEvent
from pynamodb.attributes import UnicodeAttribute
from pynamodb.models import Model

app = Chalice(app_name="plain")
app.experimental_feature_flags.update(["WEBSOCKETS"])
app.websocket_api.session = boto3.session.Session()


class Connection(Model):
    """A connected client."""

    class Meta:
        """The table's name and region."""

        table_name = os.environ.get("CONNECTIONS_TABLE", "none")
        region = os.environ.get("AWS_REGION", "eu-west-1")

    connection_id = UnicodeAttribute(hash_key=True, attr_name="connectionID")


@app.on_ws_message()
def message(event: WebsocketEvent) -> None:
    """Send `data` to every client."""
    data = json.dumps(json.loads(event.body)["data"])
    for connection in Connection.scan():
        app.websocket_api.send(connection.connection_id, data)
