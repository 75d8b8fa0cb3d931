"""Sending to SQS, with botocore's client and moto."""

from collections.abc import Iterator
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError, ConnectTimeoutError
from moto import mock_aws

from decanter.runtime.errors import QueueError, TooLarge
from decanter.runtime.publishing.sqs import MOST_BYTES, Sqs
from decanter.runtime.session import session

REGION = "us-east-1"


@pytest.fixture(name="aws")
def _aws(aws_environment: None) -> Iterator[None]:
    session.cache_clear()  # moto sees only the clients of later sessions
    with mock_aws():
        yield
    session.cache_clear()


@pytest.fixture(name="queue")
def _queue(aws: None) -> Any:
    return boto3.resource("sqs", REGION).create_queue(QueueName="broadcasts")


class Failing:
    """A client whose calls fail."""

    def __init__(self, error: Exception) -> None:
        self.error = error

    def send_message(self, **_: object) -> None:
        raise self.error


def failure(error: Exception) -> str:
    with pytest.raises(QueueError) as raised:
        Sqs(REGION, lambda _: Failing(error))("https://sqs/q", "x")
    assert raised.value.__cause__ is error
    return str(raised.value)


def test_a_message_arrives_exactly(queue: Any) -> None:
    body = '{"text":"\\ufffe\\u0001 \\ud83d\\ude00"}'
    Sqs(REGION)(queue.url, body)
    (message,) = queue.receive_messages()
    assert message.body == body


def test_a_delayed_message_is_not_visible(queue: Any) -> None:
    Sqs(REGION)(queue.url, "late", 900)
    assert queue.receive_messages() == []
    queue.reload()
    assert queue.attributes["ApproximateNumberOfMessagesDelayed"] == "1"


def test_a_client_is_made_once_and_again_after_a_fork(queue: Any) -> None:
    made: list[str | None] = []

    def make(region: str | None) -> Any:
        made.append(region)
        return boto3.client("sqs", region)

    sqs = Sqs(REGION, make)
    sqs(queue.url, "one")
    sqs(queue.url, "two")
    assert made == [REGION]
    sqs.after_fork()
    sqs(queue.url, "three")
    assert made == [REGION, REGION]


def test_a_message_of_more_than_1_mib_is_refused_without_a_call() -> None:
    with pytest.raises(TooLarge, match=str(MOST_BYTES)):
        Sqs(REGION, lambda _: Failing(AssertionError()))("https://sqs/q", "x" * (MOST_BYTES + 1))


def test_a_queue_that_does_not_exist_is_an_error(aws: None) -> None:
    with pytest.raises(QueueError, match=r"SQS refuses the message .*NonExistentQueue"):
        Sqs(REGION)("https://sqs.us-east-1.amazonaws.com/123456789012/none", "x")


def test_a_missing_right_is_named_with_its_remedy() -> None:
    answer: Any = {"Error": {"Code": "AccessDenied", "Message": "no"}}
    text = failure(ClientError(answer, "SendMessage"))
    assert text.endswith(": declare the call with @uses(sends=True)")


def test_an_sqs_that_does_not_answer_is_an_error() -> None:
    text = failure(ConnectTimeoutError(endpoint_url="https://sqs"))
    assert text.startswith("SQS does not take the message (Connect timeout")
