"""Log lines that CloudWatch converts into metrics of broadcasts and of the queue.

The lines use the Embedded Metric Format. The values are members of the line, and `_aws` lists the
metrics (CloudWatch User Guide, "Specification: Embedded metric format"). The Lambda function
therefore calls no API for metrics and needs no further rights. In each namespace, CloudWatch bills
six custom metrics for broadcasts, and five more for the queue. If no namespace is set, no such line
is written.
"""

from collections.abc import Mapping

from decanter.runtime.fanout.report import Report
from decanter.runtime.logs import directive, log

METRICS = {
    "sent": "Count",
    "gone": "Count",
    "pending": "Count",
    "failed": "Count",
    "left_over": "Count",
    "milliseconds": "Milliseconds",
}
"""The members of a report that become metrics, with CloudWatch's units."""

QUEUE_METRICS = ("queued", "posted", "handed_on", "repeated", "dead")
"""The queue's metrics: `queued` counts the items that broadcasts queue, and the queue's function
counts the others.
"""


def measure(report: Report, namespace: str | None, now_ms: int) -> None:
    """Write a report's metrics."""
    if namespace is None:
        return
    fields = report.as_fields()
    log(
        "broadcast",
        _aws=directive(METRICS, [], namespace, now_ms),
        **{name: fields[name] for name in METRICS},
    )


def measure_queue(counts: Mapping[str, int], namespace: str | None, now_ms: int) -> None:
    """Write the metrics of the queue. Counts that are not in `QUEUE_METRICS` are ignored."""
    if namespace is None:
        return
    found = {name: counts[name] for name in QUEUE_METRICS if name in counts}
    log("queue", _aws=directive(dict.fromkeys(found, "Count"), [], namespace, now_ms), **found)
