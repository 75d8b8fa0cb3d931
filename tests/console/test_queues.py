"""The console's view of queues in a headless Chromium."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest

from tests.support.apps import replace
from tests.support.browser import Page, element, text, texts
from tests.support.gateways import gateway
from tests.support.projects import write_project

APP = """
from chalice import Chalice

app = Chalice(app_name="pour")
app.experimental_feature_flags.update(["WEBSOCKETS"])

@app.on_ws_message()
def message(event):
    pass

@app.on_sqs_message(queue="jobs", batch_size=1)
def work(event):
    if next(iter(event)).body == "poison":
        raise ValueError
"""
TEMPLATE = """{"Resources": {
  "Jobs": {"Type": "AWS::SQS::Queue", "Properties": {
    "QueueName": "jobs",
    "VisibilityTimeout": 60,
    "RedrivePolicy": {"deadLetterTargetArn": {"Fn::GetAtt": ["Dead", "Arn"]}, "maxReceiveCount": 1}
  }},
  "Dead": {"Type": "AWS::SQS::Queue", "Properties": {"QueueName": "jobs-dead"}}
}}"""
ROW = "#queues tbody tr:nth-child({})"


@pytest.fixture(name="project", scope="module")
def _project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    project = write_project(tmp_path_factory.mktemp("queues") / "pour", APP)
    (project / ".chalice" / "resources.json").write_text(TEMPLATE)
    return project


@pytest.fixture(name="page", scope="module")
def _page(browser: Page, project: Path) -> Iterator[Page]:
    with gateway(project) as running:
        browser.complaints.clear()
        browser.resize(1280, 800)
        browser.open(f"{running.origin}/")
        browser.wait(f"!{element('#queues')}.hidden")
        browser.sqs = boto3.client(  # type: ignore[attr-defined]
            "sqs",
            "us-east-1",
            endpoint_url=running.banner("SQS").split()[0],
            aws_access_key_id="key",
            aws_secret_access_key="secret",
        )
        yield browser
        assert browser.complaints == []
    browser.open("about:blank")


def wait_for(page: Page, row: int, *cells: str) -> None:
    page.wait(
        f"JSON.stringify({texts(ROW.format(row) + ' td')}.slice(0, 3)) === '{list_of(cells)}'"
    )


def list_of(cells: Any) -> str:
    return "[" + ",".join(f'"{each}"' for each in cells) + "]"


def test_each_queue_has_its_depth_and_the_age_of_its_oldest_message(page: Page) -> None:
    sqs: Any = page.sqs  # type: ignore[attr-defined]
    wait_for(page, 1, "0", "0", "0")
    assert page.evaluate(text(f"{ROW.format(1)} .oldest")) == ""
    sqs.send_message(QueueUrl="jobs", MessageBody="late", DelaySeconds=600)
    sqs.send_message(QueueUrl="jobs", MessageBody="poison")
    wait_for(page, 1, "0", "1", "1")
    page.wait(f"/^[0-9]+ s$/.test({text(ROW.format(1) + ' .oldest')})")


def test_dead_letters_are_marked(page: Page) -> None:
    sqs: Any = page.sqs  # type: ignore[attr-defined]
    assert page.evaluate(text(f"{ROW.format(2)} .kind")) == "dead letters"
    assert page.evaluate(f"{element(ROW.format(2))}.dataset.state") == ""
    sqs.send_message(QueueUrl="jobs-dead", MessageBody="poison")
    wait_for(page, 2, "1", "0", "0")
    assert page.evaluate(f"{element(ROW.format(2))}.dataset.state") == "bad"


def test_a_queue_that_the_app_gets_later_is_shown(page: Page, project: Path) -> None:
    """The last test: it changes the app."""
    more = '\n@app.on_sqs_message(queue="more")\ndef more(event): ...\n'
    replace(project / "app.py", APP + more)
    page.wait(f"{texts('#queues .name')}.join() === 'jobs,jobs-dead,more'")
