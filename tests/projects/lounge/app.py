"""An app with channels, for the tests that run Centrifugo's clients against it."""

import time

from chalice import Chalice
from pynamodb.attributes import UnicodeAttribute

from decanter import (
    IdentifiedModel,
    MessageError,
    Publication,
    Refused,
    Router,
    WebTokens,
    connection_table,
    scheduled_sweep,
    uses,
)

app = Chalice(app_name="lounge")
app.experimental_feature_flags.update(["WEBSOCKETS"])


@connection_table(env="CONNECTIONS_TABLE")
class Connection(IdentifiedModel):
    connection_id = UnicodeAttribute(hash_key=True, attr_name="connectionID")


router = Router("$request.body.message", connections=Connection)
sweep = scheduled_sweep(app, router)


class Full(MessageError):
    """An error of the application itself."""

    code = "full"
    number = 418


class Who(WebTokens):
    """Clients without a token are anonymous, or whom their data names."""

    def __call__(self, hello):
        data = hello.data or {}
        if data.get("refused"):
            raise Refused(401)
        if hello.token:
            super().__call__(hello)
        else:
            hello.identity = data.get("name")
            hello.info = data.get("info")
            if "seconds" in data:
                hello.expires_at = int(time.time()) + data["seconds"]
        if hello.identity:
            hello.subscribe("user:{identity}")


router.authenticate(Who())


@router.channel("user:{identity}")
def own(subscription, identity):
    return subscription.identity == identity


@router.channel("chat:{room}", presence=True, join_leave=True)
def chat(subscription, room):
    subscription.data = {"room": room}
    return room != "closed"


@chat.on_publish
def say(publication: Publication[dict], room):
    if publication.data.get("drop"):
        return None
    if publication.data.get("full"):
        raise Full(f"{room} is full")
    return {"by": publication.identity, **publication.data}


@router.channel("feed:{name}")
def feed(subscription, name):
    return True


@feed.on_publish
def copy(publication, name):
    """Publish the exact text: None as data would publish nothing."""
    return publication.raw


@router.channel("news:{name}")
def news(subscription, name):
    """Clients may listen, but not publish."""
    return 1 if name == "almost" else True


@router.channel("private:{name}")
def private(subscription, name):
    """Only a client with a subscription token may listen."""
    return subscription.has_token


@router.route("echo")
def echo(request):
    return request.json


@router.route("whoami")
def whoami(request):
    return {"identity": request.identity}


@router.route("fail")
def fail(request):
    raise Full("no room left")


@router.route("crash")
def crash(request):
    raise RuntimeError("as requested")


@router.route("note")
def note(request):
    """Answer a `send` with a message."""
    request.send(request.connection_id, {"noted": request.json["data"]})


@app.route("/do/{what}", methods=["POST"])
@uses(sends=True)
def do(what):
    """Publish, broadcast, subscribe, unsubscribe or kick: from a function without a socket."""
    order = app.current_request.json_body
    getattr(router, what)(**order)
    return {}


@app.on_ws_connect()
def connect(event):
    return router.handle(event)


@app.on_ws_message()
def message(event):
    return router.handle(event)


@app.on_ws_disconnect()
def disconnect(event):
    return router.handle(event)
