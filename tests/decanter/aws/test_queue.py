"""A router's queue in the template: its resources, its function's event source and its rights."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from decanter.aws import alarms, queue
from decanter.aws.describe import diagram
from decanter.aws.template import build, render
from decanter.errors import ProjectError
from decanter.project.config import Project
from decanter.project.declaration import Declaration
from decanter.project.describe import describe
from decanter.project.queues import Queue, Queues, Source
from decanter.project.stack import Stack
from decanter.project.template import Template
from tests.support.projects import CONFIG, write_project
from tests.support.queued import APP, JOBS, WORKER, queued
from tests.support.senders import senders

TIMEOUT = {"fan_out": {"lambda_timeout": 100}}
STACK = Stack("pour", "dev", api_stage="v1")
QUEUE = "arn:aws:sqs:us-east-1:123456789012:pour-dev-broadcasts"

Section = dict[str, Any]


def project_of(folder: Path, app: str = APP) -> Project:
    dev = {**CONFIG["stages"]["dev"], "lambda_functions": TIMEOUT}
    return Project.load(write_project(folder, app, {**CONFIG, "stages": {"dev": dev}}))


@pytest.fixture(name="project", scope="module")
def _project(tmp_path_factory: pytest.TempPathFactory) -> Project:
    more = (
        '\n\n@app.route("/announce")\n@uses(sends=True)\ndef announce(): ...\n'
        '\n\n@app.schedule("rate(1 hour)")\n@uses()\ndef hourly(event): ...\n'
    )
    return project_of(tmp_path_factory.mktemp("queue") / "p", APP + more)


@pytest.fixture(name="resources", scope="module")
def _resources(template: Section) -> Section:
    found: Section = template["Resources"]
    return found


def statements(resources: Section, role: str) -> dict[str, Section]:
    """Return a role's statements by their ids."""
    (policy,) = resources[role]["Properties"]["Policies"]
    return {each["Sid"]: each for each in policy["PolicyDocument"]["Statement"]}


def test_the_queue_and_its_dead_letter_queue_carry_the_names_of_app_and_stage(
    resources: Section,
) -> None:
    """The visibility timeout is six times the function's timeout."""
    assert resources["BroadcastsQueue"]["Properties"] == {
        "QueueName": {"Fn::Sub": "${AWS::StackName}-broadcasts"},
        "SqsManagedSseEnabled": True,
        "MessageRetentionPeriod": 345600,
        "VisibilityTimeout": 600,
        "RedrivePolicy": {
            "deadLetterTargetArn": {"Fn::GetAtt": ["BroadcastsDeadLetters", "Arn"]},
            "maxReceiveCount": 3,
        },
    }
    assert resources["BroadcastsDeadLetters"]["Properties"] == {
        "QueueName": {"Fn::Sub": "${AWS::StackName}-broadcasts-dead"},
        "SqsManagedSseEnabled": True,
        "MessageRetentionPeriod": 1209600,
    }


def test_a_timeout_of_the_overrides_changes_the_visibility_timeout(tmp_path: Path) -> None:
    project = project_of(tmp_path / "p")
    overrides = {"Resources": {"FanOut": {"Properties": {"Timeout": 150}}}}
    (project.directory / ".chalice" / "overrides.json").write_text(json.dumps(overrides))
    resources = build(project, describe(project))["Resources"]
    assert resources["BroadcastsQueue"]["Properties"]["VisibilityTimeout"] == 900
    template = Template(overrides, STACK)
    assert project.timeout("fan_out", template) == 150
    assert project.timeout("websocket_message", template) == 60


def test_chalices_event_source_gets_the_queue_one_message_and_the_concurrency(
    resources: Section,
) -> None:
    assert resources["FanOut"]["Properties"]["Events"] == {
        "FanOutSqsEventSource": {
            "Properties": {
                "Queue": {"Fn::Sub": "${BroadcastsQueue.Arn}"},
                "BatchSize": 1,
                "ScalingConfig": {"MaximumConcurrency": 4},
            }
        }
    }


def test_every_function_knows_the_queues(template: Section, declared: Declaration) -> None:
    read = Template(template, STACK)
    url = "https://sqs.us-east-1.amazonaws.com/123456789012/pour-dev-broadcasts"
    for function in declared.functions:
        variables = read.environment(function)
        assert variables["DECANTER_QUEUE_URL"] == url
        assert variables["DECANTER_DEAD_LETTER_QUEUE_URL"] == f"{url}-dead"


def test_the_function_of_the_queue_takes_posts_and_keeps_its_progress(resources: Section) -> None:
    found = statements(resources, "FanOutRole")
    own = {"Fn::GetAtt": ["BroadcastsQueue", "Arn"]}
    dead = {"Fn::GetAtt": ["BroadcastsDeadLetters", "Arn"]}
    expected = {
        "ConnectionsTable": ["dynamodb:DeleteItem", "dynamodb:Scan"],
        "JobsTable": ["dynamodb:GetItem", "dynamodb:PutItem"],
        "Connections": ["execute-api:ManageConnections"],
        "Messages": ["sqs:DeleteMessage", "sqs:GetQueueAttributes", "sqs:ReceiveMessage"],
        "Queue": ["sqs:SendMessage"],
        "Logs": ["logs:CreateLogStream", "logs:PutLogEvents"],
    }
    assert {sid: each["Action"] for sid, each in found.items()} == expected
    assert (found["Messages"]["Resource"], found["Queue"]["Resource"]) == ([own], [own, dead])


