"""PynamoDB models with `Meta` and an index, without the framework."""

from boto3.session import Session
from chalice import Chalice
from chalicelib.models import Score

app = Chalice(app_name="scores")
app.websocket_api.session = Session()
app.experimental_feature_flags.update(["WEBSOCKETS"])


@app.route("/rooms/{room}")
def best(room):
    return [score.player for score in Score.by_room.query(room, scan_index_forward=False, limit=3)]


@app.on_ws_connect()
def connect(event):
    Score(event.connection_id, room="lobby").save()


@app.on_ws_message()
def message(event):
    Score(event.connection_id, room="lobby", points=len(event.body)).save()


@app.on_ws_disconnect()
def disconnect(event):
    Score(event.connection_id).delete()
