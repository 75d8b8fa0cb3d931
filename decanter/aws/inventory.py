"""Describe the resources of a stack in one line each, with facts from their services.

All alarms share one line. If a resource cannot be described, its line shows the error.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

from decanter.aws.errors import explained
from decanter.aws.session import AWS
from decanter.aws.stacks import Stack
from decanter.errors import AWSError
from decanter.project import tables
from decanter.project.template import QUEUE, TABLE

API = "AWS::ApiGatewayV2::Api"
STAGE = "AWS::ApiGatewayV2::Stage"
FUNCTION = "AWS::Lambda::Function"
ALARM = "AWS::CloudWatch::Alarm"

MOST_ALARMS = 100
"""The maximum number of names for one call of DescribeAlarms."""

AGE_MINUTES = 10
"""The length of the queried period in minutes. CloudWatch's newest value is a few minutes old."""


@dataclass(frozen=True)
class Resource:
    """A resource of a stack, with the logical id, the type and the name on AWS."""

    logical_id: str
    kind: str
    physical_id: str


def resources(client: Any, stack: Stack) -> list[Resource]:
    """Return a stack's resources, without those that a rollback or an update has deleted."""
    with explained(f"list the resources of stack {stack.name}"):
        pages = client.get_paginator("list_stack_resources").paginate(StackName=stack.id)
        return [
            Resource(
                it["LogicalResourceId"], it["ResourceType"], it.get("PhysicalResourceId") or ""
            )
            for page in pages
            for it in page["StackResourceSummaries"]
            if it.get("ResourceStatus") != "DELETE_COMPLETE"
        ]


class Inventory:
    """Describes resources. With `count`, all items of each table are read and counted.

    `hide` returns an error's text without secrets, because AWS may quote them.
    """

    def __init__(self, aws: AWS, *, count: bool = False, hide: Callable[[str], str] = str) -> None:
        self._aws = aws
        self._count = count
        self._hide = hide

    def lines(self, found: list[Resource]) -> Iterator[str]:
        """Yield the lines about the API, functions, tables, queues and alarms, in that order."""
        stages = [it.physical_id for it in found if it.kind == STAGE]
        for resource in found:
            if resource.kind == API:
                yield from self._looked_at("api", resource, lambda it: self.api(it, stages))
        for resource in found:
            if resource.kind == FUNCTION:
                yield from self._looked_at("function", resource, self.function)
        for resource in found:
            if resource.kind == TABLE:
                yield from self._looked_at("table", resource, self.table)
        for resource in found:
            if resource.kind == QUEUE:
                named = replace(resource, physical_id=resource.physical_id.rpartition("/")[2])
                look = partial(self.queue, resource.physical_id)
                yield from self._looked_at("queue", named, look)
        if names := [it.physical_id for it in found if it.kind == ALARM]:
            alarms = Resource("", ALARM, f"{len(names)} alarms")
            yield from self._looked_at("alarms", alarms, lambda _: self.alarms(names))

    def api(self, api_id: str, stages: list[str]) -> str:
        """Describe an API's selection expression, stages and routes."""
        client = self._aws.client("apigatewayv2")
        expression = client.get_api(ApiId=api_id)["RouteSelectionExpression"]
        pages = client.get_paginator("get_routes").paginate(ApiId=api_id)
        routes = sorted(route["RouteKey"] for page in pages for route in page["Items"])
        stage = f"stage {', '.join(stages)}, " if stages else ""
        return f"{stage}{expression} selects among {', '.join(routes)}"

    def function(self, name: str) -> str:
        """Describe a function's runtime and settings, and its state if it is not ready."""
        facts = self._aws.client("lambda").get_function_configuration(FunctionName=name)
        states = [facts.get("State"), facts.get("LastUpdateStatus")]
        unwell = [state for state in states if state not in {None, "Active", "Successful"}]
        return ", ".join(
            [
                facts["Runtime"],
                f"{facts['MemorySize']} MB",
                f"{facts['Timeout']} s",
                f"code {facts['CodeSize'] / 1e6:.1f} MB",
                *unwell,
            ]
        )

    def table(self, name: str) -> str:
        """Describe a table's state, expiry and number of items."""
        client = self._aws.client("dynamodb")
        description = tables.find(client, name)
        if description is None:
            return "does not exist"
        # DynamoDB updates this number about every six hours (API reference, DescribeTable).
        items = f"{description['ItemCount']} items at the last count"
        if self._count:
            items = f"{_items(client, name)} items"
        ttl = tables.ttl_attribute(client, name)
        expiry = f"items expire by {ttl}" if ttl else "items never expire"
        return f"{description['TableStatus']}, {items}, {expiry}"

    def queue(self, url: str, name: str) -> str:
        """Describe the number of messages in a queue, and the age of the oldest message."""
        attributes = self._aws.client("sqs").get_queue_attributes(
            QueueUrl=url, AttributeNames=["All"]
        )["Attributes"]
        start = "ApproximateNumberOfMessages"
        kinds = {"": "visible", "NotVisible": "in flight", "Delayed": "delayed"}
        counts = [f"{attributes.get(f'{start}{end}', 0)} {kind}" for end, kind in kinds.items()]
        return ", ".join([*counts, *self._age(name)])

    def alarms(self, names: list[str]) -> str:
        """Describe which alarms are in the state ALARM."""
        client = self._aws.client("cloudwatch")
        found = (
            client.describe_alarms(AlarmNames=names[start : start + MOST_ALARMS])["MetricAlarms"]
            for start in range(0, len(names), MOST_ALARMS)
        )
        raised = sorted(
            it["AlarmName"] for page in found for it in page if it["StateValue"] == "ALARM"
        )
        return f"raised: {', '.join(raised)}" if raised else "none is raised"

    def _age(self, queue: str) -> Iterator[str]:
        """Yield the age of a queue's oldest message; nothing if CloudWatch does not return it."""
        now = datetime.now(UTC)
        try:
            with explained(f"read the age of {queue}"):
                points = self._aws.client("cloudwatch").get_metric_statistics(
                    Namespace="AWS/SQS",
                    MetricName="ApproximateAgeOfOldestMessage",
                    Dimensions=[{"Name": "QueueName", "Value": queue}],
                    StartTime=now - timedelta(minutes=AGE_MINUTES),
                    EndTime=now,
                    Period=60,
                    Statistics=["Maximum"],
                )["Datapoints"]
        except AWSError:
            return
        if points:
            newest = max(points, key=lambda it: it["Timestamp"])
            yield f"the oldest is {newest['Maximum']:.0f} s old"

    def _looked_at(
        self, label: str, resource: Resource, look: Callable[[str], str]
    ) -> Iterator[str]:
        try:
            with explained(f"look at {label} {resource.physical_id}"):
                seen = look(resource.physical_id)
        except AWSError as error:
            seen = self._hide(str(error))
        yield f"{label:<13} {resource.physical_id}: {seen}"


def _items(client: Any, table: str) -> int:
    pages = client.get_paginator("scan").paginate(TableName=table, Select="COUNT")
    return sum(page["Count"] for page in pages)
