"""The embedded SQS: FIFO queues, and queues of thousands of messages."""

import json
import time
from collections.abc import Callable
from typing import Any

import pytest

from decanter.local.sqs.backend import Moto
from decanter.local.sqs.service import BAD_TEXT, Sqs

COUNTS = ("", "NotVisible", "Delayed")


class Calls:
    """Calls one queue of a service that does not wait."""

    def __init__(self, name: str, **attributes: str) -> None:
        self.service = Sqs(lambda: Moto("us-east-1"), "localhost:1", waits=False)
        self.name = name
        self.call("CreateQueue", QueueName=name, Attributes=attributes)

    def call(self, operation: str, **arguments: Any) -> Any:
        given = {"QueueUrl": self.name, **arguments}
        status, _, answer = self.service.answer(
            f"AmazonSQS.{operation}", json.dumps(given).encode()
        )
        assert status == 200, answer
        return json.loads(answer or b"{}")

    def send(self, body: str, **arguments: Any) -> Any:
        return self.call("SendMessage", MessageBody=body, **arguments)

    def receive(self, most: int = 1) -> list[Any]:
        names = {"MaxNumberOfMessages": most, "MessageSystemAttributeNames": ["All"]}
        return [*self.call("ReceiveMessage", **names).get("Messages", ())]

    def delete(self, message: Any) -> None:
        self.call("DeleteMessage", ReceiptHandle=message["ReceiptHandle"])

    def counts(self) -> list[str]:
        names = [f"ApproximateNumberOfMessages{each}" for each in COUNTS]
        answer = self.call("GetQueueAttributes", AttributeNames=[*names, "QueueArn"])["Attributes"]
        assert answer["QueueArn"].endswith(f":{self.name}")
        assert (
            answer.items()
            <= self.call("GetQueueAttributes", AttributeNames=["All"])["Attributes"].items()
        )
        return [answer[name] for name in names]


@pytest.fixture(name="fifo")
def _fifo() -> Calls:
    return Calls("jobs.fifo", FifoQueue="true", VisibilityTimeout="60")


def bodies(messages: list[Any]) -> list[str]:
    return [each["Body"] for each in messages]


def in_group(group: str, body: str) -> dict[str, str]:
    return {"body": body, "MessageGroupId": group, "MessageDeduplicationId": body}


def test_a_group_of_a_fifo_queue_waits_for_its_first_message(fifo: Calls) -> None:
    for group, body in (("a", "a1"), ("a", "a2"), ("b", "b1"), ("a", "a3")):
        fifo.send(**in_group(group, body))
    (first,) = fifo.receive()
    (other,) = fifo.receive()
    assert (first["Body"], other["Body"], fifo.receive()) == ("a1", "b1", [])
    fifo.delete(other)
    fifo.service.age(61)
    assert bodies(fifo.receive()) == ["a1"]
    fifo.service.age(61)
    (first,) = fifo.receive()
    fifo.delete(first)
    assert bodies(fifo.receive(10)) == ["a2", "a3"]


def test_a_fifo_queue_numbers_its_messages_and_drops_repeated_ones(fifo: Calls) -> None:
    """It remembers the id of a deleted message for five minutes."""
    for body in ("one", "two", "one"):
        fifo.send(**in_group("a", body))
    found = fifo.receive(10)
    assert bodies(found) == ["one", "two"]
    first, second = (each["Attributes"]["SequenceNumber"] for each in found)
    assert (first < second, len(first)) == (True, 20)
    for each in found:
        fifo.delete(each)
    fifo.send(**in_group("a", "one"))
    assert fifo.receive() == []
    fifo.service.age(301)
    fifo.send(**in_group("a", "one"))
    assert bodies(fifo.receive()) == ["one"]


def test_a_fifo_queue_may_take_the_ids_from_the_contents() -> None:
    fifo = Calls("jobs.fifo", FifoQueue="true", ContentBasedDeduplication="true")
    for body in ("one", "one", "two"):
        fifo.send(body, MessageGroupId="a")
    found = fifo.receive(10)
    assert bodies(found) == ["one", "two"]
    assert all("SequenceNumber" in each["Attributes"] for each in found)


def test_the_attributes_count_messages() -> None:
    queue = Calls("jobs")
    for body in ("one", "two", "three"):
        queue.send(body)
    queue.send("late", DelaySeconds=60)
    queue.receive()
    assert queue.counts() == ["2", "1", "1"]
    queue.service.age(31)
    assert queue.counts() == ["3", "0", "1"]
    queue.call("PurgeQueue")
    assert queue.counts() == ["0", "0", "0"]


def test_an_older_receipt_handle_deletes_a_message() -> None:
    queue = Calls("jobs")
    queue.send("one")
    (first,) = queue.receive()
    queue.service.age(31)
    assert bodies(queue.receive()) == ["one"]
    queue.delete(first)
    queue.delete(first)
    assert queue.counts() == ["0", "0", "0"]


def test_a_call_with_thousands_of_messages_is_fast() -> None:
    """A call takes about as long as with few messages."""
    queue = Calls("jobs")

    def cpu(work: Callable[[], object]) -> float:
        began = time.thread_time()
        work()
        return time.thread_time() - began

    def work() -> None:
        for _ in range(20):
            queue.send("one")
            queue.delete(queue.receive()[0])

    few = min(cpu(work) for _ in range(3))
    messages = queue.service.moto._backend.queues["jobs"]._messages
    queue.send("kept")
    messages += [messages[0]] * 5000
    assert min(cpu(work) for _ in range(3)) < 3 * few


def test_the_characters_of_a_message_are_those_that_aws_accepts() -> None:
    """API Reference, SendMessage: #x9, #xA, #xD, and the ranges below."""
    ranges = ((0x20, 0xD7FF), (0xE000, 0xFFFD), (0x10000, 0x10FFFF))
    accepted = {0x9, 0xA, 0xD}
    near = {*range(0x100), *(end + step for each in ranges for end in each for step in (-1, 0, 1))}
    for code in near - {0x110000}:
        is_good = code in accepted or any(low <= code <= high for low, high in ranges)
        assert (BAD_TEXT.search(chr(code)) is None) == is_good, hex(code)
