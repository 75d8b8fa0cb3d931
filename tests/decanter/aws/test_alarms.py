"""The alarms of an app with a queue, evaluated on the metrics that the framework writes.

The test reads the log lines as CloudWatch would: the Embedded Metric Format, and metric filters.
"""

import json
import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import boto3
import pytest

from decanter.aws import alarms
from decanter.aws.template import build
from decanter.project.config import Project
from decanter.project.declaration import Declaration
from decanter.project.intrinsics import Resolver
from decanter.project.stack import Stack
from decanter.project.template import Template
from decanter.runtime.fanout.metrics import METRICS, QUEUE_METRICS
from decanter.runtime.transports import outcome_of
from decanter.testing import WebSocketClient
from tests.field_cases.apps import imported
from tests.support.declarations import ROUTER, declaration
from tests.support.fixtures import LogLines
from tests.support.projects import write_project
from tests.support.queued import APP
from tests.support.queues import QueueStage, ids

TOPIC = "arn:aws:sns:us-east-1:123456789012:ops"
NAME = "pour-dev"
QUEUES = {
    "BroadcastsQueue": f"{NAME}-broadcasts",
    "BroadcastsDeadLetters": f"{NAME}-broadcasts-dead",
}

Section = dict[str, Any]


class Point(NamedTuple):
    """A value of a metric."""

    namespace: str
    name: str
    value: float
    dimensions: dict[str, str]


class Alarms:
    """The alarms of a stack whose topic is set."""

    def __init__(self, template: Section) -> None:
        parameters = {**template["Parameters"]}
        parameters["AlarmTopic"] = {"Type": "String", "Default": TOPIC}
        document = {**template, "Parameters": parameters}
        references = {"AWS::StackName": NAME, "AWS::Region": "us-east-1"}
        resolver = Resolver(
            document,
            lambda name: references.get(name, f"{NAME}-{name}"),
            lambda name, attribute: QUEUES[name] if attribute == "QueueName" else None,
        )
        self._found = {
            name: (resource["Type"], resolver.resolve(resource["Properties"], name))
            for name, resource in document["Resources"].items()
            if resource.get("Condition") in (alarms.ALARMS_CONDITION, alarms.METRICS_CONDITION)
            and resolver.condition(resource["Condition"], name)
        }

    def of_kind(self, kind: str) -> dict[str, Section]:
        return {name: it for name, (of, it) in self._found.items() if of == kind}

    def firing(self, points: list[Point]) -> set[str]:
        """Return the alarms that these values raise within one period."""
        found = set()
        for name, alarm in self.of_kind("AWS::CloudWatch::Alarm").items():
            wanted = {each["Name"]: each["Value"] for each in alarm.get("Dimensions", ())}
            metric = (alarm["Namespace"], alarm["MetricName"], wanted)
            values = [it.value for it in points if (it.namespace, it.name, it.dimensions) == metric]
            total = sum(values) if alarm["Statistic"] == "Sum" else max(values, default=0)
            assert alarm["ComparisonOperator"] == "GreaterThanThreshold"
            if total > alarm["Threshold"]:
                found.add(name)
        return found

    def points(self, lines: list[Section]) -> list[Point]:
        """Return the values in log lines."""
        return [*embedded(lines), *self._filtered(lines)]

    def _filtered(self, lines: list[Section]) -> Iterator[Point]:
        # Every function has the same filters on its own log.
        for name, each in self.of_kind("AWS::Logs::MetricFilter").items():
            if not name.startswith("FanOut"):
                continue
            terms = re.findall(r'\$\.(\w+) = "(\w+)"', each["FilterPattern"])
            assert terms
            (into,) = each["MetricTransformations"]
            metric = (into["MetricNamespace"], into["MetricName"], float(into["MetricValue"]))
            for line in lines:
                if any(line.get(name) == value for name, value in terms):
                    yield Point(*metric, {})


def embedded(lines: list[Section]) -> Iterator[Point]:
    """Yield the values of lines in the Embedded Metric Format."""
    for line in lines:
        for directive in line.get("_aws", {}).get("CloudWatchMetrics", ()):
            for names in directive["Dimensions"]:
                dimensions = {name: line[name] for name in names}
                for metric in directive["Metrics"]:
                    value = line[metric["Name"]]
                    yield Point(directive["Namespace"], metric["Name"], value, dimensions)


@pytest.fixture(name="project", scope="module")
def _project(tmp_path_factory: pytest.TempPathFactory) -> Project:
    return Project.load(write_project(tmp_path_factory.mktemp("alarms") / "pour", APP))


@pytest.fixture(name="stack", scope="module")
def _stack(template: Section) -> Alarms:
    return Alarms(template)


@pytest.fixture(name="stage")
def _stage() -> QueueStage:
    return QueueStage(ids(40), DECANTER_METRICS_NAMESPACE=NAME, DECANTER_INLINE_RECIPIENTS="10")


def test_a_broadcast_through_the_queue_raises_no_alarm(
    stack: Alarms, stage: QueueStage, log_lines: LogLines
) -> None:
    stage.broadcast("x")
    stage.drain()
    points = stack.points(log_lines())
    assert {*METRICS, "posted", "dead"} <= {each.name for each in points}
    assert stack.firing(points) == set()


