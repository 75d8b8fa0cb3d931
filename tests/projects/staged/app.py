"""Three stages; prod has no generated policies, and a policy file for its HTTP routes alone."""

import os

from chalice import Chalice
from pynamodb.attributes import UnicodeAttribute

from decanter import ConnectionModel, Router, connection_table

app = Chalice(app_name="staged")
app.experimental_feature_flags.update(["WEBSOCKETS"])


@connection_table(env="CONNECTIONS_TABLE")
class Connection(ConnectionModel):
    connection_id = UnicodeAttribute(hash_key=True, attr_name="connectionID")


router = Router("$request.body.action", connections=Connection)


@router.route("greet")
def greet(request):
    request.broadcast(os.environ["GREETING"])


@app.route("/health")
def health():
    return {"greeting": os.environ["GREETING"]}


@app.on_ws_connect()
def connect(event):
    return router.handle(event)


@app.on_ws_message()
def message(event):
    return router.handle(event)


@app.on_ws_disconnect()
def disconnect(event):
    return router.handle(event)
