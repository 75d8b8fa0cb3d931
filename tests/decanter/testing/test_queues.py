"""`client.drain()`: messages that boto3 sends run the app's functions in the test's thread."""

import json
from pathlib import Path
from typing import Any

import boto3
import pytest
from chalice.app import Chalice, SQSEvent
from moto import mock_aws

from decanter.testing import WebSocketClient
from tests.support.projects import write_project

CONFIG = {"version": "2.0", "app_name": "pour", "stages": {"dev": {"lambda_timeout": 10}}}
TEMPLATE = {
    "Resources": {
        "Jobs": {
            "Type": "AWS::SQS::Queue",
            "Properties": {
                "QueueName": "jobs",
                "VisibilityTimeout": 60,
                "RedrivePolicy": {
                    "deadLetterTargetArn": {"Fn::GetAtt": ["Dead", "Arn"]},
                    "maxReceiveCount": 2,
                },
            },
        },
        "Dead": {"Type": "AWS::SQS::Queue", "Properties": {"QueueName": "dead"}},
    }
}
BATCH = 20


class Place:
    """An app with a function of the queue `jobs`, and what it got."""

    def __init__(self, project: Path) -> None:
        self.app = Chalice(app_name="pour")
        self.batches: list[list[str]] = []
        self.events: list[dict[str, Any]] = []
        self.app.on_sqs_message(queue="jobs", batch_size=BATCH)(self._decorated())
        self.client = WebSocketClient(self.app, project_dir=project)

    def _decorated(self) -> Any:
        def work(event: SQSEvent) -> None:
            self.events.append(event.to_dict())
            self.batches.append([each.body for each in event])
            if "poison" in self.batches[-1]:
                raise ValueError("poison")

        return work

    def send(self, *bodies: str, **arguments: Any) -> None:
        for body in bodies:
            self.sqs.send_message(QueueUrl="jobs", MessageBody=body, **arguments)

    def depth(self, queue: str) -> int:
        names = ["ApproximateNumberOfMessages"]
        answer = self.sqs.get_queue_attributes(QueueUrl=queue, AttributeNames=names)
        return int(answer["Attributes"][names[0]])

    @property
    def sqs(self) -> Any:
        return boto3.client("sqs", region_name="eu-west-1")


@pytest.fixture(name="place")
def _place(tmp_path: Path) -> Place:
    project = write_project(tmp_path / "pour", "", CONFIG)
    (project / ".chalice" / "resources.json").write_text(json.dumps(TEMPLATE))
    return Place(project)


def test_nothing_is_delivered_before_drain(place: Place) -> None:
    with place.client as client:
        place.send("a", "b")
        assert (place.depth("jobs"), place.batches) == (2, [])
        assert client.drain() == 1
        assert (place.depth("jobs"), place.batches) == (0, [["a", "b"]])
        assert client.drain() == 0


def test_a_batch_may_need_several_receipts(place: Place) -> None:
    with place.client as client:
        place.send(*map(str, range(BATCH + 1)))
        assert client.drain() == 2
    assert [len(each) for each in place.batches] == [BATCH, 1]


def test_a_poison_message_goes_to_the_dead_letter_queue(place: Place) -> None:
    with place.client as client:
        place.send("poison")
        for tries in (1, 1, 0):
            assert client.drain() == tries
            assert client.drain() == 0
            client.clock.advance(61)
        assert [str(each) for each in client.errors] == ["poison", "poison"]
        assert (place.depth("jobs"), place.depth("dead")) == (0, 1)
        client.errors.clear()


def test_a_delay_passes_by_the_clients_clock(place: Place) -> None:
    with place.client as client:
        place.send("later", DelaySeconds=900)
        assert client.drain() == 0
        client.clock.advance(901)
        assert client.drain() == 1


def test_the_event_has_lambdas_shape(place: Place) -> None:
    attributes = {"kind": {"DataType": "String", "StringValue": "paint"}}
    with place.client as client:
        place.send("a", MessageAttributes=attributes)
        client.drain()
    (record,) = place.events[0]["Records"]
    assert record.pop("messageId")
    assert record.pop("receiptHandle")
    assert record.pop("md5OfMessageAttributes")
    assert sorted(record.pop("attributes")) == [
        "ApproximateFirstReceiveTimestamp",
        "ApproximateReceiveCount",
        "SenderId",
        "SentTimestamp",
    ]
    assert record == {
        "body": "a",
        "md5OfBody": "0cc175b9c0f1b6a831c399e269772661",
        "messageAttributes": {
            "kind": {
                "stringValue": "paint",
                "stringListValues": [],
                "binaryListValues": [],
                "dataType": "String",
            }
        },
        "eventSource": "aws:sqs",
        "eventSourceARN": "arn:aws:sqs:us-east-1:123456789012:jobs",
        "awsRegion": "us-east-1",
    }


def test_queues_start_empty_and_are_separate_from_those_of_a_mock(place: Place) -> None:
    with place.client:
        place.send("a")
    with mock_aws():
        boto3.client("sqs", region_name="us-east-1").create_queue(QueueName="mocked")
        with WebSocketClient(place.app):
            urls = place.sqs.list_queues()["QueueUrls"]
            assert [each.rpartition("/")[2] for each in urls] == ["jobs"]
            assert place.depth("jobs") == 0


def test_a_function_without_end_is_stopped(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("decanter.testing.queues.MOST_EVENTS", 3)
    app = Chalice(app_name="pour")

    @app.on_sqs_message(queue="loop")
    def again(event: SQSEvent) -> None:
        boto3.client("sqs").send_message(QueueUrl="loop", MessageBody="again")

    with WebSocketClient(app) as client:
        boto3.client("sqs").send_message(QueueUrl="loop", MessageBody="again")
        with pytest.raises(RuntimeError, match=r"drain\(\) has run 4 events: does a function send"):
            client.drain()


def test_a_function_needs_the_right_to_send(tmp_path: Path) -> None:
    stage = {"autogen_policy": False, "iam_policy_file": "policy.json"}
    config = {**CONFIG, "stages": {"dev": stage}}
    project = write_project(tmp_path / "pour", "", config)
    (project / ".chalice" / "policy.json").write_text('{"Version": "2012-10-17", "Statement": []}')
    app = Chalice(app_name="pour")

    @app.on_sqs_message(queue="jobs")
    def forward(event: SQSEvent) -> None:
        boto3.client("sqs").send_message(QueueUrl="jobs", MessageBody="again")

    with WebSocketClient(app, project_dir=project) as client:
        boto3.client("sqs").send_message(QueueUrl="jobs", MessageBody="a")
        assert client.drain() == 1
    (error,) = client.errors
    assert "AccessDenied" in str(error)
    assert "is not authorized to perform: sqs:SendMessage on resource: arn:aws:sqs:" in str(error)
