"""Lambda's request for messages of a queue, the event with them, and the messages to delete.

Source: Lambda Developer Guide, "Using Lambda with Amazon SQS" and "Handling errors for an SQS event
source in Lambda".
"""

from collections.abc import Mapping, Sequence
from typing import Any

from decanter.project.queues import Source

Message = Mapping[str, Any]
"""A message as ReceiveMessage returns it."""


MOST_RECEIVED = 10
"""ReceiveMessage returns at most this many messages."""


def request(source: Source, most: int, **arguments: Any) -> dict[str, Any]:
    """Return the arguments of ReceiveMessage. `most` is the maximum number of messages."""
    return {
        "QueueUrl": source.queue,
        "MaxNumberOfMessages": min(most, MOST_RECEIVED),
        "MessageSystemAttributeNames": ["All"],
        "MessageAttributeNames": ["All"],
        **arguments,
    }


def sqs_event(source: Source, messages: Sequence[Message]) -> dict[str, Any]:
    """Return the event with these messages."""
    return {"Records": [_record(source, each) for each in messages]}


def done(source: Source, messages: Sequence[Message], result: Any) -> list[Message]:
    """Return the messages that Lambda deletes after the function has returned a result.

    If the result has an invalid list of failures, all messages count as failed.
    """
    if not source.partial or not result:
        return [*messages]
    try:
        failed = [each["itemIdentifier"] for each in result["batchItemFailures"] or ()]
    except (KeyError, TypeError):
        return []
    known = {each["MessageId"] for each in messages}
    if any(each not in known for each in failed):
        return []
    return [each for each in messages if each["MessageId"] not in failed]


def _record(source: Source, message: Message) -> dict[str, Any]:
    attributes = message.get("MessageAttributes") or {}
    digest = message.get("MD5OfMessageAttributes")
    return {
        "messageId": message["MessageId"],
        "receiptHandle": message["ReceiptHandle"],
        "body": message["Body"],
        "attributes": dict(message.get("Attributes") or {}),
        "messageAttributes": {name: _attribute(each) for name, each in attributes.items()},
        **({"md5OfMessageAttributes": digest} if digest else {}),
        "md5OfBody": message["MD5OfBody"],
        "eventSource": "aws:sqs",
        "eventSourceARN": source.arn,
        "awsRegion": source.arn.split(":")[3],
    }


def _attribute(attribute: Mapping[str, Any]) -> dict[str, Any]:
    """Return a message attribute in Lambda's form. A binary value stays in base64."""
    value = {
        name[0].lower() + name[1:]: attribute[name]
        for name in ("StringValue", "BinaryValue")
        if name in attribute
    }
    lists: dict[str, list[str]] = {"stringListValues": [], "binaryListValues": []}
    return {**value, **lists, "dataType": attribute["DataType"]}
