"""A plain Chalice app, without Decanter, that follows the commands of a test's client.

The connect handler follows the query string, the message handler the message. Each handler writes
its event to a file in the folder PROBE_EVENTS, so a test can read an event that no client sees.
"""

import json
import os
import pathlib
import sys
import time

import boto3
from chalice import Chalice, Response, WebsocketDisconnectedError

app = Chalice(app_name="probe")
app.experimental_feature_flags.update(["WEBSOCKETS"])
app.websocket_api.session = boto3.session.Session()
EVENTS = os.environ.get("PROBE_EVENTS")


@app.middleware("all")
def stamp(event, get_response):
    """Show that middleware runs."""
    os.environ["PROBE_MIDDLEWARE"] = "ran"
    return get_response(event)


def keep(event):
    """Write the event to the test's file, atomically, if the test has a folder for it."""
    if EVENTS is None:
        return
    context = event.to_dict()["requestContext"]
    path = pathlib.Path(EVENTS) / f"{context['eventType']}-{context['connectionId']}.json"
    path.with_suffix(".part").write_text(json.dumps(event.to_dict()))
    path.with_suffix(".part").rename(path)


@app.on_ws_connect()
def arrive(event):
    """Follow the query string."""
    keep(event)
    query = event.to_dict().get("queryStringParameters") or {}
    if "raise" in query:
        raise RuntimeError("as requested")
    if "exit" in query:
        os._exit(3)
    if "sleep" in query:
        time.sleep(float(query["sleep"]))
    if "self" in query:
        app.websocket_api.send(event.connection_id, "too early")
    if "return" in query:
        return json.loads(query["return"])
    return Response("body", headers={"X-Dropped": "yes"}, status_code=200)


@app.on_ws_message()
def obey(event):
    """Follow the message: an object with one command. Anything else is echoed."""
    try:
        order = json.loads(event.body)
    except ValueError:
        order = None
    if not isinstance(order, dict) or not set(order) & set(ORDERS):
        app.websocket_api.send(event.connection_id, f"echo {event.body}")
        return None
    name = next(name for name in order if name in ORDERS)
    return ORDERS[name](event, order[name])


def send(event, value):
    """Send a text back."""
    app.websocket_api.send(
        event.connection_id, value if isinstance(value, str) else json.dumps(value)
    )


def fail(event, _):
    """Raise."""
    raise RuntimeError("as requested")


def sleep(event, seconds):
    """Sleep, then answer."""
    time.sleep(seconds)
    app.websocket_api.send(event.connection_id, "slept")


def outlive(event, seconds):
    """Wait until the connection's disconnect handler has run, then write a file."""
    deadline = time.monotonic() + seconds
    while not (EVENTS / f"DISCONNECT-{event.connection_id}.json").exists():
        if time.monotonic() > deadline:
            raise TimeoutError("no disconnect event")
        time.sleep(0.01)
    (EVENTS / f"outlived-{event.connection_id}").touch()


def give(event, value):
    """Return a value."""
    return value


def leave(event, status):
    """End the process."""
    os._exit(status)


def show(event, what):
    """Send the event, the context or the environment."""
    keep(event)
    shown = {
        "event": event.to_dict,
        "context": lambda: context_of(event.context),
        "environment": lambda: dict(os.environ),
        "process": os.getpid,
        "path": lambda: sys.path,
    }
    send(event, shown[what]())


def context_of(context):
    """A Lambda context as JSON."""
    names = "aws_request_id function_name function_version memory_limit_in_mb log_group_name"
    values = {name: getattr(context, name) for name in names.split()}
    return {**values, "remaining": context.get_remaining_time_in_millis()}


def info(event, connection_id):
    """Describe a connection."""
    described = app.websocket_api.info(connection_id or event.connection_id)
    described.pop("ResponseMetadata")
    send(event, json.loads(json.dumps(described, default=str)))


def close(event, connection_id):
    """Close a connection, by default its own; send if it was open."""
    try:
        app.websocket_api.close(connection_id or event.connection_id)
    except WebsocketDisconnectedError:
        send(event, "gone")


def post(event, order):
    """Post through a client with an explicit real endpoint."""
    stage = event.to_dict()["requestContext"]["stage"]
    client = boto3.client(
        "apigatewaymanagementapi",
        endpoint_url=f"https://abcdefghij.execute-api.us-east-1.amazonaws.com/{stage}",
    )
    client.post_to_connection(ConnectionId=event.connection_id, Data=order.encode())


def write(event, text):
    """Print and log."""
    print(text)
    app.log.error("logged %s", text)


ORDERS = {
    each.__name__: each
    for each in (send, fail, sleep, outlive, give, leave, show, info, close, post, write)
}


@app.on_ws_disconnect()
def depart(event):
    """Write the event, check if the connection is still known, then raise an exception, which has
    no effect.
    """
    try:
        app.websocket_api.info(event.connection_id)
    except WebsocketDisconnectedError:
        if EVENTS is not None:
            (pathlib.Path(EVENTS) / f"gone-{event.connection_id}").touch()
    keep(event)
    raise RuntimeError("nobody uses a disconnect handler's outcome")


@app.route("/")
def index():
    """An HTTP route in addition to the WebSocket."""
    return {"hello": app.current_request.query_params or "world"}


@app.route("/items/{name}", methods=["PUT"])
def put_item(name):
    """An HTTP route with a body."""
    return Response({name: app.current_request.json_body}, status_code=201)
