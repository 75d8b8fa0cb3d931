"""With a right taken away, the error is AWS's, and the printed line grants the right again."""

import re
import sys
from collections.abc import Callable, Iterator
from types import ModuleType
from typing import Any, NamedTuple

import pytest
from botocore.exceptions import ClientError
from pynamodb.exceptions import PynamoDBException

from decanter.testing import WebSocket, WebSocketClient
from tests.support.gateways import ROOT

CHAT = (ROOT / "examples" / "chat" / "app.py").read_text()
SHOP = """\
import boto3
from chalice import Chalice
from pynamodb.attributes import UnicodeAttribute
from pynamodb.indexes import AllProjection, GlobalSecondaryIndex
from pynamodb.models import Model

from decanter import ConnectionModel, Router, connection_table, table, uses

app = Chalice(app_name="shop")
app.experimental_feature_flags.update(["WEBSOCKETS"])


@connection_table(env="CONNECTIONS_TABLE")
class Connection(ConnectionModel):
    connection_id = UnicodeAttribute(hash_key=True, attr_name="connectionID")
    nickname = UnicodeAttribute(null=True)


class ByCustomer(GlobalSecondaryIndex):
    class Meta:
        index_name = "by_customer"
        projection = AllProjection()

    customer = UnicodeAttribute(hash_key=True)


@table(env="ORDERS_TABLE")
class Order(Model):
    number = UnicodeAttribute(hash_key=True)
    customer = UnicodeAttribute()
    by_customer = ByCustomer()


router = Router("$request.body.action", connections=Connection)
ARN = {"Fn::GetAtt": ["OrdersTable", "Arn"]}
DESCRIBE = {"Effect": "Allow", "Action": "dynamodb:DescribeTable", "Resource": ARN}


@app.on_ws_connect()
def connect(event):
    return router.handle(event)


@app.on_ws_message()
def message(event):
    return router.handle(event)


@app.on_ws_disconnect()
def disconnect(event):
    return router.handle(event)


@router.on_disconnect
@uses(reads=[Order], sends=True)
def gone(disconnection):
    Order.batch_get(["1"])
    [*Order.batch_get(["1"])]
    disconnection.broadcast({"left": disconnection.connection_id})


@router.route("order")
@uses(writes=[Order])
def order(request):
    with Order.batch_write() as batch:
        batch.save(Order("2", customer="ann"))


@app.route("/orders")
@uses(reads=[Order], also=[DESCRIBE])
def orders():
    client = boto3.client("dynamodb", region_name="us-east-1")
    client.describe_table(TableName=Order.Meta.table_name)
    found = client.scan(TableName=Order.Meta.table_name, IndexName="by_customer")
    return found["Count"]


@app.route("/pay", methods=["POST"])
@uses(writes=[Connection])
def pay():
    Connection("a=").update([Connection.nickname.set("payer")])


@app.schedule("rate(1 hour)")
@uses(writes=[Order], sends=True)
def hourly(event):
    router.broadcast("an hour", context=event)
    Order("1", customer="ann").save()
"""


def play_chat(client: WebSocketClient) -> None:
    everyone = [client.connect(token="", data=name) for name in ("a", "b", "c", "d")]
    first, second, _, last = [each.subscribe("room:tea") for each in everyone]
    second.unsubscribe()
    everyone[2].vanish()
    first.publish("hi")
    assert first.receive() == last.receive() == {"from": "a", "text": "hi"}
    assert first.presence()
    everyone[0].close()


def play_shop(client: WebSocketClient) -> None:
    alice, bob = client.connect(), client.connect()
    alice.send_json({"action": "order"})
    client.http.get("/orders")
    client.http.post("/pay")
    try:
        client.invoke("hourly")
    except Exception as error:  # noqa: BLE001 - that of the app
        client.errors.append(error)
    alice.close()
    drain(alice, bob)


def drain(*websockets: WebSocket) -> None:
    for each in websockets:
        while each.unread:
            each.receive()


class Case(NamedTuple):
    """An app without one of the rights that it declares."""

    right: str
    source: str
    play: Callable[[WebSocketClient], None]


