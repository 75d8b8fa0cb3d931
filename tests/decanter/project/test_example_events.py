"""Example events: the function of each kind accepts its own."""

import json
from typing import Any

import pytest
from chalice.app import Chalice

from decanter.project import handlers
from decanter.project.declaration import LambdaFunction
from decanter.project.example_events import example_event
from decanter.project.stack import Stack

STACK = Stack("pour", "dev", region="eu-west-1")
STREAM = "arn:aws:dynamodb:eu-west-1:123456789012:table/orders/stream/2026-01-01T00:00:00.000"


def app_with_all_kinds() -> tuple[Chalice, dict[str, Any]]:
    """Return an app with a function of each kind, and a dict for what they read of their event."""
    app, read = Chalice("pour"), {}

    def keep(register: Any, name: str, take: Any) -> None:
        def handle(event: Any) -> None:
            read[name] = take(event)

        handle.__name__ = name
        register(name=name)(handle)

    def on(decorator: Any, **options: Any) -> Any:
        return lambda name: decorator(name=name, **options)

    keep(on(app.on_sqs_message, queue="jobs"), "sqs", lambda e: [each.body for each in e])
    keep(on(app.on_sns_message, topic="news"), "sns", lambda e: (e.message, e.subject))
    keep(on(app.on_s3_event, bucket="pictures"), "s3", lambda e: (e.bucket, e.key))
    keep(on(app.on_kinesis_record, stream="clicks"), "kinesis", lambda e: [r.data for r in e])
    keep(on(app.on_dynamodb_record, stream_arn=STREAM), "dynamodb", tables)
    keep(on(app.schedule, expression="rate(1 hour)"), "schedule", lambda e: e.source)
    keep(on(app.on_cw_event, event_pattern=PATTERN), "cloudwatch", lambda e: (e.source, e.detail))
    return app, read


def tables(event: Any) -> list[tuple[str, Any]]:
    return [(each.table_name, each.new_image) for each in event]


PATTERN = {
    "source": ["aws.ec2"],
    "detail-type": [{"prefix": "EC2"}],
    "detail": {"state": ["running", "stopped"]},
}
READ = {
    "sqs": ["hello"],
    "sns": ("hello", ""),
    "s3": ("pictures", "hello"),
    "kinesis": [b"hello"],
    "dynamodb": [("orders", {"id": {"S": "1"}})],
    "schedule": "aws.events",
    "cloudwatch": ("aws.ec2", {"state": "running"}),
}


@pytest.mark.parametrize("kind", READ)
def test_a_function_reads_the_example_of_its_kind(kind: str) -> None:
    app, read = app_with_all_kinds()
    (found,) = (each for each in handlers.registered(app) if each.kind == kind)
    function = LambdaFunction(found.name, found.kind, found.source, found.handler)
    event = example_event(function, STACK, "hello" if "hello" in str(READ[kind]) else None)
    assert json.loads(json.dumps(event)) == event
    assert "us-west-2" not in json.dumps(event).replace("sns.us-west-2", "")
    app.handler_map[kind](event, None)
    assert read == {kind: READ[kind]}


@pytest.mark.parametrize(
    ("source", "arn"),
    [
        ("jobs", "arn:aws:sqs:eu-west-1:123456789012:jobs"),
        ("arn:aws:sqs:eu-north-1:1:jobs", "arn:aws:sqs:eu-north-1:1:jobs"),
    ],
)
def test_a_record_names_its_source(source: str, arn: str) -> None:
    event = example_event(LambdaFunction("work", "sqs", source, "app.work"), STACK)
    assert [record["eventSourceARN"] for record in event["Records"]] == [arn]


def test_the_http_function_answers_its_example() -> None:
    app = Chalice("pour")

    @app.route("/rooms/{room}", methods=["POST"])
    def rooms(room: str) -> Any:
        assert app.current_request is not None
        return {room: app.current_request.json_body}

    (found,) = handlers.registered(app)
    function = LambdaFunction(found.name, found.kind, found.source, found.handler)
    assert (found.name, found.source) == ("api_handler", "POST /rooms/{room}")
    answer = app(example_event(function, STACK, '{"a": 1}'), None)
    assert json.loads(answer["body"]) == {"room": {"a": 1}}


def test_an_authorizers_example_is_for_the_api() -> None:
    event = example_event(LambdaFunction("guard", "authorizer", "", "app.guard"), STACK, "good")
    assert event["authorizationToken"] == "good"
    assert event["methodArn"] == "arn:aws:execute-api:eu-west-1:123456789012:local/api/GET/"


@pytest.mark.parametrize("kind", ["lambda", "schedule", "cloudwatch", "dynamodb"])
def test_a_body_is_refused_where_no_event_has_one(kind: str) -> None:
    with pytest.raises(ValueError, match="an event of it has no body: give the whole event"):
        example_event(LambdaFunction("it", kind, "{}", "app.it"), STACK, "text")


def test_a_pure_functions_example_is_empty() -> None:
    assert example_event(LambdaFunction("pure", "lambda", "", "app.pure"), STACK) == {}


@pytest.mark.parametrize(
    ("options", "name", "key"),
    [
        ({}, "ObjectCreated:Put", "example.txt"),
        ({"prefix": "my pictures/"}, "ObjectCreated:Put", "my pictures/example.txt"),
        ({"prefix": "in/", "suffix": "+.png"}, "ObjectCreated:Put", "in/example+.png"),
        ({"events": ["s3:ObjectRemoved:*"]}, "ObjectRemoved:Delete", "example.txt"),
        ({"events": ["s3:ObjectCreated:Copy"]}, "ObjectCreated:Copy", "example.txt"),
    ],
)
def test_the_event_of_a_bucket_is_one_that_the_function_asks_for(
    options: dict[str, Any], name: str, key: str
) -> None:
    app, read = Chalice("pour"), []

    @app.on_s3_event("pictures", **options)
    def added(event: Any) -> None:
        read.append(event)

    (found,) = handlers.registered(app)
    function = LambdaFunction(found.name, "s3", found.source, found.handler, {}, found.objects)
    event = example_event(function, STACK)
    app.handler_map[found.name](event, None)
    assert read[0].key == key
    assert event["Records"][0]["eventName"] == name
    assert ("size" in event["Records"][0]["s3"]["object"]) is not name.startswith("ObjectRemoved")
    assert example_event(function, STACK, "a b")["Records"][0]["s3"]["object"]["key"] == "a+b"
