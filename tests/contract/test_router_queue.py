"""A router's queue on this machine, under enforced rights: who sends to it, and who receives."""

import json
import os
import urllib.request
from collections.abc import Iterator
from contextlib import suppress
from typing import Any
from urllib.error import HTTPError

import boto3
import pytest
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from websockets.sync.client import ClientConnection

from tests.chaos.swarm import Swarm
from tests.field_cases.apps import run
from tests.support.clients import call, receive
from tests.support.gateways import Running, gateway, wait_until
from tests.support.projects import CONFIG, write_project
from tests.support.queued import APP

MESSAGES = int(os.environ.get("QUEUE_MESSAGES", "50"))
CLIENTS = 20 if "QUEUE_MESSAGES" in os.environ else 8
Three = list[ClientConnection]

APP_WITH_SENDERS = (
    APP
    + '''

import json
import os
import boto3
from decanter import publish_route

app.register_blueprint(publish_route(router))
OF_QUEUE = "arn:aws:sqs:*:*:pour-dev-broadcasts"


@app.lambda_function()
@uses(also=[{"Effect": "Allow", "Action": ["sqs:SendMessage"], "Resource": OF_QUEUE}])
def foreign(event, context):
    """As a function of another app: it has only the right to send to the queue."""
    message = {"method": "everyone", "payload": {"data": "from foreign"}}
    boto3.client("sqs").send_message(
        QueueUrl=os.environ["DECANTER_QUEUE_URL"], MessageBody=json.dumps(message)
    )


@app.lambda_function()
@uses(sends=True)
def durable(event, context):
    reports = [router.broadcast("durable", durable=True, context=context) for _ in "12345"]
    return [each.milliseconds for each in reports]


@app.lambda_function()
@uses()
def stranger(event, context):
    foreign(event, context)
'''
)


@pytest.fixture(name="running", scope="module")
def _running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    stage = {**CONFIG["stages"]["dev"], "lambda_timeout": 20}
    config = {**CONFIG, "stages": {"dev": stage}}
    project = write_project(tmp_path_factory.mktemp("queued") / "pour", APP_WITH_SENDERS, config)
    with gateway(project, environment={"AWS_DEFAULT_REGION": "us-east-1"}) as running:
        yield running


@pytest.fixture(name="three", scope="module")
def _three(running: Running) -> Iterator[Three]:
    with running.connect_all(3) as three:
        yield three


@pytest.fixture(name="about", scope="module")
def _about(running: Running) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(call(running, "GET", "/_gateway/info")[2])
    return found


def post(running: Running, message: Any, **headers: str) -> tuple[int, Any]:
    headers["Content-Type"] = "application/json"
    request = urllib.request.Request(
        f"{running.origin}/v1/publish", json.dumps(message).encode(), headers, method="POST"
    )
    try:
        with urllib.request.urlopen(request) as answer:
            return answer.status, json.load(answer)
    except HTTPError as error:
        return error.code, json.load(error)


def left(running: Running) -> dict[str, int]:
    """Return the number of messages in each queue."""
    queues = json.loads(call(running, "GET", "/_gateway/queues")[2])["queues"]
    return {each["name"]: each["visible"] + each["delayed"] + each["inFlight"] for each in queues}


def signed(running: Running, message: Any) -> dict[str, str]:
    """Return the headers of a request that botocore signs."""
    asked = AWSRequest("POST", f"{running.origin}/v1/publish", data=json.dumps(message).encode())
    SigV4Auth(Credentials("key", "secret"), "execute-api", "us-east-1").add_auth(asked)
    return dict(asked.headers.items())