def test_a_function_that_sends_may_send_to_the_queue_and_no_other_may(resources: Section) -> None:
    roles = {name for name, it in resources.items() if it.get("Type") == "AWS::IAM::Role"}
    senders = {role for role in roles if "Queue" in statements(resources, role)}
    assert senders == {"FanOutRole", "WebsocketMessageRole", "ApiHandlerRole"}
    for role in senders - {"FanOutRole"}:
        queue = statements(resources, role)["Queue"]
        assert queue["Resource"] == [{"Fn::GetAtt": ["BroadcastsQueue", "Arn"]}]
        assert "Messages" not in statements(resources, role)


def test_the_job_table_is_deleted_with_the_stack(resources: Section) -> None:
    table = resources["JobsTable"]
    assert table["DeletionPolicy"] == table["UpdateReplacePolicy"] == "Delete"
    assert table["Properties"]["TimeToLiveSpecification"]["AttributeName"] == "expiresAt"


def test_the_urls_are_outputs(template: Section) -> None:
    outputs = template["Outputs"]
    assert outputs["BroadcastsQueueUrl"] == {"Value": {"Ref": "BroadcastsQueue"}}
    assert outputs["BroadcastsDeadLettersUrl"] == {"Value": {"Ref": "BroadcastsDeadLetters"}}


def test_the_diagram_shows_the_queues(template: Section) -> None:
    sources = template["Metadata"]["Decanter"]["Sources"]
    lines = [each.strip() for each in diagram([], template["Resources"], sources)]
    assert 'BroadcastsQueue[["BroadcastsQueue"]]' in lines
    assert 'BroadcastsQueue -.->|"after 3 receives"| BroadcastsDeadLetters' in lines
    assert 'BroadcastsQueue --> FanOut["FanOut"]' in lines
    assert 'websocket_message -->|"sqs:SendMessage"| BroadcastsQueue' in lines


@pytest.mark.parametrize("with_template", [False, True])
def test_this_machine_has_the_same_queues_with_and_without_the_template(
    project: Project, declared: Declaration, template: Section, with_template: bool
) -> None:
    read = Template(template, STACK) if with_template else None
    found = Queues.of(declared, read, STACK, project.timeout)
    queue, dead = found.queues
    assert (queue.name, queue.visibility) == ("pour-dev-broadcasts", 600)
    assert queue.dead_letters == f"{QUEUE}-dead"
    assert dead.name == "pour-dev-broadcasts-dead"
    assert found.sources == (Source("fan_out", QUEUE, 1, 0, 4),)
    assert found.warnings == ()
    assert isinstance(queue, Queue)


Refusal = Callable[[str], str]


@pytest.fixture(name="refusal")
def _refusal(tmp_path: Path) -> Refusal:
    def refusal(app: str) -> str:
        project = project_of(tmp_path / "p", app)
        declared = describe(project)
        with pytest.raises(ProjectError) as refused:
            build(project, declared)
        return str(refused.value)

    return refusal


@pytest.mark.parametrize(
    ("app", "expected"),
    [
        (queued(JOBS), 'Queue("broadcasts") has no function: add @app.on_sqs_message(queue='),
        (queued(WORKER), 'Queue("broadcasts") has no job table: add @job_table() to a class of'),
        (
            queued(JOBS, WORKER, WORKER.replace("def fan_out", "def again")),
            "fan_out and again are functions of the queue broadcasts: keep one",
        ),
        (
            queued(
                JOBS,
                WORKER,
                '\nother = Router("$request.body.x", connections=Connection, queue=Queue("b"))',
            ),
            "routers have the queues broadcasts and b: use the same one in all",
        ),
        (
            queued(JOBS, WORKER.replace("broadcasts", "b" * 70), queue=f'Queue("{"b" * 70}")'),
            "SQS allows 80 characters in a name, and pour-dev-bbb",
        ),
    ],
    ids=["function", "job table", "two functions", "two queues", "long name"],
)
def test_an_incomplete_queue_is_refused(app: str, expected: str, refusal: Refusal) -> None:
    assert refusal(app).startswith(expected)


def test_the_template_of_an_app_without_a_queue_has_no_part_of_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is the same, byte for byte, if nothing adds the parts of queues."""
    project = Project.load(senders(tmp_path / "p"))
    declared = describe(project)
    before = render(project, declared)
    for module in (queue, alarms):
        for name in ("resources", "function", "variables", "outputs", "parameters", "conditions"):
            monkeypatch.setattr(module, name, lambda *_: {}, raising=False)
    assert render(project, declared) == before
    for word in ("AWS::SQS", "DECANTER_QUEUE", "DECANTER_DEAD", "Alarm", "MetricFilter", "Jobs"):
        assert word not in before
    (project.directory / "app.py").write_text(APP)
    assert render(project, describe(project)) != before
