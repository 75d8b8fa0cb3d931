"""The application through Chalice's own wrapper, and Chalice's package of it."""

import importlib
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from chalice.test import Client
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from decanter.runtime.clock import Clock
from decanter.runtime.fanout.outbox import OpenTransport
from decanter.runtime.recipients import BEGINNING
from tests.support import forked
from tests.support.events import connect_event, disconnect_event, message_event
from tests.support.fakes import GONE, FakeTransport
from tests.support.fixtures import LogLines
from tests.support.management import run_management
from tests.support.marks import THOROUGH

ROOT = Path(__file__).parent.parent
CHALICE = "from chalice.cli import main; main()"
FUNCTIONS = ("websocket_connect", "websocket_message", "websocket_disconnect")
A_MINUTE_AGO = Clock().time_ms() - 60_000
SENDER = "Sender0000DoECA="


class Service:
    """A fresh import of app.py with a DynamoDB table and fake posts."""

    def __init__(self, app: ModuleType) -> None:
        self.app = app
        self.client = Client(app.app, stage_name="dev", project_dir=str(ROOT))
        self.transport = FakeTransport()
        app.router.outboxes.open_transport = lambda endpoint, settings: self.transport

    def invoke(self, handler: str, event: dict[str, Any]) -> Any:
        return self.client.lambda_.invoke(handler, event).payload

    def connect(self, *connection_ids: str) -> None:
        for each in connection_ids:
            event = connect_event(connectionId=each, connectedAt=A_MINUTE_AGO)
            assert self.invoke("connect", event) == {"statusCode": 200}

    def send(self, body: str | None, connection_id: str = SENDER) -> Any:
        return self.invoke("message", message_event(body, connectionId=connection_id))

    @property
    def rows(self) -> set[str]:
        page = self.app.Connection.page(BEGINNING, A_MINUTE_AGO)
        return {recipient.connection_id for recipient in page.recipients}


@pytest.fixture(name="service")
def _service(aws_environment: None, monkeypatch: pytest.MonkeyPatch) -> Iterator[Service]:
    monkeypatch.setenv("CONNECTIONS_TABLE", "decanter-dev-connections")
    monkeypatch.delitem(sys.modules, "app", raising=False)
    app = importlib.import_module("app")
    app.Connection.create_table()
    yield Service(app)
    app.Connection.delete_table()


@pytest.mark.parametrize("data", ['"hello world !"', "1.0", "1e5", '{"b" :1,  "a":[null]}', "null"])
def test_a_message_reaches_everyone_unchanged(service: Service, data: str) -> None:
    service.connect(SENDER, "Second", "Third")
    answer = service.send(f'{{"message":"sendmessage","data":{data}}}')
    assert answer == {"statusCode": 200, "body": "Data sent."}
    assert sorted(service.transport.posts) == [(each, data) for each in ("Second", SENDER, "Third")]


def test_a_single_client_gets_its_own_message(service: Service) -> None:
    service.connect(SENDER)
    service.send('{"message":"sendmessage","data":1}')
    assert service.transport.posts == [(SENDER, "1")]


def test_gone_clients_get_nothing_with_or_without_a_disconnect(
    service: Service,
) -> None:
    service.connect(SENDER, "Left", "Lost")
    service.invoke("disconnect", disconnect_event(connectionId="Left"))
    service.invoke("disconnect", disconnect_event(connectionId="Left"))
    service.transport.answer("Lost", GONE)
    service.send('{"message":"sendmessage","data":1}')
    service.send('{"message":"sendmessage","data":2}')
    assert service.transport.posted_to("Left") == []
    assert service.transport.posted_to("Lost") == ["1"]
    assert service.rows == {SENDER}


@pytest.mark.parametrize(
    ("body", "code", "status"),
    [
        *((body, "bad_json", 400) for body in (None, "", "{", '{"data": NaN}', "[" * 10_000)),
        *((body, "not_an_object", 400) for body in ("null", "[]", "3", '"x"')),
        ('{"message": "sendmessage"}', "missing_data", 400),
        ('{"message": "SendMessage", "data": 1}', "unknown_route", 404),
        ('{"message": "$connect", "data": 1}', "unknown_route", 404),
        ('{"message": "$disconnect", "data": 1}', "unknown_route", 404),
        ('{"message": "$default", "data": 1}', "unknown_route", 404),
    ],
)
def test_only_the_sender_gets_an_error_frame(
    service: Service, body: str | None, code: str, status: int
) -> None:
    service.connect(SENDER, "Second")
    assert service.send(body) == {"statusCode": status, "body": code}
    ((recipient, _),) = service.transport.posts
    assert recipient == SENDER
    assert service.transport.frames_to(SENDER)[0]["error"]["code"] == code
    assert service.rows == {SENDER, "Second"}


