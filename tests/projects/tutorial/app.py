"""A chat as in Chalice's tutorial, with its merge template in the root."""

import os

import boto3
from boto3.dynamodb.conditions import Key
from chalice import Chalice, WebsocketDisconnectedError

app = Chalice(app_name="tutorial")
app.websocket_api.session = boto3.session.Session()
app.experimental_feature_flags.update(["WEBSOCKETS"])

ROOM = "lobby"


def members():
    return boto3.resource("dynamodb").Table(os.environ["MEMBERS_TABLE"])


@app.on_ws_connect()
def connect(event):
    members().put_item(Item={"room": ROOM, "connection": event.connection_id})


@app.on_ws_disconnect()
def disconnect(event):
    members().delete_item(Key={"room": ROOM, "connection": event.connection_id})


@app.on_ws_message()
def message(event):
    for row in members().query(KeyConditionExpression=Key("room").eq(ROOM))["Items"]:
        if row["connection"] == event.connection_id:
            continue
        try:
            app.websocket_api.send(row["connection"], event.body)
        except WebsocketDisconnectedError:
            members().delete_item(Key={"room": ROOM, "connection": row["connection"]})
