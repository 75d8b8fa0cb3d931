"""Time that passes: for API Gateway, for DynamoDB and for the framework of an app."""

import sys
import time
from collections.abc import Iterator
from typing import Any

import jwt
import pytest

from decanter.runtime.clock import Clock as FrameworksClock
from decanter.testing import ConnectRefused, WebSocketClient
from decanter.testing.clock import Clock
from tests.field_cases.apps import imported
from tests.support.projects import CONFIG, write_project

SECRET = "s" * 32
APP = """
from chalice import Chalice
from pynamodb.attributes import UnicodeAttribute

from decanter import (
    IdentifiedModel, RateLimit, RateLimitedModel, Router, WebTokens, connection_table,
    scheduled_sweep,
)

app = Chalice(app_name="pour")
app.experimental_feature_flags.update(["WEBSOCKETS"])


@connection_table(env="CONNECTIONS_TABLE")
class Connection(IdentifiedModel, RateLimitedModel):
    connection_id = UnicodeAttribute(hash_key=True, attr_name="connectionID")


app.connections = Connection
router = Router("$request.body.action", connections=Connection)
router.authenticate(WebTokens())
router.on_message(RateLimit(Connection))
sweep = scheduled_sweep(app, router)


@app.on_ws_connect()
def connect(event):
    app.connected_at = event.to_dict()["requestContext"]["connectedAt"]
    return router.handle(event)


@app.on_ws_disconnect()
def disconnect(event):
    context = event.to_dict()["requestContext"]
    code, now = context["disconnectStatusCode"], context["requestTimeEpoch"]
    app.ended.append((event.connection_id, code, now))
    return router.handle(event)


@app.on_ws_message()
def message(event):
    return router.handle(event)


@router.route("echo")
def echo(request):
    request.reply("echo")
"""
VARIABLES = {
    "DECANTER_JWT_ISSUER": "tests",
    "DECANTER_JWT_AUDIENCE": "tests",
    "DECANTER_JWT_SECRET": SECRET,
    "DECANTER_JWT_LEEWAY_SECONDS": "0",
    "DECANTER_MESSAGES_PER_SECOND": "1",
    "DECANTER_SWEEP_MINUTES": "5",
    "CONNECTIONS_TABLE": "pour-connections",
}
STAGE = {"dev": {"environment_variables": VARIABLES}}
ECHO = {"action": "echo"}