def test_the_plain_transport_sends_once_to_each_of_two_hundred_clients(
    service: Service, open_transport: OpenTransport, monkeypatch: pytest.MonkeyPatch
) -> None:
    clients = {f"Client{number:04}DoECA=" for number in range(200)}
    service.connect(*clients)
    service.app.router.outboxes.open_transport = open_transport
    with run_management() as management:
        endpoint = management.endpoint
        monkeypatch.setenv("AWS_ENDPOINT_URL_APIGATEWAYMANAGEMENTAPI", endpoint)
        management.script("Client0007DoECA=", 410)
        assert service.send('{"message":"sendmessage","data":"hi"}')["statusCode"] == 200
    assert management.received == {each: [b'"hi"'] for each in clients}
    assert service.rows == clients - {"Client0007DoECA="}


@pytest.mark.parametrize(("origin", "status"), [("https://a.com", 200), ("https://b.com", 403)])
def test_only_allowed_origins_may_connect(
    service: Service, monkeypatch: pytest.MonkeyPatch, origin: str, status: int
) -> None:
    monkeypatch.setenv("DECANTER_ALLOWED_ORIGINS", "https://a.com")
    event = connect_event()
    event["headers"]["Origin"] = origin
    event["multiValueHeaders"]["Origin"] = [origin]
    assert service.invoke("connect", event) == {"statusCode": status}


TEXT = st.text(max_size=10)
SCALARS = st.none() | st.booleans() | st.integers() | st.floats() | TEXT
VALUES = SCALARS | st.lists(SCALARS, max_size=2) | st.dictionaries(TEXT, SCALARS, max_size=2)
MESSAGES = st.sampled_from(["sendmessage", "SENDMESSAGE", "$connect", "$default", ""]) | VALUES
OBJECTS = st.fixed_dictionaries({}, optional={"message": MESSAGES, "data": VALUES, "ref": VALUES})
WHOLE = (OBJECTS | VALUES).map(json.dumps)
BROKEN = st.builds(lambda text, end: text[:end], WHOLE, st.integers(0, 40))
BODIES = WHOLE | BROKEN | st.text(st.characters()) | st.none()


ONE_SERVICE = settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


@settings(ONE_SERVICE, max_examples=100)
@given(BODIES)
def test_no_body_causes_an_internal_error(service: Service, body: str | None) -> None:
    answer = service.send(body)
    assert answer["statusCode"] in {200, 400, 404}


@THOROUGH
@settings(ONE_SERVICE, max_examples=1000)
@given(BODIES)
def test_none_of_a_thousand_bodies_does(service: Service, body: str | None) -> None:
    test_no_body_causes_an_internal_error.hypothesis.inner_test(service, body)  # type: ignore[attr-defined]


def test_without_its_table_a_connection_is_refused_and_the_log_names_the_remedy(
    service: Service, log_lines: LogLines
) -> None:
    service.app.Connection.delete_table()
    assert service.invoke("connect", connect_event()) == {"statusCode": 500}
    warning, line = log_lines()
    assert warning["event"] == "any_origin"
    assert "`decanter table create --stage dev`" in line["error"]
    assert "traceback" not in line
    service.app.Connection.create_table()


def imported(monkeypatch: pytest.MonkeyPatch, sweep_minutes: str) -> ModuleType:
    """Import app.py again, at a stage with this variable."""
    monkeypatch.setenv("DECANTER_SWEEP_MINUTES", sweep_minutes)
    monkeypatch.delitem(sys.modules, "app", raising=False)
    return importlib.import_module("app")


