"""An app that sends from a function of each kind, except the functions of connections."""

from pathlib import Path

from tests.support.projects import write_project

HEAD = """\
from chalice import Chalice
from pynamodb.attributes import UnicodeAttribute

from decanter import IdentifiedModel, Router, connection_table, uses

app = Chalice(app_name="pour")
app.experimental_feature_flags.update(["WEBSOCKETS"])


@connection_table(env="CONNECTIONS_TABLE")
class Connection(IdentifiedModel):
    connection_id = UnicodeAttribute(hash_key=True, attr_name="whose")


router = Router("$request.body.action", connections=Connection)


@router.authenticate
def named(hello):
    hello.identity = "ann"


@app.on_ws_connect()
def connect(event):
    return router.handle(event)


@app.on_ws_message()
def message(event):
    return router.handle(event)


@app.on_ws_disconnect()
def disconnect(event):
    return router.handle(event)


@app.lambda_function()
def silent(event, context):
    router.broadcast("never", context=context)


@app.route("/route")
@uses(sends=True)
def route():
    return {"sent": router.broadcast("route").sent}

"""
STREAM = "arn:aws:dynamodb:eu-west-1:123456789012:table/orders/stream/2026-01-01T00:00:00.000"
KINDS = {
    "schedule": '@app.schedule("rate(1 hour)")',
    "queue": '@app.on_sqs_message(queue="jobs")',
    "topic": '@app.on_sns_message(topic="news")',
    "bus": '@app.on_cw_event({"source": ["shop"]})',
    "stream": f'@app.on_dynamodb_record(stream_arn="{STREAM}")',
    "pure": "@app.lambda_function()",
}
"""Functions without an HTTP route, by name, each with Chalice's decorator."""

OF_CHALICE = {
    "queue": {"sqs:ReceiveMessage", "sqs:DeleteMessage", "sqs:GetQueueAttributes"},
    "stream": {
        *("dynamodb:DescribeStream", "dynamodb:GetRecords"),
        *("dynamodb:GetShardIterator", "dynamodb:ListStreams"),
    },
}
"""The rights that Chalice adds for the source of a function's events."""

FUNCTION = """
{decorator}
@uses(sends=True)
def {name}(event{more}):
    return {{"sent": router.broadcast("{name}", context={context}).sent}}

"""
CONFIG = {
    "version": "2.0",
    "app_name": "pour",
    "stages": {"dev": {"api_gateway_stage": "v1"}},
}


def source() -> str:
    """Return the app's source."""
    functions = [
        FUNCTION.format(
            decorator=decorator,
            name=name,
            more=", context" if name == "pure" else "",
            context="context" if name == "pure" else "event",
        )
        for name, decorator in KINDS.items()
    ]
    return HEAD + "".join(functions)


def senders(folder: Path) -> Path:
    """Write the project and return its folder."""
    return write_project(folder, source(), CONFIG)
