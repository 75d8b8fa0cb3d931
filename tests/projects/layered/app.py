"""Layers, a VPC, tracing, tags, and settings of single functions."""

from boto3.session import Session
from chalice import Chalice

app = Chalice(app_name="layered")
app.websocket_api.session = Session()
app.experimental_feature_flags.update(["WEBSOCKETS"])


@app.route("/documents/{name}")
def document(name):
    return {"name": name}


@app.on_ws_connect()
def connect(event):
    return {"statusCode": 200}


@app.on_ws_message()
def message(event):
    print("rendered", len(event.body))


@app.on_ws_disconnect()
def disconnect(event):
    pass
