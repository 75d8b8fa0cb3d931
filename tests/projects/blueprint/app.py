"""A Chalice app whose message handler is in a Blueprint, which Chalice never wraps."""

from chalice import Blueprint, Chalice

extra = Blueprint(__name__)


@extra.on_ws_message()
def message(event):
    """Never called."""


app = Chalice(app_name="blueprint")
app.experimental_feature_flags.update(["BLUEPRINTS", "WEBSOCKETS"])
app.register_blueprint(extra)