@pytest.fixture(name="app", scope="module")
def _app(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    folder = tmp_path_factory.mktemp("projects") / "pour"
    project = write_project(folder, APP, {**CONFIG, "stages": STAGE})
    with pytest.MonkeyPatch.context() as patch:
        for name, value in VARIABLES.items():
            patch.setenv(name, value)
        with imported(project) as app:
            app.project = project
            yield app


@pytest.fixture(name="client")
def _client(app: Any) -> Iterator[WebSocketClient]:
    app.ended = []
    with WebSocketClient(app, project_dir=app.project) as client:
        yield client


def token(client: WebSocketClient, seconds: float) -> str:
    now = int(client.clock.time())
    claims = {"iss": "tests", "aud": "tests", "sub": "alice", "iat": now, "nbf": now}
    return jwt.encode(claims | {"exp": now + int(seconds)}, SECRET, "HS256")


def connect(client: WebSocketClient, seconds: float = 86400) -> Any:
    return client.connect(query={"token": token(client, seconds)})


def rows(app: Any) -> list[str]:
    return [row.connection_id for row in app.connections.scan()]


def test_an_idle_connection_is_closed_after_ten_minutes(client: WebSocketClient, app: Any) -> None:
    alice, bob = connect(client), connect(client)
    client.clock.advance(300)
    bob.send_json(ECHO)
    bob.receive()
    client.clock.advance(250)
    assert (alice.closed, bob.closed) == (None, None)
    client.clock.advance(50)
    assert (alice.closed, bob.closed) == ((1001, "Going away"), None)
    assert [each[:2] for each in app.ended] == [(alice.connection_id, 1001)]
    assert rows(app) == [bob.connection_id]


def test_a_busy_connection_is_closed_after_two_hours(client: WebSocketClient, app: Any) -> None:
    alice = connect(client)
    for _ in range(13):
        client.clock.advance(550)
        alice.send_json(ECHO)
        alice.receive()
    client.clock.advance(20)
    assert alice.closed is None
    client.clock.advance(30)
    assert alice.closed == (1001, "Going away")


def test_each_thing_happens_at_its_own_time(client: WebSocketClient, app: Any) -> None:
    """The disconnect handler runs after ten minutes, not after the whole day."""
    began = client.clock.time()
    connect(client)
    client.clock.advance(86400)
    assert app.ended[0][2] / 1000 - began == pytest.approx(600, abs=5)


def test_two_hours_take_milliseconds(client: WebSocketClient) -> None:
    for _ in range(20):
        connect(client)
    began = time.process_time()
    client.clock.advance(2 * 60 * 60)
    assert time.process_time() - began < 2  # 0.2 s on a quiet machine


def test_rows_expire(client: WebSocketClient, app: Any) -> None:
    """The gateway reports no end, and nothing else deletes the row."""
    connect(client).vanish()
    client.clock.advance(7800 - 60)
    assert len(rows(app)) == 1
    client.clock.advance(61)
    assert rows(app) == []


def test_a_row_expires_as_dynamodb_says(client: WebSocketClient, app: Any) -> None:
    """Items without an expiry stay, and those whose expiry is more than five years ago."""
    now = int(client.clock.time())
    dynamodb: Any = app.connections._get_connection().connection.client
    for name, expiry in (("soon", now + 5), ("old", now - 6 * 365 * 86400), ("none", None)):
        item = {"connectionID": {"S": name}}
        item |= {} if expiry is None else {"expires_at": {"N": str(expiry)}}
        dynamodb.put_item(TableName="pour-connections", Item=item)
    client.clock.advance(6)
    found = dynamodb.scan(TableName="pour-connections")["Items"]
    assert sorted(item["connectionID"]["S"] for item in found) == ["none", "old"]


def test_tokens_expire(client: WebSocketClient) -> None:
    early = token(client, 60)
    client.connect(query={"token": early})
    client.clock.advance(30)
    client.connect(query={"token": early})
    client.clock.advance(30)
    with pytest.raises(ConnectRefused, match="401"):
        client.connect(query={"token": early})
    connect(client, 60)


def test_a_sweep_closes_the_connections_of_expired_identities(
    client: WebSocketClient, app: Any
) -> None:
    alice, bob = connect(client, 60), connect(client, 500)
    client.clock.advance(300)
    assert client.invoke("sweep")["closed"] == 1
    assert (alice.closed, bob.closed) == ((1000, "Connection Closed Normally"), None)


def test_a_rate_limit_allows_the_next_message_later(client: WebSocketClient) -> None:
    alice = connect(client)
    for _ in range(2):
        alice.send_json(ECHO)
    assert alice.receive() == "echo"
    assert alice.receive_json()["error"]["code"] == "rate_limited"
    client.clock.advance(2)
    alice.send_json(ECHO)
    assert alice.receive() == "echo"


def test_the_next_client_begins_at_the_machines_time(app: Any) -> None:
    monotonic = FrameworksClock().monotonic()
    with WebSocketClient(app, project_dir=app.project) as client:
        client.clock.advance(3600)
        connect(client)
        assert app.connected_at / 1000 - time.time() == pytest.approx(3600, abs=5)
        assert client.clock.time() - time.time() == pytest.approx(3600, abs=5)
    assert FrameworksClock().time_ms() / 1000 - time.time() == pytest.approx(0, abs=1)
    assert FrameworksClock().monotonic() - monotonic >= 3600  # pauses of the app's objects end


def test_time_does_not_go_back(client: WebSocketClient) -> None:
    with pytest.raises(ValueError, match="cannot be put back"):
        client.clock.advance(-1)


def test_steps_end_at_what_is_due() -> None:
    steps: list[float] = []
    due = iter([10, 0, 5, 100])

    def act() -> float:
        steps.append(clock.time() - began)
        return next(due, 100)

    clock = Clock(act)
    began = clock.time()
    clock.advance(20)
    clock.reset()
    assert steps == pytest.approx([0, 10, 10.001, 15.001, 20], abs=0.5)


def test_a_framework_that_is_imported_later_gets_the_time_and_loses_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    before, clock = FrameworksClock.ahead, Clock(lambda: 1e9)
    with monkeypatch.context() as patched:
        patched.delitem(sys.modules, "decanter.runtime.clock")
        clock.advance(100)
    assert FrameworksClock.ahead == before
    clock.advance(20)
    assert FrameworksClock.ahead - before == pytest.approx(120)
    clock.reset()
    assert FrameworksClock.ahead == pytest.approx(before)
