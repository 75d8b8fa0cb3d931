"""Handlers with names of their own, a decorator above Chalice's, one made by a function."""

from functools import wraps

from boto3.session import Session
from chalice import Chalice

app = Chalice(app_name="named")
app.websocket_api.session = Session()
app.experimental_feature_flags.update(["WEBSOCKETS"])


@app.middleware("all")
def counted(event, get_response):
    print("an event of", type(event).__name__)
    return get_response(event)


def timed(handler):
    @wraps(handler)
    def call(event, context):
        print("milliseconds left:", context.get_remaining_time_in_millis())
        return handler(event, context)

    return call


@timed
@app.on_ws_connect(name="hello")
def connect(event):
    pass


def make_log(prefix):
    @app.on_ws_message(name="log")
    def message(event):
        print(prefix + event.body)

    return message


message = make_log("said: ")


@app.schedule("cron(0 3 * * ? *)", name="night")
def nightly(event):
    return event.event_id


@app.lambda_function(name="add")
def addition(event, context):
    return sum(event.get("numbers", ()))