USES = re.compile(r"^@uses\(.+\)$", re.MULTILINE)
MODELS = re.compile(r"(reads|writes)=\[([\w, ]+)\]")
OTHERS = re.compile(r"sends=True|also=\[.*\](?=\))")


def rights(line: str) -> Iterator[str]:
    """Yield the rights in a line of `@uses`."""
    for word, names in MODELS.findall(line):
        yield from (f"{word} {name}" for name in names.split(", "))
    yield from OTHERS.findall(line)


def without(right: str, line: str) -> str:
    word, _, model = right.partition(" ")

    def rest(found: re.Match[str]) -> str:
        names = [name for name in found[2].split(", ") if (found[1], name) != (word, model)]
        return f"{found[1]}=[{', '.join(names)}]"

    return MODELS.sub(rest, line).replace(f", {right}", "").replace(right, "")


def cases() -> Iterator[Case]:
    for line in USES.findall(SHOP):
        for right in rights(line):
            yield Case(right, SHOP.replace(line, without(right, line)), play_shop)


class Played(NamedTuple):
    """The notes about missing rights, each with its line, and the exceptions of the app."""

    notes: list[tuple[str, str]]
    errors: list[BaseException]


Run = Callable[[str, Callable[[WebSocketClient], None]], Played]


@pytest.fixture(name="run")
def _run(caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch) -> Run:
    def run(source: str, play: Callable[[WebSocketClient], None]) -> Played:
        module: Any = ModuleType("missing_rights")
        monkeypatch.setitem(sys.modules, "missing_rights", module)
        exec(compile(source, "<missing_rights>", "exec"), vars(module))
        caplog.clear()
        with WebSocketClient(module.app) as client:
            play(client)
            errors = [*client.errors]
        records = [it for it in caplog.records if it.name == "decanter.testing.running"]
        notes = [it.args for it in records if isinstance(it.args, tuple)]
        return Played([(str(what), str(line)) for what, line in notes], errors)

    return run


def pasted(source: str, what: str, line: str) -> str:
    """Return the source with the line where the note says, in place of an old `@uses`."""
    lines = source.splitlines()
    if route := re.search(r"below (@router\.route\(.*\)):$", what):
        start = next(n for n, text in enumerate(lines) if text.startswith(route[1]))
    elif path := re.search(r"the HTTP route (\S+):$", what):
        start = next(n for n, text in enumerate(lines) if text.startswith(f'@app.route("{path[1]}'))
    else:
        (name,) = re.findall(r"below the decorator of (\w+) in", what)
        start = lines.index(next(text for text in lines if text.startswith(f"def {name}(")))
    at = next(n for n in range(start, len(lines)) if lines[n].startswith("def "))
    old = lines[at - 1].startswith("@uses(")
    return "\n".join([*lines[: at - old], line, *lines[at:]]) + "\n"


def causes(error: BaseException | None) -> Iterator[BaseException]:
    while error is not None:
        yield error
        error = error.__cause__ or error.__context__


def is_of_aws(error: BaseException) -> bool:
    """True if a client of AWS raised it, or one that took it from an answer of AWS."""
    for each in causes(error):
        if isinstance(each, ClientError):
            return bool(each.response["Error"]["Code"] == "AccessDeniedException")
        if isinstance(each, PynamoDBException):
            return each.cause_response_code == "AccessDeniedException"
    return "posting to connections is refused (AccessDenied" in str(error)


@pytest.mark.parametrize(("source", "play"), [(CHAT, play_chat), (SHOP, play_shop)])
def test_with_all_rights_nothing_is_denied(run: Run, source: str, play: Any) -> None:
    assert run(source, play) == ([], [])


@pytest.mark.parametrize(
    "case", [*cases()], ids=lambda it: f"{it.play.__name__[5:]}-{it.right[:20]}"
)
def test_the_printed_lines_grant_the_right_again(run: Run, case: Case) -> None:
    source = case.source
    notes, errors = run(source, case.play)
    assert notes
    assert any(map(is_of_aws, errors)), errors
    for _ in range(5):
        for what, line in notes:
            source = pasted(source, what, line)
        notes, errors = run(source, case.play)
        if not notes:
            break
    assert (notes, errors) == ([], [])
