"""The queue of a router in `decanter.testing`: it exists, and the app's variables point to it."""

import os
from collections.abc import Iterator
from pathlib import Path

import boto3
import pytest
from botocore.exceptions import ClientError

from decanter.testing import WebSocketClient
from tests.field_cases.apps import imported
from tests.support.projects import write_project
from tests.support.queued import JOBS, queued

APP = queued(
    JOBS,
    """

app.seen = []

@app.on_sqs_message(queue="broadcasts")
def fan_out(event):
    app.seen.extend(each.body for each in event)

@app.lambda_function()
@uses(sends=True)
def sender(event, context):
    import os, boto3
    boto3.client("sqs").send_message(QueueUrl=os.environ["DECANTER_QUEUE_URL"], MessageBody=event)

@app.lambda_function()
@uses()
def reader(event, context):
    sender(event, context)
""",
)


@pytest.fixture(name="client")
def _client(tmp_path: Path) -> Iterator[WebSocketClient]:
    project = write_project(tmp_path / "pour", APP)
    with imported(project) as app, WebSocketClient(app, project_dir=project) as client:
        yield client


def test_a_message_to_the_url_in_the_variable_runs_the_function_of_the_queue(
    client: WebSocketClient,
) -> None:
    assert os.environ["DECANTER_QUEUE_URL"].endswith("/123456789012/pour-dev-broadcasts")
    client.invoke("sender", "hello")
    dead = os.environ["DECANTER_DEAD_LETTER_QUEUE_URL"]
    boto3.client("sqs").get_queue_attributes(QueueUrl=dead)
    assert client.drain() == 1
    assert client.app.seen == ["hello"]


def test_only_a_function_that_sends_may_send_to_the_queue(client: WebSocketClient) -> None:
    with pytest.raises(ClientError, match="not authorized to perform: sqs:SendMessage"):
        client.invoke("reader", "hello")
    assert client.drain() == 0
