"""The alarms and the dashboard of an app with a queue. The stack's parameters enable them.

Sources: Amazon SQS Developer Guide, "Available CloudWatch metrics for Amazon SQS"; Lambda Developer
Guide, "Types of metrics for Lambda functions"; CloudWatch User Guide, "Dashboard body structure".
The framework writes the metrics of broadcasts into the log.
"""

import json
from typing import Any

from decanter.aws import access
from decanter.aws.queue import dead_letters_id, queue_id
from decanter.project import rights
from decanter.project.config import Project
from decanter.project.declaration import Declaration
from decanter.project.stack import logical_id

TOPIC_PARAMETER = "AlarmTopic"
DASHBOARD_PARAMETER = "Dashboard"
DASHBOARD = "BroadcastDashboard"
ALARMS_CONDITION = "AlarmsAreSent"
DASHBOARD_CONDITION = "DashboardIsShown"
METRICS_CONDITION = "BroadcastsAreMeasured"
NAMESPACE = "DECANTER_METRICS_NAMESPACE"
OWN_NAMESPACE = {"Ref": "AWS::StackName"}

OLD_SECONDS = 900
"""A message that is still in the queue after this number of seconds is late."""

BROADCASTS = ("sent", "gone", "pending", "failed", "left_over")
WORK = ("queued", "posted", "handed_on", "repeated", "dead")
FILTERS = {
    "incomplete": '{ ($.event = "left_over") || ($.event = "not_queued") }',
    "refused": '{ $.result = "refused" }',
}
"""The patterns of the metric filters, by metric: incomplete broadcasts and refused posts."""

Section = dict[str, Any]


def parameters(declaration: Declaration) -> Section:
    """Return the parameters of the alarms and the dashboard; empty for an app without a queue."""
    if declaration.queue is None:
        return {}
    return {
        TOPIC_PARAMETER: {
            "Type": "String",
            "Default": "",
            "Description": "The ARN of the SNS topic that gets alarms; empty for no alarms.",
        },
        DASHBOARD_PARAMETER: {
            "Type": "String",
            "AllowedValues": ["false", "true"],
            "Default": "false",
            "Description": "Make a dashboard in CloudWatch, which charges for it.",
        },
    }


def conditions(declaration: Declaration) -> Section:
    """Return the conditions for the alarms, for the dashboard and for the metrics.

    CloudWatch charges for the metrics, so they are enabled only with the alarms or the dashboard.
    """
    if declaration.queue is None:
        return {}
    asked = [{"Condition": ALARMS_CONDITION}, {"Condition": DASHBOARD_CONDITION}]
    return {
        ALARMS_CONDITION: {"Fn::Not": [{"Fn::Equals": [{"Ref": TOPIC_PARAMETER}, ""]}]},
        DASHBOARD_CONDITION: {"Fn::Equals": [{"Ref": DASHBOARD_PARAMETER}, "true"]},
        METRICS_CONDITION: {"Fn::Or": asked},
    }


def variables(project: Project, declaration: Declaration, function: str) -> Section:
    """Return the variable that enables metrics; empty if the user sets it, or without a queue."""
    if declaration.queue is None or project.environment(function).get(NAMESPACE):
        return {}
    return {NAMESPACE: {"Fn::If": [METRICS_CONDITION, OWN_NAMESPACE, {"Ref": "AWS::NoValue"}]}}


def resources(project: Project, declaration: Declaration) -> Section:
    """Return the alarms, the metric filters and the dashboard, by logical id."""
    if declaration.queue is None:
        return {}
    namespace = project.stage_environment.get(NAMESPACE)
    posting = [each for each in declaration.functions if rights.posts(declaration, each)]
    filters = {
        f"{logical_id(each)}{metric.title()}": _filter(each, metric, namespace or OWN_NAMESPACE)
        for each in posting
        for metric in FILTERS
    }
    return {
        **_alarms(declaration, namespace or OWN_NAMESPACE),
        **filters,
        DASHBOARD: _dashboard(declaration, namespace or "${AWS::StackName}"),
    }


