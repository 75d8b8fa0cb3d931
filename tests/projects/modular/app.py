"""Blueprints, and handlers that are imported from chalicelib."""

from boto3.session import Session
from chalice import Chalice
from chalicelib.admin import admin

from chalicelib import sockets

app = Chalice(app_name="modular")
app.websocket_api.session = Session()
app.experimental_feature_flags.update(["WEBSOCKETS"])
app.register_blueprint(admin, name_prefix="admin_", url_prefix="/admin")

connect = app.on_ws_connect()(sockets.connect)
message = app.on_ws_message()(sockets.message)
