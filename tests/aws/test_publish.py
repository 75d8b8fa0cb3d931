"""`decanter publish` and `decanter connections` for a stage on AWS."""

import json
import time
from argparse import Namespace
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from decanter.errors import DecanterError
from decanter.publish.command import messages, sent
from decanter.publish.queue import QueuePublisher
from tests.aws.cloud import Cloud
from tests.support.management import Management, run_management
from tests.support.projects import clean_environment, decanter_here, write_project
from tests.support.queued import APP as QUEUED
from tests.support.senders import CONFIG, source

pytestmark = pytest.mark.usefixtures("kept")

TABLE = "pour-dev-Table-1A2B3C"
TEMPLATE: dict[str, Any] = {
    "Resources": {
        "ConnectionsTable": {
            "Type": "AWS::DynamoDB::Table",
            "Properties": {
                "TableName": TABLE,
                "AttributeDefinitions": [{"AttributeName": "whose", "AttributeType": "S"}],
                "KeySchema": [{"AttributeName": "whose", "KeyType": "HASH"}],
                "BillingMode": "PAY_PER_REQUEST",
            },
        }
    },
    "Outputs": {
        "APIGatewayURL": {"Value": "wss://a1b2c3d4e5.execute-api.us-east-1.amazonaws.com/v1"},
        "ConnectionsTableName": {"Value": {"Ref": "ConnectionsTable"}},
    },
}
HOOK = """

@router.on_disconnect
def ended(gone):
    pass
"""
MINUTE = 60_000


class Deployed:
    """A deployed stage, its @connections, and the commands on it."""

    def __init__(self, folder: Path, cloud: Cloud, management: Management) -> None:
        self.folder = folder
        self.cloud = cloud
        self.management = management

    def run(self, command: str, *arguments: str, **variables: str) -> Any:
        endpoint = {"AWS_ENDPOINT_URL_APIGATEWAYMANAGEMENTAPI": self.management.endpoint}
        environment = clean_environment() | self.cloud.environment() | endpoint | variables
        return decanter_here(command, "--project-dir", self.folder, *arguments, **environment)

    def create(self) -> None:
        client = self.cloud.client("cloudformation")
        client.create_stack(StackName="pour-dev", TemplateBody=json.dumps(TEMPLATE))

    def put(self, connection_id: str, **attributes: dict[str, str]) -> None:
        item = {"whose": {"S": connection_id}, **attributes}
        self.cloud.client("dynamodb").put_item(TableName=TABLE, Item=item)

    @property
    def rows(self) -> set[str]:
        items = self.cloud.client("dynamodb").scan(TableName=TABLE)["Items"]
        return {item["whose"]["S"] for item in items}


@pytest.fixture(name="folder", scope="module")
def _folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_project(tmp_path_factory.mktemp("publish") / "pour", source(), CONFIG)


@pytest.fixture(name="deployed")
def _deployed(folder: Path, aws: Cloud) -> Iterator[Deployed]:
    with run_management() as management:
        deployed = Deployed(folder, aws, management)
        deployed.create()
        yield deployed


def at(minutes_ago: float) -> dict[str, str]:
    return {"N": str(int(time.time() * 1000 - minutes_ago * MINUTE))}


def fill(deployed: Deployed) -> None:
    deployed.put("Young", connected_at=at(1), identity={"S": "ann"})
    deployed.put("Old", connected_at=at(90))
    deployed.put("Damaged", connected_at={"S": "yesterday"})
    deployed.put("Bare")
    deployed.put("Stale", connected_at=at(200))
    deployed.put("Gone", connected_at=at(2))
    deployed.management.script("Gone", 410)


OPEN = {"Young", "Old", "Damaged", "Bare"}


def test_rows_are_treated_as_by_a_function(deployed: Deployed) -> None:
    """Damaged rows get the message, stale rows do not; the row of a gone connection is deleted."""
    fill(deployed)
    done = deployed.run("publish", '{"n":1}')
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("sent 4, gone 1, pending 0, failed 0, left over 0, repeated 0, ")
    assert deployed.rows == {*OPEN, "Stale"}
    received = deployed.management.received
    assert {name: received[name] for name in OPEN} == {name: [b'{"n":1}'] for name in OPEN}
    assert "Stale" not in received
    assert deployed.management.unsigned == 0
    (warning,) = done.stderr.splitlines()
    assert warning.startswith("decanter: warning: damaged rows: attribute connected_at, count 1")


def test_rows_stay_if_the_app_has_disconnect_hooks(deployed: Deployed, tmp_path: Path) -> None:
    """Its hooks run where the row is deleted, so its own functions delete it."""
    deployed.folder = write_project(tmp_path / "pour", source() + HOOK, CONFIG)
    fill(deployed)
    before = deployed.rows
    assert deployed.run("publish", "x").stdout.startswith("sent 4, gone 1, ")
    assert deployed.run("publish", "--to", "Young", "--to", "Gone", "x").returncode == 0
    assert deployed.rows == before


def test_a_failed_post_is_status_1(deployed: Deployed) -> None:
    deployed.put("Young", connected_at=at(1))
    deployed.management.script("Young", 500)
    done = deployed.run("publish", "--format", "json", "x")
    assert (done.returncode, json.loads(done.stdout)["failed"]) == (1, 1)
    assert "decanter: warning: posts failed: result " in done.stderr