def test_an_incomplete_broadcast_raises_an_alarm(
    stack: Alarms, stage: QueueStage, log_lines: LogLines
) -> None:
    """SQS is away, so nobody posts the rest."""
    stage.queue.is_away = lambda: True
    assert stage.broadcast("x").queued is None
    assert stack.firing(stack.points(log_lines())) == {"LeftOverAlarm"}


def test_refused_posts_raise_an_alarm(
    stack: Alarms, stage: QueueStage, log_lines: LogLines
) -> None:
    for each in stage.connections.rows:
        stage.transport.answer(each, outcome_of(403, "ForbiddenException"))
    with pytest.raises(Exception, match="refused"):
        stage.broadcast("x")
    assert "RefusedPostsAlarm" in stack.firing(stack.points(log_lines()))


def test_a_dead_letter_raises_an_alarm(stack: Alarms, project: Project) -> None:
    """The value is the depth of the dead-letter queue on this machine."""
    with (
        imported(project.directory) as app,
        WebSocketClient(app, project_dir=project.directory) as client,
    ):
        sqs = boto3.client("sqs")
        sqs.send_message(QueueUrl=os.environ["DECANTER_QUEUE_URL"], MessageBody="poison")
        for _ in range(4):
            client.drain()
            client.clock.advance(6 * 60 + 1)
        client.errors.clear()
        url = os.environ["DECANTER_DEAD_LETTER_QUEUE_URL"]
        names = ["ApproximateNumberOfMessages"]
        answer = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=names)
    depth = float(answer["Attributes"][names[0]])
    dimensions = {"QueueName": url.rpartition("/")[2]}
    point = Point("AWS/SQS", "ApproximateNumberOfMessagesVisible", depth, dimensions)
    assert depth == 1
    assert stack.firing([point]) == {"DeadLettersAlarm"}
    assert stack.firing([point._replace(value=0)]) == set()


@pytest.mark.parametrize(("seconds", "fires"), [(900, False), (901, True)])
def test_an_old_message_raises_an_alarm(seconds: int, fires: bool, stack: Alarms) -> None:
    dimensions = {"QueueName": QUEUES["BroadcastsQueue"]}
    point = Point("AWS/SQS", "ApproximateAgeOfOldestMessage", seconds, dimensions)
    assert stack.firing([point]) == ({"QueueAgeAlarm"} if fires else set())


def test_an_error_of_each_function_raises_its_alarm(stack: Alarms) -> None:
    names = ("FanOut", "WebsocketConnect", "WebsocketMessage", "WebsocketDisconnect")
    for name in names:
        point = Point("AWS/Lambda", "Errors", 1, {"FunctionName": f"{NAME}-{name}"})
        assert stack.firing([point]) == {f"{name}Errors"}


def test_every_alarm_goes_to_the_topic(stack: Alarms) -> None:
    for alarm in stack.of_kind("AWS::CloudWatch::Alarm").values():
        assert alarm["AlarmActions"] == alarm["OKActions"] == [TOPIC]
        assert alarm["TreatMissingData"] == "notBreaching"


def test_the_functions_write_metrics_only_if_they_are_shown(template: Section) -> None:
    """CloudWatch bills them. A namespace of the configuration stays."""
    stack = Stack("pour", "dev", api_stage="v1")
    assert alarms.NAMESPACE not in Template(template, stack).environment("fan_out")
    for parameter, value in (("AlarmTopic", TOPIC), ("Dashboard", "true")):
        given = {**template["Parameters"], parameter: {"Type": "String", "Default": value}}
        read = Template({**template, "Parameters": given}, stack)
        assert read.environment("fan_out")[alarms.NAMESPACE] == NAME


def test_a_namespace_of_the_configuration_is_that_of_the_alarms(
    declared: Declaration, tmp_path: Path
) -> None:
    project = write_project(tmp_path / "pour", APP)
    path = project / ".chalice" / "config.json"
    config = json.loads(path.read_text())
    config["stages"]["dev"]["environment_variables"][alarms.NAMESPACE] = "Pour/dev"
    path.write_text(json.dumps(config))
    resources = build(Project.load(project, "dev"), declared)["Resources"]
    assert resources["LeftOverAlarm"]["Properties"]["Namespace"] == "Pour/dev"
    assert alarms.NAMESPACE not in resources["FanOut"]["Properties"]["Environment"]["Variables"]


def test_the_dashboard_shows_every_metric(template: Section) -> None:
    body = json.loads(
        template["Resources"]["BroadcastDashboard"]["Properties"]["DashboardBody"]["Fn::Sub"]
    )
    shown = {metric[1] for each in body["widgets"] for metric in each["properties"]["metrics"]}
    counts = {name for name, unit in METRICS.items() if unit == "Count"}
    assert {*counts, *QUEUE_METRICS, *alarms.FILTERS, "Errors"} <= shown
    assert template["Parameters"]["Dashboard"]["Default"] == "false"


def test_an_app_without_a_queue_has_none_of_it(project: Project) -> None:
    text = json.dumps(build(project, declaration(ROUTER)))
    for name in (
        "AWS::CloudWatch",
        "MetricFilter",
        "AlarmTopic",
        "Dashboard",
        "SQS",
        "sqs:",
        "QUEUE",
    ):
        assert name not in text
