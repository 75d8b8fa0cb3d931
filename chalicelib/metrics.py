"""Metrics of broadcasts, as log lines that CloudWatch makes metrics of.

The form is its Embedded Metric Format: the values are members of the line, and `_aws` says which
of them are metrics (CloudWatch User Guide, "Specification: Embedded metric format"). So there is no
call, and no right to call. CloudWatch bills six custom metrics a namespace; without a namespace
there is no line.
"""

from .broadcast import Report
from .logs import log

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
        report: of one broadcast.
        namespace: CloudWatch's, a stage's own; None writes nothing.
        now_ms: epoch milliseconds.
    """
    if namespace is None:
        return
    fields = report.as_fields()
    directive = {
        "Namespace": namespace,
        "Dimensions": [[]],
        "Metrics": [{"Name": name, "Unit": unit} for name, unit in METRICS.items()],
    }
    log(
        "broadcast",
        _aws={"Timestamp": now_ms, "CloudWatchMetrics": [directive]},
        **{name: fields[name] for name in METRICS},
    )
