"""Queues: messages that boto3 sends run functions; failed ones end in the dead-letter queue."""

import json
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest

from tests.support.apps import NO_DATABASE, replace
from tests.support.clients import JSON, call
from tests.support.gateways import Running, gateway, wait_until
from tests.support.marks import THOROUGH
from tests.support.projects import write_project

APP = """
import os
import boto3
from chalice import Chalice

app = Chalice(app_name="pour")
early = boto3.client("sqs", endpoint_url="https://sqs.us-east-1.amazonaws.com")

@app.on_sqs_message(queue="pour-jobs")
def work(event):
    records = event.to_dict()["Records"]
    for record in records:
        if record["body"] == "poison":
            raise ValueError("poison")
    print("worked on", sorted(record["body"] for record in records))

@app.on_sqs_message(queue="other", batch_size=2, maximum_batching_window_in_seconds=20)
def partly(event):
    failed = [each["messageId"] for each in event.to_dict()["Records"] if each["body"] == "bad"]
    print("partly", sorted(each.body for each in event))
    return {"batchItemFailures": [{"itemIdentifier": each} for each in failed]}

@app.on_sqs_message(queue="steps.fifo", batch_size=1)
def step(event):
    (record,) = event.to_dict()["Records"]
    attributes = record["attributes"]
    if record["body"] == "a1" and attributes["ApproximateReceiveCount"] == "1":
        raise ValueError("first attempt")
    print("step", record["body"], attributes["MessageGroupId"], attributes["SequenceNumber"])

@app.route("/send/{body}")
def send(body):
    url = early.get_queue_url(QueueName="pour-jobs")["QueueUrl"]
    boto3.client("sqs").send_message(QueueUrl=url, MessageBody=body)
    return {"url": url, "named": os.environ["JOBS_URL"]}
"""
CONFIG = {
    "version": "2.0",
    "app_name": "pour",
    "stages": {"dev": {"lambda_timeout": 1, "autogen_policy": True}},
}
TEMPLATE = {
    "Resources": {
        "Jobs": {
            "Type": "AWS::SQS::Queue",
            "Properties": {
                "QueueName": "pour-jobs",
                "VisibilityTimeout": 1,
                "RedrivePolicy": {
                    "deadLetterTargetArn": {"Fn::GetAtt": ["Dead", "Arn"]},
                    "maxReceiveCount": 2,
                },
            },
        },
        "Steps": {
            "Type": "AWS::SQS::Queue",
            "Properties": {
                "QueueName": "steps.fifo",
                "FifoQueue": True,
                "ContentBasedDeduplication": True,
                "VisibilityTimeout": 1,
            },
        },
        "Dead": {"Type": "AWS::SQS::Queue"},
        "APIHandler": {"Properties": {"Environment": {"Variables": {"JOBS_URL": {"Ref": "Jobs"}}}}},
        "Partly": {
            "Properties": {
                "Events": {
                    "PartlySqsEventSource": {
                        "Properties": {"FunctionResponseTypes": ["ReportBatchItemFailures"]}
                    }
                }
            }
        },
    }
}


@pytest.fixture(name="project", scope="module")
def _project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    project = write_project(tmp_path_factory.mktemp("queues") / "pour", APP, CONFIG)
    (project / ".chalice" / "resources.json").write_text(json.dumps(TEMPLATE))
    return project


@pytest.fixture(name="running", scope="module")
def _running(project: Path) -> Iterator[Running]:
    with gateway(project) as running:
        yield running


@pytest.fixture(name="sqs", scope="module")
def _sqs(running: Running) -> Any:
    return boto3.client(
        "sqs",
        endpoint_url=running.banner("SQS").split()[0],
        region_name="us-east-1",
        aws_access_key_id="test",
        aws_secret_access_key="test",
    )


def depths(running: Running) -> dict[str, Any]:
    _, _, body = call(running, "GET", "/_gateway/queues")
    return {each["name"]: each for each in json.loads(body)["queues"]}