@pytest.mark.parametrize("minutes", ["", "0"])
def test_a_stage_without_the_variable_has_no_sweep(
    monkeypatch: pytest.MonkeyPatch, minutes: str
) -> None:
    app = imported(monkeypatch, minutes)
    assert app.app.event_sources == []
    assert "sweep" not in app.app.handler_map


def test_a_stage_with_the_variable_has_a_sweep(
    service: Service, monkeypatch: pytest.MonkeyPatch, log_lines: LogLines
) -> None:
    """It has its own memory, as on Lambda: another table object, another transport."""
    service.connect("Here", "Gone")
    monkeypatch.setenv("DECANTER_MANAGEMENT_ENDPOINT", "https://host/v1")
    sweeping = Service(imported(monkeypatch, "5"))
    (schedule,) = sweeping.app.app.event_sources
    assert schedule.schedule_expression == "rate(5 minutes)"
    sweeping.transport.answer("Gone", GONE)
    log_lines()
    event = sweeping.client.events.generate_cw_event("aws.events", "Scheduled Event", {}, [])
    assert sweeping.invoke("sweep", event)["gone"] == 1
    assert service.rows == {"Here"}
    (line,) = log_lines()
    assert (line["event"], line["swept"], line["complete"]) == ("sweep", 2, True)


def test_importing_it_needs_no_aws_and_no_environment(tmp_path: Path) -> None:
    script = "import app, sys; assert 'boto3' not in sys.modules"
    environment = {"PATH": os.environ["PATH"], "HOME": str(tmp_path), "PYTHONPATH": str(ROOT)}
    subprocess.run([sys.executable, "-c", script], env=environment, cwd=tmp_path, check=True)


@pytest.fixture(name="template", scope="module", params=["dev", "prod"])
def _template(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> dict[str, Any]:
    """The template of plain `chalice package` for a copy, without downloading wheels."""
    project = tmp_path_factory.mktemp(request.param)
    shutil.copy(ROOT / "app.py", project)
    (project / "requirements.txt").touch()
    for folder in ("chalicelib", "vendor", ".chalice"):
        ignored = shutil.ignore_patterns("__pycache__", "deployments")
        shutil.copytree(ROOT / folder, project / folder, ignore=ignored)
    forked.run(
        [sys.executable, "-c", CHALICE, "package", "--stage", request.param, "out"],
        cwd=project,
        env=os.environ | {"AWS_DEFAULT_REGION": "eu-west-1"},
        check=True,
        capture_output=True,
    )
    template = json.loads((project / "out" / "sam.json").read_text())
    return {**template["Resources"], "stage": request.param}


def test_each_function_has_its_own_role_with_only_the_rights_it_uses(
    template: dict[str, Any],
) -> None:
    allowed = {
        name: {
            action
            for policy in resource["Properties"]["Policies"]
            for statement in policy["PolicyDocument"]["Statement"]
            for action in statement["Action"]
            if not action.startswith("logs:")
        }
        for name, resource in template.items()
        if isinstance(resource, dict) and resource["Type"] == "AWS::IAM::Role"
    }
    assert allowed == {
        "WebsocketConnectRole": {"dynamodb:PutItem"},
        "WebsocketMessageRole": {
            "dynamodb:Scan",
            "dynamodb:DeleteItem",
            "execute-api:ManageConnections",
        },
        "WebsocketDisconnectRole": {"dynamodb:DeleteItem"},
    }


def test_each_function_has_its_stages_table_time_and_memory(template: dict[str, Any]) -> None:
    for name in ("WebsocketConnect", "WebsocketMessage", "WebsocketDisconnect"):
        properties = template[name]["Properties"]
        assert (properties["Timeout"], properties["MemorySize"]) == (28, 512)
        assert properties["Environment"]["Variables"] == {
            "CONNECTIONS_TABLE": f"decanter-{template['stage']}-connections"
        }
    assert template["WebsocketAPIStage"]["Properties"]["StageName"] == "v1"


def test_the_configuration_names_functions_as_chalice_does() -> None:
    """Chalice silently ignores the policy of a function with any other name."""
    stages = json.loads((ROOT / ".chalice" / "config.json").read_text())["stages"]
    for stage, configuration in stages.items():
        assert configuration["lambda_functions"] == {
            function: {"iam_policy_file": f"policy-{stage}-{function}.json"}
            for function in FUNCTIONS
        }