def _alarms(declaration: Declaration, namespace: Any) -> Section:
    queue = declaration.queue
    assert queue is not None
    own, dead = _of_queue(queue_id(queue)), _of_queue(dead_letters_id(queue))
    errors = {
        f"{logical_id(each)}Errors": _alarm(
            f"{each} has failed.", "AWS/Lambda", "Errors", [_of_function(each)]
        )
        for each in declaration.functions
    }
    return {
        "DeadLettersAlarm": _alarm(
            f"Messages of the queue {queue.name} were not delivered. See its dead-letter queue.",
            *("AWS/SQS", "ApproximateNumberOfMessagesVisible", [dead], "Maximum"),
        ),
        "QueueAgeAlarm": _alarm(
            f"A message of the queue {queue.name} waits for more than {OLD_SECONDS} seconds.",
            *("AWS/SQS", "ApproximateAgeOfOldestMessage", [own], "Maximum", OLD_SECONDS),
        ),
        "LeftOverAlarm": _alarm(
            "A broadcast has ended before all connections were tried.", namespace, "incomplete"
        ),
        "RefusedPostsAlarm": _alarm("API Gateway refuses posts.", namespace, "refused"),
        **errors,
    }


def _alarm(
    description: str,
    namespace: Any,
    metric: str,
    dimensions: list[Section] | None = None,
    statistic: str = "Sum",
    threshold: int = 0,
) -> Section:
    topic = [{"Ref": TOPIC_PARAMETER}]
    return {
        "Type": "AWS::CloudWatch::Alarm",
        "Condition": ALARMS_CONDITION,
        "Properties": {
            "AlarmDescription": description,
            "Namespace": namespace,
            "MetricName": metric,
            **({"Dimensions": dimensions} if dimensions else {}),
            "Statistic": statistic,
            "Period": 60,
            "EvaluationPeriods": 1,
            "ComparisonOperator": "GreaterThanThreshold",
            "Threshold": threshold,
            "TreatMissingData": "notBreaching",
            "AlarmActions": topic,
            "OKActions": topic,
        },
    }


def _filter(function: str, metric: str, namespace: Any) -> Section:
    return {
        "Type": "AWS::Logs::MetricFilter",
        "Condition": METRICS_CONDITION,
        "Properties": {
            "LogGroupName": {"Ref": access.log_group_id(function)},
            "FilterPattern": FILTERS[metric],
            "MetricTransformations": [
                {"MetricNamespace": namespace, "MetricName": metric, "MetricValue": "1"}
            ],
        },
    }


def _of_queue(logical: str) -> Section:
    return {"Name": "QueueName", "Value": {"Fn::GetAtt": [logical, "QueueName"]}}


def _of_function(function: str) -> Section:
    return {"Name": "FunctionName", "Value": {"Ref": logical_id(function)}}


def _dashboard(declaration: Declaration, namespace: str) -> Section:
    queue = declaration.queue
    assert queue is not None
    own, dead = (f"${{{name}.QueueName}}" for name in (queue_id(queue), dead_letters_id(queue)))
    depths = ("ApproximateNumberOfMessagesVisible", "ApproximateNumberOfMessagesNotVisible")
    of_queue = [["AWS/SQS", depth, "QueueName", own] for depth in depths]
    of_dead = [["AWS/SQS", depths[0], "QueueName", dead]]
    age = [["AWS/SQS", "ApproximateAgeOfOldestMessage", "QueueName", own]]
    errors = [
        ["AWS/Lambda", "Errors", "FunctionName", f"${{{logical_id(each)}}}"]
        for each in declaration.functions
    ]
    broadcasts = [[namespace, name] for name in (*BROADCASTS, *FILTERS)]
    widgets = [
        _widget("Broadcasts", broadcasts, "Sum"),
        _widget("Work of the queue", [[namespace, name] for name in WORK], "Sum"),
        _widget("Messages of the queue", of_queue, "Maximum"),
        _widget("Age of the oldest message", age, "Maximum"),
        _widget("Dead letters", of_dead, "Maximum"),
        _widget("Errors of the functions", errors, "Sum"),
    ]
    return {
        "Type": "AWS::CloudWatch::Dashboard",
        "Condition": DASHBOARD_CONDITION,
        "Properties": {
            "DashboardName": {"Ref": "AWS::StackName"},
            "DashboardBody": {"Fn::Sub": json.dumps({"widgets": widgets})},
        },
    }


def _widget(title: str, metrics: list[list[str]], statistic: str) -> Section:
    properties = {"title": title, "metrics": metrics, "stat": statistic, "period": 60}
    shown = {"region": "${AWS::Region}", "view": "timeSeries"}
    return {"type": "metric", "width": 12, "height": 6, "properties": properties | shown}
