"""The roles of an app without Decanter, whose functions have policy files, as a user runs it."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.request import urlopen

import pytest

from tests.field_cases.apps import run
from tests.support.clients import receive
from tests.support.gateways import Running, gateway
from tests.support.projects import table_resource, write_project

APP = """
import json, subprocess, sys, threading
import boto3
from boto3 import Session
from chalice import Chalice

app = Chalice(app_name="pour")
app.experimental_feature_flags.update(["WEBSOCKETS"])
app.websocket_api.session = Session()
AT_IMPORT = boto3.client("dynamodb")
KEY = {"id": {"S": "a"}}


def explicit():
    client = boto3.client("dynamodb", endpoint_url="https://dynamodb.us-east-1.amazonaws.com")
    client.get_item(TableName="scores", Key=KEY)


def in_a_thread():
    errors = []

    def call():
        try:
            AT_IMPORT.get_item(TableName="scores", Key=KEY)
        except Exception as error:
            errors.append(error)

    thread = threading.Thread(target=call)
    thread.start()
    thread.join()
    if errors:
        raise errors[0]


CODE = 'import boto3; boto3.client("dynamodb").get_item(TableName="scores", Key={"id": {"S": "a"}})'


def in_a_process():
    done = subprocess.run([sys.executable, "-c", CODE], capture_output=True, text=True)
    if done.returncode:
        raise RuntimeError(done.stderr)


def through(url, event):
    client = boto3.client("apigatewaymanagementapi", endpoint_url=url)
    client.get_connection(ConnectionId=event.connection_id)


CALLS = {
    "at import": lambda event: AT_IMPORT.get_item(TableName="scores", Key=KEY),
    "explicit": lambda event: explicit(),
    "thread": lambda event: in_a_thread(),
    "process": lambda event: in_a_process(),
    "domain": lambda event: through(f"https://{event.domain_name}/{event.stage}", event),
    "other api": lambda event: through("https://x.execute-api.us-east-1.amazonaws.com/api", event),
}


@app.on_ws_message()
def message(event):
    try:
        CALLS[event.body](event)
        answer = "allowed"
    except Exception as error:
        answer = str(error)
    app.websocket_api.send(event.connection_id, answer)


@app.on_ws_disconnect()
def disconnect(event):
    pass


@app.route("/send/{connection}")
def send(connection):
    client = boto3.client("apigatewaymanagementapi")
    client.post_to_connection(ConnectionId=connection, Data=b"x")
"""
CONFIG = {
    "version": "2.0",
    "app_name": "pour",
    "stages": {
        "dev": {
            "autogen_policy": False,
            "iam_policy_file": "policy-all.json",
            "lambda_functions": {"api_handler": {"autogen_policy": True}},
        }
    },
}
POST = {
    "Effect": "Allow",
    "Action": "execute-api:ManageConnections",
    "Resource": "arn:*:execute-api:*:*:*/api/POST/@connections/*",
}
GET_ITEM = "dynamodb:GetItem on resource: arn:aws:dynamodb:us-east-1:123456789012:table/scores"
MANAGE = "execute-api:ManageConnections on resource: arn:aws:execute-api:us-east-1:********9012:"


def write_policy(project: Path, *statements: Any) -> None:
    policy = {"Version": "2012-10-17", "Statement": [POST, *statements]}
    (project / ".chalice" / "policy-all.json").write_text(json.dumps(policy))


@pytest.fixture(name="project", scope="module")
def _project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    template = {"Resources": {"Scores": table_resource("scores")}}
    project = write_project(tmp_path_factory.mktemp("rights") / "p", APP, CONFIG, template)
    write_policy(project)
    return project


@pytest.fixture(name="running", scope="module")
def _running(project: Path) -> Iterator[Running]:
    with gateway(project, environment={"AWS_DEFAULT_REGION": "us-east-1"}) as running:
        yield running


def rights(running: Running) -> dict[str, Any]:
    with urlopen(f"{running.origin}/_gateway/rights") as answer:
        found: dict[str, Any] = json.load(answer)
    return found


@pytest.mark.parametrize(
    ("call", "denied"),
    [
        ("at import", GET_ITEM),
        ("explicit", GET_ITEM),
        ("thread", GET_ITEM),
        ("process", GET_ITEM),
        ("domain", MANAGE),
        ("other api", MANAGE),
    ],
)
def test_every_client_of_a_function_has_its_role(call: str, denied: str, running: Running) -> None:
    """A denial reaches the client through `app.websocket_api`, whose calls are allowed."""
    with running.connect() as alice:
        alice.send(call)
        answer = receive(alice)
    role = "assumed-role/pour-dev-websocket_message/pour-dev-websocket_message"
    assert "(AccessDeniedException)" in answer
    assert f"{role} is not authorized to perform: {denied}" in answer


def test_the_banner_and_the_developer_have_plain_endpoints(running: Running) -> None:
    assert "/_roles/" not in "\n".join(running.lines)
    assert running.banner("Rights").startswith("enforced")
    with running.connect() as alice:
        alice.send("at import")
        receive(alice)
        connections = json.load(urlopen(f"{running.origin}/_gateway/connections"))
        name = connections["connections"][-1]["connectionId"]
        assert running.management().get_connection(ConnectionId=name)["Identity"]


def test_a_function_with_a_generated_policy_may_call_with_one_warning(running: Running) -> None:
    stage = running.management_url
    for _ in range(2):
        with running.connect() as alice:
            alice.send("at import")
            receive(alice)
            connections = json.load(urlopen(f"{running.origin}/_gateway/connections"))
            name = connections["connections"][-1]["connectionId"]
            urlopen(f"{stage}/send/{name}").close()
            assert receive(alice) == "x"
    line = running.wait_for_line("the rights of api_handler are not checked")
    assert running.lines.count(line) == 1


def test_the_line_in_the_log_fixes_it_and_the_session_is_recorded(
    project: Path, running: Running
) -> None:
    with running.connect() as alice:
        alice.send("at import")
        receive(alice)
        noted = running.wait_for_line(
            f"websocket_message has no right to {GET_ITEM.partition(' ')[0]}"
        )
        assert noted.endswith("to allow it, add this statement to .chalice/policy-all.json:")
        pasted = running.wait_for_line(r'\| \{"Effect": "Allow", "Action": \["dynamodb:GetItem"')
        write_policy(project, json.loads(pasted.partition("| ")[2]))
        running.wait_for_line("policy-all.json changed: in service")
        alice.send("at import")
        assert receive(alice) == "allowed"
    recorded = rights(running)["functions"]["websocket_message"]
    get_item = {
        "action": "dynamodb:GetItem",
        "resource": "arn:aws:dynamodb:us-east-1:123456789012:table/scores",
    }
    assert get_item in recorded["used"]
    assert get_item in recorded["denied"]
    assert recorded["granted"][0] == POST
    assert recorded["ran"]
    shown = run("rights", "--url", running.origin).out.split("\n\n")
    (part,) = (each for each in shown if each.startswith("websocket_message"))
    arn = "arn:aws:dynamodb:us-east-1:123456789012:table/scores"
    assert f"used        dynamodb:GetItem on {arn}" in part
    assert f"denied      dynamodb:GetItem on {arn}" in part
    assert '"Resource": ["arn:*:dynamodb:*:*:table/scores"]' in part
    assert part.endswith("in          .chalice/policy-all.json")
    again = [
        each
        for each in running.lines
        if re.search("websocket_message has no right to .*GetItem", each)
    ]
    assert len(again) == 1
