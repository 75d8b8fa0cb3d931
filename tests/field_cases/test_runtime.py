"""Section F: the framework at its worst moments."""

import json
import os
import socket
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

import jwt
import jwt.api_jwt
import pytest
from pynamodb.attributes import UnicodeAttribute

from decanter import AllowedOrigins, IdentifiedModel, Router, connection_table
from decanter.runtime.clock import Clock
from decanter.runtime.errors import DeclarationError, SettingError
from decanter.runtime.hooks.tokens import WebTokens
from decanter.runtime.recipients import BEGINNING, Page, Recipient
from decanter.runtime.routing.connection_event import Handshake, Refused
from decanter.runtime.settings import Settings
from decanter.runtime.transports import open_transport
from decanter.runtime.transports.base import Method
from decanter.testing import WebSocketClient
from tests.field_cases.apps import imported, stage
from tests.field_cases.servers import Answer, Asked, serving
from tests.support.counting import calls_of
from tests.support.events import CONNECTED_AT, connect_event, message_event
from tests.support.fakes import GONE, FakeClock, FakeConnections, FakeTransport
from tests.support.gateways import ROOT, SECONDS
from tests.support.management import run_management
from tests.support.peer import OK, Peer, Play, run_peer
from tests.support.projects import write_project
from tests.support.tokens import JWKS, OTHER_JWK, OTHER_KEY, RS256, hello, rs256

SENDER = "Sender0000DoECA="
SAY = json.dumps({"action": "say"})


class Service:
    """A router with a fake table and a fake transport."""

    def __init__(self, connections: Any = None) -> None:
        self.clock = FakeClock()
        self.connections = connections or FakeConnections({SENDER: CONNECTED_AT, "b": CONNECTED_AT})
        self.transport = FakeTransport(self.clock)
        self.router = Router(
            "$request.body.action",
            connections=self.connections,
            open_transport=lambda endpoint, settings: self.transport,
            clock=self.clock,
        )

    def send(self, text: str) -> list[Any]:
        """Send a message; return the frames that the sender gets."""
        self.transport.posts.clear()
        self.router.handle(message_event(text))
        return self.transport.frames_to(SENDER)


def error_code(frames: list[Any]) -> str | None:
    """Return the code of the error frame, if there is one."""
    return next((each["error"]["code"] for each in frames if "error" in each), None)


# --------------------------------------------------------------------------- F1, F2: payloads


@dataclass
class And:
    left: "And | Or | None" = None


@dataclass
class Or:
    left: "And | Or | None" = None


@pytest.mark.row("F1")
def test_a_union_that_contains_itself_is_read_in_linear_time() -> None:
    """It may also be refused at import. The number of calls is used because it does not depend on
    the load.
    """
    service = Service()

    def query(request: Any, payload: And) -> None:
        request.reply("taken")

    try:
        service.router.route("query")(query)
    except DeclarationError:
        return
    few, many = (calls_of(service.send, nested(depth)) for depth in (4, 8))
    assert many < 4 * few


def nested(depth: int) -> str:
    return '{"action": "query", "left": ' + '{"left": ' * depth + "1" + "}" * depth + "}"


POSTPONED = """
from __future__ import annotations
from dataclasses import InitVar, dataclass
from typing import NotRequired, TypedDict

class Move(TypedDict):
    x: int
    by: NotRequired[str]

@dataclass
class Paint:
    color: str
    thick: InitVar[bool]

def move(request, payload: Move):
    request.reply({"moved": payload["x"]})

def paint(request, payload: Paint):
    request.reply({"painted": payload.color})
"""


