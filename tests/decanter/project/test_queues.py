"""The queues of an app, the settings of their event source mappings, and what Lambda deletes."""

from typing import Any

import pytest

from decanter.local.sqs.events import done
from decanter.project.queues import Queues, Source
from decanter.project.stack import Stack
from decanter.project.template import Template
from tests.support.declarations import declaration

STACK = Stack("pour", "dev")
ARN = "arn:aws:sqs:us-east-1:123456789012:"
JOBS: dict[str, Any] = {"Type": "AWS::SQS::Queue"}


def queues(kind: str = "sqs", timeout: float = 10, **resources: Any) -> Queues:
    template = Template({"Resources": resources}, STACK)
    return Queues.of(declaration(others={"work": kind}), template, STACK, lambda _: timeout)


def test_a_queue_of_a_function_alone_fits_its_timeout() -> None:
    found = queues(timeout=60)
    assert [(each.name, each.visibility) for each in found.queues] == [("work", 60)]
    assert found.sources == (Source("work", f"{ARN}work"),)
    assert found.warnings == ()


def test_the_template_changes_chalices_mapping() -> None:
    settings = {
        "BatchSize": 3,
        "ScalingConfig": {"MaximumConcurrency": 2},
        "FunctionResponseTypes": ["ReportBatchItemFailures"],
    }
    events = {"WorkSqsEventSource": {"Properties": settings}}
    (source,) = queues(Work={"Properties": {"Events": events}}).sources
    assert source == Source("work", f"{ARN}work", 3, 0, 2, partial=True)


def test_a_mapping_of_the_template_runs_any_function() -> None:
    mapping = {
        "Type": "AWS::Lambda::EventSourceMapping",
        "Properties": {
            "FunctionName": {"Fn::GetAtt": ["Work", "Arn"]},
            "EventSourceArn": {"Fn::GetAtt": ["Jobs", "Arn"]},
            "BatchSize": 7,
        },
    }
    found = queues("lambda", Jobs=JOBS, Mapping=mapping)
    assert found.sources == (Source("work", f"{ARN}pour-dev-Jobs", 7),)


@pytest.mark.parametrize(
    "arn", ["arn:aws:kinesis:eu-west-1:123456789012:stream/jobs", {"Fn::ImportValue": "other"}]
)
def test_a_mapping_of_another_or_an_unknown_source_is_not_a_queue(arn: Any) -> None:
    mapping = {
        "Type": "AWS::Lambda::EventSourceMapping",
        "Properties": {
            "FunctionName": {"Fn::GetAtt": ["Work", "Arn"]},
            "EventSourceArn": arn,
            "BatchSize": 7,
        },
    }
    found = queues(Mapping=mapping)
    assert found.sources == (Source("work", f"{ARN}work"),)


def test_properties_without_effect_here_are_not_read() -> None:
    unknown = {"Fn::ImportValue": "key"}
    properties = {"QueueName": "work", "KmsMasterKeyId": unknown, "DelaySeconds": "3"}
    events = {"Other": {"Type": "SQS", "Properties": {"Queue": unknown}}}
    found = queues(Jobs={**JOBS, "Properties": properties}, Work={"Properties": {"Events": events}})
    assert [dict(each.attributes) for each in found.queues] == [{"DelaySeconds": "3"}]
    assert found.sources == (Source("work", f"{ARN}work"),)


def test_a_short_visibility_timeout_is_a_warning() -> None:
    own = {**JOBS, "Properties": {"QueueName": "work", "VisibilityTimeout": 5}}
    (warning,) = queues(Jobs=own).warnings
    assert warning.startswith("AWS refuses the queue work for work: its VisibilityTimeout of 5 s")


@pytest.mark.parametrize(
    ("result", "deleted"),
    [
        (None, "ab"),
        ({"batchItemFailures": []}, "ab"),
        ({"batchItemFailures": [{"itemIdentifier": "a"}]}, "b"),
        ({"batchItemFailures": [{"itemIdentifier": "unknown"}]}, ""),
        ({"batchItemFailures": [{"itemIdentifier": ""}]}, ""),
        ({"batchItemFailures": [{"wrong": "a"}]}, ""),
        (["not", "an object"], ""),
    ],
)
def test_a_result_names_the_messages_that_failed(result: Any, deleted: str) -> None:
    messages = [{"MessageId": "a"}, {"MessageId": "b"}]
    kept = done(Source("work", ARN, partial=True), messages, result)
    assert "".join(each["MessageId"] for each in kept) == deleted
    assert done(Source("work", ARN), messages, result) == messages