def test_each_of_many_messages_arrives_once(running: Running, about: dict[str, Any]) -> None:
    """No other connection is open, because its reader would have to read all of them."""
    keys = {"aws_access_key_id": "key", "aws_secret_access_key": "secret"}
    sqs = boto3.client("sqs", "us-east-1", endpoint_url=about["sqs_url"], **keys)
    numbers = range(MESSAGES)
    bodies = ['{"method":"everyone","payload":{"data":%d}}' % each for each in numbers]  # noqa: UP031
    with Swarm(running.url) as swarm:
        swarm.gather(CLIENTS)
        for start in range(0, MESSAGES, 10):
            ten = [{"Id": str(n), "MessageBody": bodies[n]} for n in numbers[start : start + 10]]
            sqs.send_message_batch(QueueUrl=about["queue_url"], Entries=ten)
        for client in swarm.clients:
            client.expected += map(str, numbers)
        for _ in range(MESSAGES // 50):
            with suppress(AssertionError):  # more messages need more time
                wait_until(lambda: not any(left(running).values()), "the queues are empty")
        swarm.settle()
        assert [client.tally().lost for client in swarm.clients] == [0] * CLIENTS
        assert [len(client.received) for client in swarm.clients] == [MESSAGES] * CLIENTS


def test_a_script_with_boto3_alone_reaches_all(
    running: Running, three: Three, about: dict[str, Any]
) -> None:
    """It has the URL of the queue, and calls only SendMessage."""
    keys = {"aws_access_key_id": "key", "aws_secret_access_key": "secret"}
    sqs = boto3.client("sqs", "us-east-1", endpoint_url=about["sqs_url"], **keys)
    data = '{"exact":1.0,"emoji":"😀"}'
    body = f'{{"method":"everyone","payload":{{"data":{data}}}}}'
    sqs.send_message(QueueUrl=about["queue_url"], MessageBody=body)
    assert [receive(each) for each in three] == [data] * 3


def test_a_function_with_only_the_right_to_send_reaches_all(running: Running, three: Three) -> None:
    assert run("invoke", "foreign", "--url", running.origin).status == 0
    assert [receive(each) for each in three] == ['"from foreign"'] * 3
    refused = run("invoke", "stranger", "--url", running.origin)
    assert refused.status == 1
    assert "is not authorized to perform: sqs:SendMessage" in refused.err


def test_a_durable_broadcast_returns_within_100_ms(running: Running, three: Three) -> None:
    """The first call of a process makes the client of SQS, so the fastest of five counts."""
    done = run("invoke", "durable", "--url", running.origin)
    assert min(json.loads(done.out)) <= 100
    assert [[receive(each) for each in three] for _ in "12345"] == [["durable"] * 3] * 5


def test_the_command_goes_through_the_queue(running: Running, three: Three) -> None:
    done = run("publish", "--url", running.origin, '{"n": 1.0}')
    assert (done.status, done.err) == (0, "")
    assert done.out.startswith("queued ")
    assert [receive(each) for each in three] == ['{"n": 1.0}'] * 3
    listed = run("connections", "--url", running.origin, "--format", "json")
    first = json.loads(listed.out.splitlines()[0])["connection_id"]
    to = ("--to", first, "--format", "json")
    done = run("publish", "--url", running.origin, *to, "\ufffe\x01")
    assert json.loads(done.out)["queued"]
    assert receive(three[0]) == "\ufffe\x01"


def test_only_a_signed_request_is_published(running: Running, three: Three) -> None:
    message = {"method": "everyone", "payload": {"data": "by http"}}
    status, answer = post(running, message)
    assert (status, answer) == (403, {"message": "Missing Authentication Token"})
    status, answer = post(running, message, **signed(running, message))
    assert (status, list(answer)) == (202, ["queued"])
    assert [receive(each) for each in three] == ['"by http"'] * 3


def test_the_console_has_both_queues(running: Running, about: dict[str, Any]) -> None:
    names = ["pour-dev-broadcasts", "pour-dev-broadcasts-dead"]
    assert about["queues"] == names
    assert about["queue_url"] == f"{about['sqs_url']}/123456789012/{names[0]}"


def test_a_poison_message_is_a_dead_letter(running: Running, about: dict[str, Any]) -> None:
    """SQS moves it after three receives."""
    keys = {"aws_access_key_id": "key", "aws_secret_access_key": "secret"}
    sqs = boto3.client("sqs", "us-east-1", endpoint_url=about["sqs_url"], **keys)
    url = about["queue_url"]
    names = ["VisibilityTimeout", "RedrivePolicy"]
    found = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=names)["Attributes"]
    assert found["VisibilityTimeout"] == "120"
    assert json.loads(found["RedrivePolicy"])["maxReceiveCount"] == 3
    sqs.set_queue_attributes(QueueUrl=url, Attributes={"VisibilityTimeout": "1"})
    sqs.send_message(QueueUrl=url, MessageBody="poison")

    wait_until(lambda: left(running)["pour-dev-broadcasts-dead"] == 1, "a dead letter")
