"""`decanter rights`: a client's session in this process, as a gateway reports it."""

import json
import sys
from collections.abc import Iterator
from types import ModuleType
from typing import Any

import pytest

from decanter.testing import WebSocketClient
from tests.docs.snippets import ROOT, load, sections
from tests.field_cases.apps import run
from tests.field_cases.servers import Answer, serving

GUIDE = next(iter(sections(ROOT / "docs/guides/rights.md")))

PUBLISHER = """
from chalice import Chalice
from pynamodb.attributes import UnicodeAttribute
from pynamodb.models import Model

from decanter import IdentifiedModel, Router, connection_table, scheduled_sweep, table, uses

app = Chalice(app_name="orders")
app.experimental_feature_flags.update(["WEBSOCKETS"])


@connection_table(env="CONNECTIONS_TABLE")
class Connection(IdentifiedModel):
    connection_id = UnicodeAttribute(hash_key=True, attr_name="connectionID")


@table(env="ORDERS_TABLE")
class Order(Model):
    number = UnicodeAttribute(hash_key=True)


@table(env="STOCKS_TABLE")
class Stock(Model):
    number = UnicodeAttribute(hash_key=True)


router = Router("$request.body.action", connections=Connection)
sweep = scheduled_sweep(app, router)


@app.on_ws_connect()
def connect(event):
    return router.handle(event)


@app.on_ws_message()
def message(event):
    return router.handle(event)


@router.authenticate
@uses()
def name(hello):
    hello.identity = hello.data


@router.channel("orders")
@uses()
def orders(_):
    return True


@app.on_sqs_message(queue="incoming", batch_size=1)
{uses}
def incoming(event):
    Order("1").save()
    router.publish("orders", 1)
"""
"""An app with its own tables, and with a function of a queue that publishes to a channel."""


@pytest.fixture(name="recorded", scope="module")
def _recorded() -> Iterator[dict[str, Any]]:
    """The rights of the guide's app, after a client came, got a new name, and went."""
    module = load("docs_rights_command", GUIDE.code())
    with WebSocketClient(vars(module)["app"]) as client:
        alice, bob = client.connect(), client.connect()
        client.http.get("/online")
        alice.send_json({"action": "rename", "name": "al"})
        alice.close()
        bob.receive_json()
        yield json.loads(json.dumps(client._rights.to_json()))
    del sys.modules["docs_rights_command"]


def lines(answer: dict[str, Any], *arguments: str) -> str:
    with serving(lambda asked: Answer(200, {}, json.dumps(answer).encode())) as url:
        done = run("rights", "--url", url, *arguments)
    assert done.status == 0, done.err
    return done.out


def test_each_function_has_the_line_for_its_calls(recorded: dict[str, Any]) -> None:
    functions = recorded["functions"]
    assert {name: (each["uses"], each["place"]) for name, each in functions.items()} == {
        "api_handler": ("@uses(reads=[Connection])", "online in docs_rights_command.py"),
        "report": ("", ""),
        "websocket_connect": ("", ""),
        "websocket_disconnect": ("@uses(sends=True)", "farewell in docs_rights_command.py"),
        "websocket_message": (
            "@uses(writes=[Connection])",
            "rename in docs_rights_command.py, farewell in docs_rights_command.py",
        ),
    }
    assert [each["unused"] for each in functions.values()] == [[]] * 5
    assert [name for name, each in functions.items() if not each["ran"]] == ["report"]


def test_it_prints_them_by_function(recorded: dict[str, Any]) -> None:
    recorded["functions"]["api_handler"] |= {
        "denied": [{"action": "dynamodb:PutItem", "resource": "arn:x"}],
        "unused": ["sends=True"],
    }
    part = next(it for it in lines(recorded).split("\n\n") if it.startswith("api_handler"))
    assert [line.split()[:2] for line in part.splitlines()] == [
        ["api_handler"],
        ["granted", "dynamodb:BatchGetItem,"],
        ["granted", "logs:CreateLogStream,"],
        ["used", "dynamodb:Scan"],
        ["denied", "dynamodb:PutItem"],
        ["never", "used"],
        ["exactly", "@uses(reads=[Connection])"],
        ["in", "online"],
    ]


@pytest.mark.parametrize("clients", [0, 1])
@pytest.mark.parametrize(
    "uses", ["", "@uses()", "@uses(reads=[Stock], writes=[Order], sends=True)"]
)
def test_the_line_of_a_sender_names_only_the_apps_own_models(
    uses: str, clients: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    module: Any = ModuleType("publisher")
    monkeypatch.setitem(sys.modules, "publisher", module)
    exec(PUBLISHER.format(uses=uses), vars(module))
    with WebSocketClient(module.app, iam="warn") as client:
        members = [client.connect(token="", data="ann") for _ in range(clients)]
        pushes = [each.subscribe("orders") for each in members]
        client.invoke("incoming", client.events.example("incoming", "1"))
        assert [each.receive() for each in pushes] == [1] * clients
        functions = client._rights.to_json()["functions"]
    assert functions["incoming"]["uses"] == "@uses(writes=[Order], sends=True)"
    assert functions["websocket_message"]["uses"] == ""


def test_it_says_which_functions_did_not_run(recorded: dict[str, Any]) -> None:
    part = next(it for it in lines(recorded).split("\n\n") if it.startswith("report"))
    assert part.splitlines()[-1] == "  did not run"


@pytest.mark.parametrize(
    ("mode", "said"), [("warn", "The lines of @uses"), ("off", "No calls are")]
)
def test_the_last_line_says_what_is_recorded(mode: str, said: str) -> None:
    assert f"iam: {mode}. {said}" in lines({"iam": mode, "functions": {}})


def test_it_prints_them_as_json(recorded: dict[str, Any]) -> None:
    assert json.loads(lines(recorded, "--format", "json")) == recorded


def test_every_form_of_a_statement_is_printed() -> None:
    statements = [
        {"Effect": "Deny", "NotAction": ["s3:*"], "Resource": "arn:a"},
        {"Effect": "Allow", "Action": "s3:*", "NotResource": ["arn:b", "arn:c"]},
    ]
    facts = {"known": False, "granted": statements, "place": "work in app.py", "uses": "a\nb"}
    facts |= {"used": [], "denied": [], "unused": [], "ran": True}
    shown = lines({"iam": "warn", "functions": {"work": facts}})
    assert shown.splitlines()[:5] == [
        "work (its policies are not known on this machine)",
        "  refused     all but s3:* on arn:a",
        "  granted     s3:* on all but arn:b, arn:c",
        "  exactly     a",
        "  exactly     b",
    ]


def test_without_a_gateway_it_is_one_line() -> None:
    done = run("rights", "--url", "ws://127.0.0.1:8000")
    assert done.refused
    assert "not an address" in done.reason
