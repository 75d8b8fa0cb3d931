"""`decanter status` about queues and alarms: depth, age, dead letters, what is raised."""

from datetime import UTC, datetime, timedelta
from typing import Any

from botocore.exceptions import ClientError

from decanter.aws.inventory import ALARM, Inventory, Resource
from decanter.project.template import QUEUE
from tests.aws.cloud import Cloud

NAMES = ("pour-dev-broadcasts", "pour-dev-broadcasts-dead")


class Metrics:
    """CloudWatch's metrics: the ages of queues; without them, reading is denied."""

    def __init__(self, real: Any, **ages: float) -> None:
        self._real = real
        self._ages = ages

    def describe_alarms(self, **asked: Any) -> Any:
        return self._real.describe_alarms(**asked)

    def get_metric_statistics(self, **asked: Any) -> Any:
        assert (asked["Namespace"], asked["Statistics"]) == ("AWS/SQS", ["Maximum"])
        (dimension,) = asked["Dimensions"]
        assert dimension["Name"] == "QueueName"
        if not self._ages:
            denied = {"Error": {"Code": "AccessDenied", "Message": "denied"}}
            raise ClientError(denied, "GetMetricStatistics")
        now = datetime.now(UTC)
        values = [
            (minute, age)
            for name, age in self._ages.items()
            for minute in (5, 1)
            if dimension["Value"].endswith(name)
        ]
        return {
            "Datapoints": [
                {"Timestamp": now - timedelta(minutes=minute), "Maximum": age - 60 * (minute - 1)}
                for minute, age in values
            ]
        }


class AWS:
    def __init__(self, cloud: Cloud, metrics: Metrics) -> None:
        self._cloud = cloud
        self._metrics = metrics

    def client(self, service: str) -> Any:
        return self._metrics if service == "cloudwatch" else self._cloud.client(service)


def lines(cloud: Cloud, *found: Resource, **ages: float) -> list[str]:
    aws: Any = AWS(cloud, Metrics(cloud.client("cloudwatch"), **ages))
    return [*Inventory(aws).lines([*found])]


def queues(cloud: Cloud) -> list[Resource]:
    sqs = cloud.client("sqs")
    urls = [sqs.create_queue(QueueName=name)["QueueUrl"] for name in NAMES]
    for url, count in zip(urls, (3, 1), strict=True):
        for number in range(count):
            sqs.send_message(QueueUrl=url, MessageBody=str(number))
    sqs.receive_message(QueueUrl=urls[0], MaxNumberOfMessages=1)
    return [Resource(name, QUEUE, url) for name, url in zip(("Q", "D"), urls, strict=True)]


def test_a_queue_has_its_depth_and_the_age_of_its_oldest_message(aws: Cloud) -> None:
    start = "queue         pour-dev-broadcasts: 2 visible, 1 in flight, 0 delayed"
    assert lines(aws, *queues(aws), broadcasts=95) == [
        f"{start}, the oldest is 95 s old",
        "queue         pour-dev-broadcasts-dead: 1 visible, 0 in flight, 0 delayed",
    ]


def test_without_the_right_to_read_metrics_the_depth_is_shown(aws: Cloud) -> None:
    first, _ = lines(aws, *queues(aws))
    assert first == "queue         pour-dev-broadcasts: 2 visible, 1 in flight, 0 delayed"


def test_a_queue_that_is_gone_does_not_hide_the_others(aws: Cloud) -> None:
    gone = Resource("G", QUEUE, "https://sqs.us-east-1.amazonaws.com/123456789012/gone")
    first, second, _ = lines(aws, gone, *queues(aws))
    assert first.startswith("queue         gone: ")
    assert second.startswith("queue         pour-dev-broadcasts: 2 visible")


def test_raised_alarms_are_named(aws: Cloud) -> None:
    client = aws.client("cloudwatch")
    for name in ("DeadLetters", "Errors"):
        client.put_metric_alarm(
            AlarmName=name,
            Namespace="AWS/SQS",
            MetricName="ApproximateNumberOfMessagesVisible",
            Statistic="Maximum",
            Period=60,
            EvaluationPeriods=1,
            Threshold=0,
            ComparisonOperator="GreaterThanThreshold",
        )
        client.set_alarm_state(AlarmName=name, StateValue="OK", StateReason="a test")
    found = [Resource(name, ALARM, name) for name in ("DeadLetters", "Errors")]
    assert lines(aws, *found) == ["alarms        2 alarms: none is raised"]
    client.set_alarm_state(AlarmName="Errors", StateValue="ALARM", StateReason="a test")
    assert lines(aws, *found) == ["alarms        2 alarms: raised: Errors"]
    many = [Resource(f"A{number}", ALARM, f"A{number}") for number in range(100)]
    assert lines(aws, *many, *found) == ["alarms        102 alarms: raised: Errors"]
