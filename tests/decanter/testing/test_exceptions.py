"""The exceptions of an app's functions, as its tests get them."""

import logging
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from decanter.testing import ConnectRefused, NoFrame, UnreadFrames, WebSocketClient
from tests.field_cases.apps import imported
from tests.support.projects import CONFIG, write_project
from tests.support.pytests import run_pytest

APP = """
from chalice import Chalice
from pynamodb.attributes import UnicodeAttribute

from decanter import ConnectionModel, Router, connection_table

app = Chalice(app_name="pour")
app.experimental_feature_flags.update(["WEBSOCKETS"])


@connection_table(env="CONNECTIONS_TABLE")
class Connection(ConnectionModel):
    connection_id = UnicodeAttribute(hash_key=True, attr_name="connectionID")


router = Router("$request.body.action", connections=Connection)


@app.on_ws_connect()
def connect(event):
    if "queryStringParameters" in event.to_dict():
        raise KeyError("in connect")
    return router.handle(event)


@app.on_ws_disconnect()
def disconnect(event):
    return router.handle(event)


@app.on_ws_message()
def message(event):
    if event.body == "plain":
        raise KeyError("in message")
    return router.handle(event)


@router.route("fail")
def fail(request):
    raise ValueError("in a route")


@router.on_disconnect
def first(gone):
    raise TypeError("in a first hook")


@router.on_disconnect
def second(gone):
    raise TypeError("in a second hook")


@app.route("/fail")
def broken():
    raise OSError("in HTTP")


@app.schedule("rate(1 hour)")
def nightly(event):
    raise ZeroDivisionError("in a schedule")
"""


@pytest.fixture(name="app", scope="module")
def _app(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    project = write_project(tmp_path_factory.mktemp("projects") / "pour", APP, CONFIG)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("CONNECTIONS_TABLE", "pour-dev-connections")
        with imported(project) as app:
            app.project = project
            yield app


@pytest.fixture(name="client")
def _client(app: Any) -> Iterator[WebSocketClient]:
    with WebSocketClient(app, project_dir=app.project) as client:
        yield client


def texts(client: WebSocketClient) -> list[str]:
    return [str(error) for error in client.errors]


def test_exceptions_are_kept_in_order(
    client: WebSocketClient, caplog: pytest.LogCaptureFixture
) -> None:
    alice = client.connect()
    alice.send("plain")
    alice.send_json({"action": "fail"})
    client.http.get("/fail")
    alice.close()
    expected = ["'in message'", "in a route", "in HTTP", "in a second hook", "in a first hook"]
    assert texts(client) == expected
    assert len(alice.unread) == 2
    alice.receive(), alice.receive()
    logged = [each.exc_info for each in caplog.records if each.levelno == logging.ERROR]
    shown = [str(info[1]) for info in logged if info]
    assert shown == expected


def test_the_handlers_exception_is_the_cause(client: WebSocketClient) -> None:
    with pytest.raises(ConnectRefused) as refused:
        client.connect(query="x=1")
    assert isinstance(refused.value.__cause__, KeyError)
    alice = client.connect()
    alice.send_json({"action": "fail"})
    assert alice.receive_json()["error"]["code"] == "internal"
    with pytest.raises(NoFrame, match="the last handler raised ValueError: in a route") as none:
        alice.receive()
    assert none.value.__cause__ is client.errors[-1] is client.last_error


def test_an_unread_error_frame_has_its_cause(app: Any) -> None:
    client = WebSocketClient(app, project_dir=app.project)
    with pytest.raises(UnreadFrames) as unread, client:
        client.connect().send("plain")
    assert isinstance(unread.value.__cause__, KeyError)


def test_a_function_that_a_test_runs_raises_in_the_test(client: WebSocketClient) -> None:
    with pytest.raises(ZeroDivisionError, match="in a schedule") as caught:
        client.invoke("nightly")
    assert caught.traceback[-1].name == "nightly"
    assert client.errors == []


def test_a_strict_client_raises_an_exception_without_an_answer(app: Any) -> None:
    with (
        pytest.raises(TypeError, match="in a second hook") as caught,
        WebSocketClient(app, project_dir=app.project, strict=True) as client,
    ):
        client.connect().close()
    assert caught.traceback[-1].name == "second"


def test_a_strict_client_accepts_what_the_test_removes(app: Any) -> None:
    with WebSocketClient(app, project_dir=app.project, strict=True) as client:
        client.connect().close()
        client.errors.clear()


def test_a_failing_test_keeps_its_own_error(app: Any) -> None:
    client = WebSocketClient(app, project_dir=app.project, strict=True).__enter__()
    client.connect().close()
    error = LookupError("mine")
    client.__exit__(LookupError, error, None)
    assert "TypeError: in a second hook" in error.__notes__


def test_a_connection_can_vanish(client: WebSocketClient) -> None:
    alice = client.connect()
    alice.vanish()
    alice.vanish()
    assert alice.closed == (1006, "")
    assert client.errors == []
    bob = client.connect()
    bob.close()
    bob.vanish()
    assert bob.closed == (1000, "")


TESTS = """
def test_a_route(websocket_client):
    alice = websocket_client.connect()
    alice.send_json({"action": "fail"})
    assert alice.receive_json() == "hello"

def test_a_hook(websocket_client):
    websocket_client.connect().close()
"""


def test_pytest_shows_the_line_that_raised(tmp_path: Path) -> None:
    project = write_project(tmp_path / "pour", APP, CONFIG)
    (project / "test_it.py").write_text(TESTS)
    done = run_pytest(project, "-p", "no:cacheprovider")
    assert "1 failed, 1 passed, 1 error" in done.stdout, done.stdout
    assert 'raise ValueError("in a route")\nValueError: in a route' in done.stdout
    assert '>       raise TypeError("in a second hook")' in done.stdout
