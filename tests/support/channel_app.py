"""An app with channels, for tests in one process and for clients on sockets."""

APP = """\
from dataclasses import dataclass

from chalice import Chalice
from pynamodb.attributes import UnicodeAttribute

from decanter import (
    Disconnection,
    IdentifiedModel,
    JobModel,
    MessageError,
    Publication,
    Queue,
    Refused,
    Router,
    TokenExpired,
    connection_table,
    job_table,
    publish_route,
    scheduled_sweep,
    uses,
)

app = Chalice(app_name="rooms")
app.experimental_feature_flags.update(["WEBSOCKETS"])
app.ended = []
app.peers = []


@connection_table(env="CONNECTIONS_TABLE")
class Connection(IdentifiedModel):
    connection_id = UnicodeAttribute(hash_key=True, attr_name="connectionID")


@job_table()
class Job(JobModel):
    pass


router = Router(
    "$request.body.action", connections=Connection, queue=Queue("broadcasts", concurrency=2)
)
app.router = router
sweep = scheduled_sweep(app, router, {"DECANTER_SWEEP_MINUTES": "5"})
app.register_blueprint(publish_route(router))


@app.on_ws_connect()
def connect(event):
    return router.handle(event)


@app.on_ws_disconnect()
def disconnect(event):
    return router.handle(event)


@app.on_ws_message()
def message(event):
    return router.handle(event)


@app.on_sqs_message(queue="broadcasts", batch_size=1)
def fan_out(event):
    return router.fan_out(event)


@router.authenticate
@uses()
def who(hello):
    if hello.token == "expired":
        raise TokenExpired
    if hello.token == "bad":
        raise Refused(401)
    hello.identity = hello.token or None
    hello.info = {"name": hello.token}
    if isinstance(hello.data, int):
        hello.expires_at = hello.data
    hello.reply = [hello.handshake.headers.get("x-from"), hello.handshake.source_ip]
    if hello.identity:
        hello.subscribe("user:{identity}")


@router.on_disconnect
@uses(sends=True)
def ended(gone: Disconnection):
    app.ended.append((gone.identity, gone.code))


@router.channel("user:{identity}")
@uses()
def own(subscription, identity):
    return subscription.identity == identity


class Full(MessageError):
    code = "full"
    number = 420


@dataclass
class Line:
    text: str


@router.channel("chat:{room}", presence=True, join_leave=True)
@uses()
def chat(subscription, room):
    if room == "full":
        raise Full("the room is full")
    subscription.data = {"room": room}
    return room != "cellar"


@chat.on_publish
@uses()
def say(publication: Publication[Line], room):
    return {"by": publication.identity, "text": publication.data.text}


@router.channel("raw")
@uses()
def raw(subscription):
    return True


@raw.on_publish
@uses()
def anything(publication):
    return publication.raw


@router.route("echo")
@uses()
def echo(request):
    return {"got": request.json}


@router.route("replies")
@uses()
def replies(request):
    request.reply("first")
    request.reply("second")
    return "last"


@router.route("fails")
@uses()
def fails(request, payload: Line):
    raise ZeroDivisionError


@router.route("shout")
@uses()
def shout(request):
    request.broadcast(request.raw("data"))


app.Connection = Connection


@app.lambda_function()
@uses()
def cannot(event, context):
    return do(event, context)


@app.lambda_function()
@uses(sends=True)
def do(event, context):
    return getattr(router, event.pop("call"))(**event, context=context)
"""