@pytest.mark.row("F2")
@pytest.mark.parametrize(
    ("route", "message", "answer"),
    [
        ("move", {"x": 1}, {"moved": 1}),
        ("paint", {"color": "red", "thick": True}, {"painted": "red"}),
    ],
)
def test_postponed_annotations_are_evaluated_or_refused_at_import(
    route: str, message: dict[str, Any], answer: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    module = ModuleType("postponed")
    monkeypatch.setitem(sys.modules, "postponed", module)
    exec(compile(POSTPONED, "postponed.py", "exec"), vars(module))
    service = Service()
    try:
        service.router.route(route)(vars(module)[route])
    except DeclarationError:
        return
    assert service.send(json.dumps({"action": route, **message})) == [answer]


# --------------------------------------------------------------------------------- F4: numbers


@pytest.mark.row("F4")
@pytest.mark.parametrize("number", ["1e999", "-1e999", "[1e400]"])
def test_a_number_without_a_json_form_is_refused(number: str) -> None:
    service = Service()
    service.router.route("say")(lambda request: request.broadcast({"n": request.json["n"]}) and "")
    frames = service.send(f'{{"action": "say", "n": {number}}}')
    assert error_code(frames) == "bad_json"
    assert service.transport.posted_to("b") == []


@pytest.mark.row("F4")
@pytest.mark.parametrize(
    ("data", "answer"),
    [
        ("9" * 5000, lambda request: {"you sent": request.json["data"]}),
        ('"\\ud800"', lambda request: request.json["data"]),
    ],
)
def test_a_message_never_causes_an_internal_error(data: str, answer: Any) -> None:
    service = Service()
    service.router.route("say")(lambda request: request.broadcast(answer(request)) and "")
    frames = service.send(f'{{"action": "say", "data": {data}}}')
    assert error_code(frames) != "internal"


# ------------------------------------------------------------------- F5, F6, F8: posts and threads


def takes_two_answers_one(peer: Peer) -> Play:
    def serve(connection: socket.socket, number: int) -> None:
        if peer.request(connection):
            connection.sendall(OK)
            peer.request(connection)

    return serve


@pytest.mark.row("F5")
def test_posts_accepted_by_a_closing_peer_are_counted_as_repeated(signed: None) -> None:
    """The fast transport is used; botocore's retries are counted."""
    settings = Settings(region="eu-west-1", transport="fast", concurrency=4)
    recipients = iter([Recipient(f"c{number:02}", 0) for number in range(20)])
    with run_peer(takes_two_answers_one) as peer:
        url = f"http://127.0.0.1:{peer.port}/v1"
        opened = open_transport(url, settings, Clock(), lambda _: 0.0)
        deliveries = list(opened.call_all("POST", recipients, b"x", Clock().monotonic() + SECONDS))
        opened.shutdown()
        repeated = sum(outcome.repeated for _, outcome in deliveries)
        again = sum(count - 1 for count in Counter(peer.ids).values())
    assert again > 0
    assert repeated >= again


class SlowTable(FakeConnections):
    """A table with a slow second page."""

    def page(self, after: str, now_ms: int, limit: int | None = None) -> Page:
        if after != BEGINNING:
            time.sleep(0.5)
        return super().page(after, now_ms, limit)


@pytest.mark.row("F6")
def test_a_slow_page_causes_no_retry(signed: None, monkeypatch: pytest.MonkeyPatch) -> None:
    connected_at = Clock().time_ms() - 60_000
    ids = [f"c{number:02}" for number in range(12)]
    monkeypatch.setenv("DECANTER_POST_TIMEOUT_SECONDS", "0.2")
    table = SlowTable(dict.fromkeys(ids, connected_at), page_size=10)
    with run_management() as management:
        monkeypatch.setenv("DECANTER_MANAGEMENT_ENDPOINT", management.endpoint)
        router = Router("$request.body.action", connections=table, backoff=lambda _: 0.0)
        router.route("say")(lambda request: request.broadcast("hi") and "")
        router.handle(message_event(SAY))
        assert {each: management.attempts(each) for each in ids} == dict.fromkeys(ids, 1)


def answers_and_closes(peer: Peer) -> Play:
    def serve(connection: socket.socket, number: int) -> None:
        if peer.request(connection):
            connection.sendall(OK.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n"))

    return serve


THREADS = """
import json, sys, threading, time
from decanter import Router
from tests.support.events import message_event
from tests.support.fakes import FakeConnections

sys.setswitchinterval(1e-5)  # threads take turns so often that what can collide does
ids = [f"c{number:02}" for number in range(40)]
table = FakeConnections(dict.fromkeys(ids, int(time.time() * 1000) - 60_000), page_size=1000)
router = Router("$request.body.action", connections=table, backoff=lambda _: 0.0)
sent = []

@router.route("say")
def say(request):
    sent.append(request.broadcast("hi").sent)

together = threading.Barrier(4)

def run():
    together.wait()
    for _ in range(5):
        router.handle(message_event('{"action": "say"}'))

threads = [threading.Thread(target=run) for _ in range(4)]
for each in threads:
    each.start()
for each in threads:
    each.join()
print(json.dumps(sent))
"""


@pytest.mark.row("F8")
def test_threads_of_one_process_broadcast_together(signed: None) -> None:
    """It runs in a separate process: collisions leave sockets open, and close those of others."""
    with run_peer(answers_and_closes) as peer:
        endpoint = f"http://127.0.0.1:{peer.port}/v1"
        child = subprocess.run(
            [sys.executable, "-c", THREADS],
            cwd=ROOT,
            env=os.environ
            | {"DECANTER_MANAGEMENT_ENDPOINT": endpoint, "DECANTER_DEADLINE_SECONDS": "10"},
            stdout=subprocess.PIPE,
            text=True,
            check=True,
        )
    assert json.loads(child.stdout.splitlines()[-1]) == [40] * 20


# ------------------------------------------------------------------------------ F7: damaged rows


class Database:
    """The operations of DynamoDB that read a table, on this machine."""

    def __init__(self) -> None:
        self.items: list[dict[str, Any]] = []
        self.asked: list[tuple[str, dict[str, Any]]] = []

    def __call__(self, asked: Asked) -> Answer:
        operation, question = asked.headers["X-Amz-Target"].rpartition(".")[2], asked.body
        self.asked.append((operation, json.loads(question)))
        answers = {
            "Scan": {"Items": self.items, "Count": len(self.items)},
            "GetItem": {"Item": next(iter(self.items), {})},
        }
        return Answer(200, {}, json.dumps(answers.get(operation, {})).encode())


@pytest.fixture(name="database")
def _database(signed: None, monkeypatch: pytest.MonkeyPatch) -> Iterator[Database]:
    database = Database()

    with serving(database) as url:
        monkeypatch.setenv("AWS_ENDPOINT_URL_DYNAMODB", url)
        monkeypatch.setenv("CONNECTIONS_TABLE", "rows")
        yield database


def table() -> Any:
    """Make a table class without a connection."""

    @connection_table(env="CONNECTIONS_TABLE")
    class Row(IdentifiedModel):
        connection_id = UnicodeAttribute(hash_key=True, attr_name="connectionID")

    return Row


def row(connection_id: str, connected_at: dict[str, Any]) -> dict[str, Any]:
    return {"connectionID": {"S": connection_id}, "connected_at": connected_at}


GOOD = {"N": str(CONNECTED_AT)}


@pytest.mark.row("F7")
@pytest.mark.parametrize("what", ["broadcast", "sweep"])
@pytest.mark.parametrize(
    "damaged",
    [{"N": "1795757694839.5"}, {"N": "1E+40"}, {"N": "-1"}, {"S": "yesterday"}, {"NULL": True}],
)
def test_one_damaged_row_does_not_end_a_run(
    database: Database, monkeypatch: pytest.MonkeyPatch, what: str, damaged: dict[str, Any]
) -> None:
    monkeypatch.setenv("DECANTER_MANAGEMENT_ENDPOINT", "http://127.0.0.1:9/v1")
    database.items = [row("a", GOOD), row("damaged", damaged), row("b", GOOD)]
    service = Service(table())
    service.router.route("say")(lambda request: request.broadcast("1") and "")
    if what == "sweep":
        service.router.sweep()
        reached = service.transport.asked
    else:
        service.router.handle(message_event(SAY))
        reached = [connection_id for connection_id, _ in service.transport.posts]
    assert {"a", "b"} <= {*reached}


@pytest.mark.row("F7")
def test_a_row_in_microseconds_does_not_delay_a_broadcast(database: Database) -> None:
    database.items = [row("a", GOOD), row("damaged", {"N": str(CONNECTED_AT * 1000)})]
    service = Service(table())
    service.transport.answer("damaged", GONE)
    service.router.route("say")(lambda request: request.broadcast("1") and "")
    service.router.handle(message_event(SAY))
    assert service.transport.posted_to("a") == ["1"]
    assert service.clock.slept == []


# ---------------------------------------------------------------------------------- F9: key sets


class Walls(FakeClock):
    """A frozen process: the wall clock continues, the monotonic clock stops."""

    frozen_ms = 0

    def time_ms(self) -> int:
        return super().time_ms() + self.frozen_ms


def is_let_in(hook: WebTokens, token: str) -> bool:
    try:
        hook(hello(token))
    except Refused:
        return False
    return True


@pytest.mark.row("F9")
def test_a_key_without_an_id_refuses_no_client() -> None:
    nameless = {name: value for name, value in OTHER_JWK.items() if name != "kid"}
    keys = {"keys": [nameless, *JWKS["keys"], {"kty": "OKP"}, "no key"]}
    assert is_let_in(WebTokens(RS256, fetch=lambda url: keys), rs256())


@pytest.mark.row("F9")
def test_a_key_for_encryption_verifies_no_token() -> None:
    keys = {"keys": [*JWKS["keys"], {**OTHER_JWK, "kid": "two", "use": "enc"}]}
    hook = WebTokens(RS256, fetch=lambda url: keys)
    assert is_let_in(hook, rs256())
    assert not is_let_in(hook, rs256(OTHER_KEY, "two"))


@pytest.mark.row("F9")
def test_a_key_sets_age_uses_the_wall_clock() -> None:
    clock = Walls()
    sets = [JWKS, {"keys": [{**OTHER_JWK, "kid": "two"}]}]
    hook = WebTokens(RS256, fetch=lambda url: sets.pop(0), clock=clock)
    assert is_let_in(hook, rs256())
    clock.frozen_ms = 60 * 60 * 1000
    assert not is_let_in(hook, rs256())


@pytest.mark.row("F9")
def test_without_a_valid_key_the_pause_is_short() -> None:
    clock = FakeClock()
    answers: list[Any] = [OSError("away"), JWKS]

    def fetch(url: str) -> Any:
        answer = answers.pop(0)
        if isinstance(answer, OSError):
            raise answer
        return answer

    hook = WebTokens(RS256, fetch=fetch, clock=clock)
    assert not is_let_in(hook, rs256())
    clock.elapsed += 5
    assert is_let_in(hook, rs256())


# -------------------------------------------------------------------------- F12: small ones


@dataclass
class Points:
    points: dict[str, int]


@pytest.mark.row("F12")
def test_an_error_with_a_too_large_frame_is_reported() -> None:
    service = Service()

    def draw(request: Any, payload: Points) -> None:
        request.reply("drawn")

    service.router.route("draw")(draw)
    service.transport = WithLimit(service.clock)
    frames = service.send(
        json.dumps({"action": "draw", "points": {"\u00e9" * 30_000: "no number"}})
    )
    assert error_code(frames) == "invalid_payload"


class WithLimit(FakeTransport):
    """Refuses frames that API Gateway refuses."""

    def call(self, method: Method, connection_id: str, data: bytes, deadline: float) -> Any:
        assert len(data) <= 128 * 1024
        return super().call(method, connection_id, data, deadline)


@pytest.mark.row("F12")
@pytest.mark.parametrize("value", [",", " ", " , ,"])
def test_a_list_without_an_origin_accepts_no_page(value: str) -> None:
    event = connect_event()
    event["headers"]["Origin"] = "http://evil.example"
    event["multiValueHeaders"]["Origin"] = ["http://evil.example"]
    with pytest.raises((Refused, SettingError)):
        AllowedOrigins({"DECANTER_ALLOWED_ORIGINS": value})(Handshake(event))


PACED = """
from chalice import Chalice
from pynamodb.attributes import UnicodeAttribute
from decanter import RateLimitedModel, RateLimit, Router, connection_table
from decanter.runtime.clock import Clock

app = Chalice(app_name="t")
app.experimental_feature_flags.update(["WEBSOCKETS"])

@connection_table(env="CONNECTIONS_TABLE")
class Connection(RateLimitedModel):
    connection_id = UnicodeAttribute(hash_key=True, attr_name="connectionID")

class Still(Clock):
    def time_ms(self):
        return 1_700_000_000_000

router = Router("$request.body.action", connections=Connection)
router.on_message(RateLimit(Connection, clock=Still()))

@router.route("say")
def say(request):
    pass

@app.on_ws_connect()
def connect(event):
    return router.handle(event)

@app.on_ws_message()
def message(event):
    return router.handle(event)

app.free_at = lambda connection_id: Connection.get(connection_id).free_at
"""


@pytest.mark.row("F12")
@pytest.mark.parametrize("per_second", [501, 666])
def test_the_rate_limit_is_exact(tmp_path: Path, per_second: int) -> None:
    """The row must count the same milliseconds for each message."""
    variables = {"DECANTER_MESSAGES_PER_SECOND": str(per_second), "CONNECTIONS_TABLE": "rows"}
    project = write_project(tmp_path / "pour", PACED, stage(**variables))
    with imported(project) as app, WebSocketClient(app, project_dir=project) as client:
        alice = client.connect()
        for _ in range(6):
            alice.send_json({"action": "say"})
        used_up = app.free_at(alice.connection_id) - 1_700_000_000_000
    assert used_up == pytest.approx(6 * 1000 / per_second, abs=1.0)


JITTER = """
import os
from decanter.runtime.clock import full_jitter
for _ in range(2):
    if not (child := os.fork()):
        print([full_jitter(attempt) for attempt in range(5)], flush=True)
        os._exit(0)
    os.waitpid(child, 0)
"""


@pytest.mark.row("F12")
def test_processes_of_one_snapshot_pause_for_different_times() -> None:
    done = subprocess.run(
        [sys.executable, "-c", JITTER],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        text=True,
        timeout=SECONDS,
        check=True,
    )
    first, second = done.stdout.splitlines()
    assert first != second


@pytest.mark.row("F12")
def test_an_identity_can_be_read_immediately_after_writing(database: Database) -> None:
    database.items = [{"identity": {"S": "ann"}}]
    service = Service(table())
    service.router.route("say")(lambda request: request.reply(request.identity) and "")
    service.router.handle(message_event(SAY))
    assert service.transport.posted_to(SENDER) == ["ann"]
    ((operation, question),) = database.asked
    assert (operation, question.get("ConsistentRead")) == ("GetItem", True)


def takes_substrings(self: Any, payload: dict[str, Any], issuer: Any) -> None:
    """PyJWT 2.10.0's check of `iss` (CVE-2024-53861)."""
    if payload["iss"] not in issuer:
        raise jwt.InvalidIssuerError("Invalid issuer")


@pytest.mark.row("F12")
@pytest.mark.parametrize("issuer", ["https", "issuer", "https://issue"])
def test_an_issuer_is_compared_as_a_whole_by_any_pyjwt(
    monkeypatch: pytest.MonkeyPatch, issuer: str
) -> None:
    monkeypatch.setattr(jwt.api_jwt.PyJWT, "_validate_iss", takes_substrings)
    hook = WebTokens(RS256, fetch=lambda url: JWKS)
    assert is_let_in(hook, rs256())
    assert not is_let_in(hook, rs256(iss=issuer))


# ----------------------------------------------------------------------------- F13: found gone


@pytest.mark.row("F13")
@pytest.mark.parametrize("what", ["broadcast", "sweep"])
def test_the_app_is_notified_of_a_connection_found_gone(
    monkeypatch: pytest.MonkeyPatch, what: str
) -> None:
    """Its disconnect hook runs, with the code None."""
    monkeypatch.setenv("DECANTER_MANAGEMENT_ENDPOINT", "http://127.0.0.1:9/v1")
    service = Service()
    service.transport.answer("b", GONE)
    told: list[tuple[str, int | None]] = []
    service.router.on_disconnect(lambda ended: told.append((ended.connection_id, ended.code)))
    service.router.route("say")(lambda request: request.broadcast("1") and "")
    if what == "sweep":
        service.router.sweep()
    else:
        service.send(SAY)
    assert [*service.connections.rows] == [SENDER]
    assert told == [("b", None)]
