"""Create example events for functions, in the form that AWS sends.

Sources: Lambda Developer Guide, one chapter for each service; EventBridge User Guide, "AWS service
events", under `aws.events`; API Gateway Developer Guide, "Input to a Lambda authorizer".
"""

import json
import re
import time
import uuid
from collections.abc import Callable
from typing import Any
from urllib.parse import quote_plus

from decanter.project.declaration import LambdaFunction
from decanter.project.stack import Stack

Event = dict[str, Any]

TEXT = "hello world !"
"""The default text of a message or a record."""

_S3_EVENTS = {
    "ObjectCreated:*": "ObjectCreated:Put",
    "ObjectRemoved:*": "ObjectRemoved:Delete",
    "ObjectRestore:*": "ObjectRestore:Completed",
    "ObjectTagging:*": "ObjectTagging:Put",
    "LifecycleExpiration:*": "LifecycleExpiration:Delete",
}
"""The event in an example, by the kind of events for which the bucket invokes the function."""


def example_event(function: LambdaFunction, stack: Stack, body: str | None = None) -> Event:
    """Return an example event for a function; empty for a kind of function without examples.

    `body` is the text of the message, record or request in the event; the key of an object in a
    bucket; or the token for an authorizer.

    Raises:
        ValueError: events of this kind have no place for `body`.
    """
    if body is not None and function.kind not in _WITH_BODY:
        raise ValueError(
            f"an event of {function.name} has no body: give the whole event, in a file or as -"
        )
    make = _MAKERS.get(function.kind)
    return make(function, stack, body) if make else {}


def scheduled_event(stack: Stack, name: str, now: float) -> Event:
    """Return the event that EventBridge sends for the rule that Chalice creates for a function.

    `now` is the Unix time in seconds.
    """
    return {
        "version": "0",
        "id": str(uuid.uuid4()),
        "detail-type": "Scheduled Event",
        "source": "aws.events",
        "account": stack.account_id,
        "time": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(now)),
        "region": stack.region,
        "resources": [stack.arn("events", f"rule/{stack.name}-{name}-event")],
        "detail": {},
    }


def _builders() -> Any:
    """Return Chalice's builders of events. The import of Chalice's test module is slow."""
    from chalice.test import TestEventsClient

    return TestEventsClient(None)  # type: ignore[arg-type]  # the builders use no app


def _schedule(function: LambdaFunction, stack: Stack, _: str | None) -> Event:
    return scheduled_event(stack, function.name, time.time())


def _cloudwatch(function: LambdaFunction, stack: Stack, _: str | None) -> Event:
    """Return an event with the first value of each list in the pattern."""
    pattern = json.loads(function.source)
    first = {key: _first(value) for key, value in pattern.items()}
    return {
        **scheduled_event(stack, function.name, time.time()),
        "detail-type": "Example",
        "source": "example",
        "resources": [],
        **first,
    }


def _first(pattern: Any) -> Any:
    if isinstance(pattern, dict):
        return {key: _first(value) for key, value in pattern.items()}
    if isinstance(pattern, list) and pattern and isinstance(pattern[0], str):
        return pattern[0]
    return "example"  # the pattern is a filter, such as a prefix


def _sqs(function: LambdaFunction, stack: Stack, body: str | None) -> Event:
    name = function.source.rpartition(":")[2]
    event: Event = _builders().generate_sqs_event([TEXT if body is None else body], name)
    return _here(event, stack, eventSourceARN=_arn(function.source, stack, "sqs"))


def _sns(function: LambdaFunction, stack: Stack, body: str | None) -> Event:
    event: Event = _builders().generate_sns_event(TEXT if body is None else body, "", {})
    arn = _arn(function.source, stack, "sns")
    event["Records"][0]["Sns"]["TopicArn"] = arn
    return _here(event, stack, EventSubscriptionArn=f"{arn}:{uuid.uuid4()}")


def _s3(function: LambdaFunction, stack: Stack, body: str | None) -> Event:
    """Return an event of the first kind that invokes the function.

    The key is URL-encoded, and the event of a removal has no size and no ETag (Amazon S3 User
    Guide, "Event message structure").
    """
    objects = function.objects
    prefix, suffix = objects.get("prefix", ""), objects.get("suffix") or ".txt"
    key = quote_plus(body or f"{prefix}example{suffix}", safe="/")
    event: Event = _builders().generate_s3_event(function.source, key)
    (record,) = event["Records"]
    name = next(iter(objects.get("events", ())), "s3:ObjectCreated:*").removeprefix("s3:")
    record["eventName"] = _S3_EVENTS.get(name, name)
    if name.startswith("ObjectRemoved:"):
        del record["s3"]["object"]["size"], record["s3"]["object"]["eTag"]
    return _here(event, stack)


def _kinesis(function: LambdaFunction, stack: Stack, body: str | None) -> Event:
    data = (TEXT if body is None else body).encode()
    event: Event = _builders().generate_kinesis_event([data], function.source)
    arn = stack.arn("kinesis", f"stream/{function.source}")
    return _here(event, stack, eventSourceARN=arn)


def _dynamodb(function: LambdaFunction, stack: Stack, _: str | None) -> Event:
    item = {"id": {"S": "1"}}
    record = {
        "eventID": uuid.uuid4().hex,
        "eventName": "INSERT",
        "eventVersion": "1.1",
        "eventSource": "aws:dynamodb",
        "awsRegion": stack.region,
        "dynamodb": {
            "ApproximateCreationDateTime": int(time.time()),
            "Keys": item,
            "NewImage": item,
            "SequenceNumber": "111",
            "SizeBytes": 6,
            "StreamViewType": "NEW_AND_OLD_IMAGES",
        },
        "eventSourceARN": function.source,
    }
    return {"Records": [record]}


def _authorizer(_: LambdaFunction, stack: Stack, body: str | None) -> Event:
    return {
        "type": "TOKEN",
        "methodArn": stack.arn("execute-api", f"{stack.api_id}/{stack.api_stage}/GET/"),
        "authorizationToken": body or "token",
    }


def _http(function: LambdaFunction, _: Stack, body: str | None) -> Event:
    """Return a request for a path of the app. Each path parameter has its own name as its value."""
    from chalice.local import LambdaEventConverter, RouteMatcher

    method, path = function.source.split(" ", 1)
    content = (body or "").encode()
    headers = {"content-type": "application/json", "content-length": str(len(content))}
    converter = LambdaEventConverter(RouteMatcher([path]))
    event: Event = converter.create_lambda_event(
        method=method, path=re.sub(r"[{}]", "", path), headers=headers, body=content
    )
    if isinstance(event["body"], bytes):
        event["body"] = event["body"].decode()
    return event


def _arn(source: str, stack: Stack, service: str) -> str:
    return source if source.startswith("arn:") else stack.arn(service, source)


def _here(event: Event, stack: Stack, **members: str) -> Event:
    """Set these members in each record, and the stack's region in records with `awsRegion`."""
    for record in event["Records"]:
        record.update(members)
        if "awsRegion" in record:
            record["awsRegion"] = stack.region
    return event


_MAKERS: dict[str, Callable[[LambdaFunction, Stack, str | None], Event]] = {
    "authorizer": _authorizer,
    "cloudwatch": _cloudwatch,
    "dynamodb": _dynamodb,
    "http": _http,
    "kinesis": _kinesis,
    "s3": _s3,
    "schedule": _schedule,
    "sns": _sns,
    "sqs": _sqs,
}
_WITH_BODY = {"authorizer", "http", "kinesis", "s3", "sns", "sqs"}
