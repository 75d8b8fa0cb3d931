"""A chat with rooms and nicknames, like Chalice's own tutorial."""

from boto3.session import Session
from chalice import Chalice

from chalicelib import Chat, Storage

app = Chalice(app_name="chat")
app.websocket_api.session = Session()
app.experimental_feature_flags.update(["WEBSOCKETS"])
storage = Storage()
chat = Chat(app, storage)


@app.on_ws_connect()
def connect(event):
    """Remember the connection."""
    storage.enter(event.connection_id)


@app.on_ws_disconnect()
def disconnect(event):
    """Delete it, and notify its room."""
    room = storage.room(event.connection_id)
    name = storage.name(event.connection_id)
    storage.leave(event.connection_id)
    if room is not None:
        chat.tell_room(room, f"{name} has left.")


@app.on_ws_message()
def message(event):
    """Pass the line on."""
    chat.handle(event.connection_id, event.body)