def test_a_message_of_an_http_route_runs_the_function(running: Running) -> None:
    """The app's clients reach SQS whatever endpoint they name."""
    status, _, body = call(running, "GET", "/api/send/one")
    urls = json.loads(body)
    assert status == 200
    assert urls["url"].startswith("http://127.0.0.1:")
    assert urls["named"].endswith("amazonaws.com/123456789012/pour-jobs")
    running.wait_for_line(r"worked on \['one'\]")


def test_a_batch_is_collected_within_its_window(running: Running, sqs: Any) -> None:
    for body in ("a", "b"):
        sqs.send_message(QueueUrl="other", MessageBody=body)
    running.wait_for_line(r"partly \['a', 'b'\]")


def test_a_poison_message_goes_to_the_dead_letter_queue(running: Running, sqs: Any) -> None:
    sqs.send_message(QueueUrl="pour-jobs", MessageBody="poison")
    received = sqs.receive_message(QueueUrl="pour-dev-Dead", WaitTimeSeconds=10)
    assert [each["Body"] for each in received["Messages"]] == ["poison"]
    running.wait_for_line("work sqs pour-jobs raised")
    assert depths(running)["pour-jobs"]["deadLetterQueue"] == "pour-dev-Dead"
    assert depths(running)["pour-dev-Dead"]["inFlight"] == 1


def test_only_the_messages_that_failed_stay(running: Running, sqs: Any) -> None:
    entries = [{"Id": each, "MessageBody": each} for each in ("good", "bad")]
    sqs.send_message_batch(QueueUrl="other", Entries=entries)
    running.wait_for_line("partly .*bad")

    def one_is_left() -> bool:
        other = depths(running)["other"]
        return (other["visible"], other["inFlight"]) == (0, 1)

    wait_until(one_is_left, "only the bad message is in the queue")


def test_a_group_of_a_fifo_queue_keeps_its_order(running: Running, sqs: Any) -> None:
    """The group of a failed message waits for it, and other groups do not."""
    for body in ("a1", "a2", "b1", "a2", "a3"):
        sqs.send_message(QueueUrl="steps.fifo", MessageBody=body, MessageGroupId=body[0])
    running.wait_for_line("step a3 a ")
    steps = re.findall(r"step (\w+) (\w) (\d+)$", "\n".join(running.lines), re.MULTILINE)
    assert [body for body, group, _ in steps if group == "a"] == ["a1", "a2", "a3"]
    assert steps[0][:2] == ("b1", "b")
    numbers = [number for _, group, number in steps if group == "a"]
    assert numbers == sorted(numbers)


def test_an_app_with_queues_has_no_faults_of_the_users_own_dynamodb(project: Path) -> None:
    """The process of SQS runs, but no call to DynamoDB passes through it."""
    fault = b'{"target": "dynamodb", "action": "throttle"}'
    with gateway(project, *NO_DATABASE) as running:
        answer = call(running, "POST", "/_gateway/faults", fault, headers=JSON)
        rights = json.loads(call(running, "GET", "/_gateway/rights")[2])
    assert (answer[0], b"leave out --dynamodb-endpoint" in answer[2]) == (400, True)
    assert rights["records_dynamodb"] is False


@THOROUGH
def test_another_python_without_forks(project: Path) -> None:
    with gateway(project, "--python", sys.executable, "--no-fork") as running:
        call(running, "GET", "/api/send/three")
        running.wait_for_line(r"worked on \['three'\]")


def test_a_changed_function_gets_the_next_message(
    running: Running, project: Path, sqs: Any
) -> None:
    replace(project / "app.py", APP.replace("worked on", "toiled on"))
    running.wait_for_line("in service after")
    sqs.send_message(QueueUrl="pour-jobs", MessageBody="two")
    running.wait_for_line(r"toiled on \['two'\]")
