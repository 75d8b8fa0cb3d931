"""Metrics of broadcasts, as log lines that CloudWatch turns into metrics.

The lines use the Embedded Metric Format: the values are members of the line, and `_aws` lists the
metrics (CloudWatch User Guide, "Specification: Embedded metric format"). So there is no API call,
and no right is needed. CloudWatch bills six custom metrics for each namespace. Without a namespace
no line is written.
"""

from collections.abc import Mapping
from typing import Any

from decanter.runtime.fanout.report import Report
from decanter.runtime.logs import log

METRICS = {
    "sent": "Count",
    "gone": "Count",
    "pending": "Count",
    "failed": "Count",
    "left_over": "Count",
    "milliseconds": "Milliseconds",
}
"""The members of a report that become metrics, with CloudWatch's units."""


def measure(report: Report, namespace: str | None, now_ms: int) -> None:
    """Write a report's metrics.

    Args:
        report: a broadcast's report.
        namespace: CloudWatch's namespace, one for each stage; None writes nothing.
        now_ms: epoch milliseconds.
    """
    if namespace is None:
        return
    fields = report.as_fields()
    log(
        "broadcast",
        _aws=directive(METRICS, [], namespace, now_ms),
        **{name: fields[name] for name in METRICS},
    )


def directive(
    metrics: Mapping[str, str], dimensions: list[str], namespace: str, now_ms: int
) -> dict[str, Any]:
    """Return the `_aws` member, which makes metrics of a line's members.

    Args:
        metrics: their names and units.
        dimensions: the members that distinguish these metrics from others with the same names.
        namespace: CloudWatch's namespace, one for each stage.
        now_ms: epoch milliseconds.
    """
    listed = [{"Name": name, "Unit": unit} for name, unit in metrics.items()]
    return {
        "Timestamp": now_ms,
        "CloudWatchMetrics": [
            {"Namespace": namespace, "Dimensions": [dimensions], "Metrics": listed}
        ],
    }