@pytest.mark.parametrize("to", [(), ("--to", "Young"), ("--to", "Young", "--to", "Old")])
def test_a_refusal_is_one_line(deployed: Deployed, to: tuple[str, ...]) -> None:
    deployed.put("Young", connected_at=at(1))
    deployed.management.everyone = [403]
    done = deployed.run("publish", *to, "x")
    assert (done.returncode, done.stderr.count("\n")) == (2, 1), done.stderr
    assert "sending to stage dev is refused (ForbiddenException)" in done.stderr
    assert "grant this identity execute-api:ManageConnections" in done.stderr
    assert deployed.rows == {"Young"}


def test_connections_are_listed_with_what_is_known(deployed: Deployed) -> None:
    fill(deployed)
    done = deployed.run("connections", "--format", "json")
    assert (done.returncode, done.stderr) == (0, "")
    found = [json.loads(line) for line in done.stdout.splitlines()]
    names = [row["connection_id"] for row in found]
    assert {*names[:2]} == {"Damaged", "Bare"}  # without a time, they count as the oldest
    assert names[2:] == ["Stale", "Old", "Gone", "Young"]
    sources = {row["connection_id"]: row["source"] for row in found}
    assert (sources["Young"], sources["Gone"]) == ("127.0.0.1", "gone")
    assert found[-1]["identity"] == "ann"
    deployed.management.everyone = [403]
    lines = deployed.run("connections").stdout.splitlines()
    assert lines[0].split() == ["connection", "age", "identity", "source"]
    assert lines[-1].split()[0] == "Young"
    assert lines[-1].split()[-2:] == ["ann", "-"]
    assert lines[3].split()[:5] == ["Stale", "3", "h", "20", "min"]


def test_connections_are_closed(deployed: Deployed) -> None:
    fill(deployed)
    deployed.management.script("Bare", 500)
    names = ("Young", "Gone", "Bare")
    done = deployed.run("connections", *(word for name in names for word in ("--close", name)))
    assert (done.returncode, done.stdout.splitlines()) == (
        1,
        ["Young  closed", "Gone  gone", "Bare  failed"],
    )


def test_a_stage_with_a_queue_gets_the_message_through_it(aws: Cloud, tmp_path: Path) -> None:
    """The identity reads the stack and sends to the queue; nothing else is called."""
    folder = write_project(tmp_path / "pour", QUEUED, CONFIG)
    queue = {"Type": "AWS::SQS::Queue", "Properties": {"QueueName": "pour-dev-broadcasts"}}
    outputs = {**TEMPLATE["Outputs"], "BroadcastsQueueUrl": {"Value": {"Ref": "BroadcastsQueue"}}}
    template = {
        "Resources": {**TEMPLATE["Resources"], "BroadcastsQueue": queue},
        "Outputs": outputs,
    }
    body = json.dumps(template)
    aws.client("cloudformation").create_stack(StackName="pour-dev", TemplateBody=body)
    aws.calls.clear()
    with run_management() as management:
        done = Deployed(folder, aws, management).run("publish", "--exclude", "A", '{"n":1.0}')
        assert (done.returncode, done.stderr) == (0, "")
        assert management.received == {}
    assert [str(call) for call in aws.calls] == [
        "cloudformation:DescribeStacks",
        "sqs:SendMessage",
    ]
    url = aws.client("sqs").get_queue_url(QueueName="pour-dev-broadcasts")["QueueUrl"]
    (message,) = aws.client("sqs").receive_message(QueueUrl=url)["Messages"]
    assert done.stdout == f"queued {message['MessageId']}\n"
    payload = {"text": '{"n":1.0}', "exclude": ["A"]}
    assert json.loads(message["Body"]) == {"method": "everyone", "payload": payload}


@pytest.mark.parametrize(
    ("message", "reason"),
    [(b"\xff", "is not UTF-8 at byte 1"), (b"x" * 131_073, "is too large")],
)
def test_a_bad_message_is_not_queued(message: bytes, reason: str, tmp_path: Path) -> None:
    path = tmp_path / "messages"
    path.write_bytes(message)
    (given,) = messages((), str(path))
    with pytest.raises(DecanterError, match=reason):
        sent(QueuePublisher(None, "queue"), Namespace(to=None, channel=None, exclude=()), *given)


def test_a_stage_that_is_not_there_is_one_line(deployed: Deployed) -> None:
    for command in (("publish", "x"), ("connections",)):
        done = deployed.run(*command, "--stack-name", "another")
        assert done.returncode == 2
        assert done.stderr == (
            "decanter: error: stage dev has no WebSocket API on AWS in us-east-1: deploy it with "
            "`decanter provision --stage dev`, or name another with --stage, --stack-name or "
            "--region; or use a running `decanter local`: --local, or --url URL\n"
        )


def test_missing_credentials_are_one_line(deployed: Deployed) -> None:
    done = deployed.run("publish", "x", AWS_ACCESS_KEY_ID="", AWS_SECRET_ACCESS_KEY="")
    assert (done.returncode, done.stderr.count("\n")) == (2, 1)
    assert "Unable to locate credentials: set AWS_PROFILE" in done.stderr


def test_a_message_for_a_channel_is_json() -> None:
    given = Namespace(to=None, channel="chat:1", exclude=())
    with pytest.raises(DecanterError, match="message 1: the message is not JSON"):
        sent(QueuePublisher(None, "queue", has_channels=True), given, "message 1", b"hello")
