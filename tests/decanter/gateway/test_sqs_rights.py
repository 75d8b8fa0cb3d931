"""The right that each call to SQS needs."""

from typing import Any

import pytest

from decanter.gateway.sqs_rights import pairs

PLACE = "arn:aws:dynamodb:us-east-1:123456789012:"
JOBS = "arn:aws:sqs:us-east-1:123456789012:jobs"


@pytest.mark.parametrize(
    ("operation", "call", "needed"),
    [
        ("SendMessage", {"QueueUrl": "http://127.0.0.1:9/1/jobs"}, ("sqs:SendMessage", JOBS)),
        ("SendMessageBatch", {"QueueUrl": "jobs"}, ("sqs:SendMessage", JOBS)),
        ("GetQueueUrl", {"QueueName": "jobs"}, ("sqs:GetQueueUrl", JOBS)),
        ("ListQueues", {}, ("sqs:ListQueues", "*")),
        ("SendMessage", {"QueueUrl": 1}, ("sqs:SendMessage", "*")),
    ],
)
def test_a_call_needs_one_right(operation: str, call: Any, needed: tuple[str, str]) -> None:
    assert pairs(operation, call, PLACE) == [needed]
