"""Write one JSON line for each event to standard output, which Lambda forwards to CloudWatch.

The logger does not propagate to Lambda's root handler, or to the handler that Chalice adds to the
logger with the app's name. Each line therefore appears once and without a prefix, on Lambda and
elsewhere, as CloudWatch Logs Insights expects. The framework writes no message's payload and no
client's query string into a line, but the text of an exception can contain them.
"""

import json
import logging
import sys
import traceback
from collections.abc import Mapping
from functools import cache
from typing import Any, TextIO

from decanter.runtime.clock import Clock
from decanter.runtime.errors import DecanterError


class _StandardOutput(logging.StreamHandler[TextIO]):
    """Writes to the current `sys.stdout`, even after `sys.stdout` is replaced."""

    def emit(self, record: logging.LogRecord) -> None:
        self.stream = sys.stdout
        super().emit(record)


@cache
def _logger() -> logging.Logger:
    """Return the logger. The first log line sets it up, so the import has no effect on logging."""
    logger = logging.getLogger("decanter.events")
    logger.addHandler(_StandardOutput())
    logger.setLevel(logging.INFO)
    logger.propagate = False
    return logger


def log(event: str, level: int = logging.INFO, **fields: Any) -> None:
    """Write one line for an event, such as `left_over`.

    The fields are JSON values; None is omitted. The exception `raised` is not written, because it
    is only for other handlers of the logger.
    """
    raised = fields.pop("raised", None)
    line = {"level": logging.getLevelName(level), "event": event}
    line |= {name: value for name, value in fields.items() if value is not None}
    _logger().log(level, "%s", json.dumps(line, default=str), extra={"raised": raised})


def directive(
    metrics: Mapping[str, str], dimensions: list[str], namespace: str, now_ms: int
) -> dict[str, Any]:
    """Return the `_aws` member, which makes CloudWatch convert a line's members into metrics.

    `metrics` contains the names and units of the metrics. `dimensions` are the members that
    distinguish these metrics from other metrics with the same names. `namespace` is CloudWatch's
    namespace, one for each stage. `now_ms` is in epoch milliseconds.
    """
    listed = [{"Name": name, "Unit": unit} for name, unit in metrics.items()]
    return {
        "Timestamp": now_ms,
        "CloudWatchMetrics": [
            {"Namespace": namespace, "Dimensions": [dimensions], "Metrics": listed}
        ],
    }


def error_fields(error: Exception) -> dict[str, str]:
    """Return the log fields of an error. Errors of the framework need no traceback."""
    fields = {"error": f"{type(error).__name__}: {error}"}
    if not isinstance(error, DecanterError):
        fields["traceback"] = "".join(traceback.format_exception(error))
    return fields


class EventLine:
    """The log line of one WebSocket event. Fields are added while the event is handled.

    `cold` is True for the first event of this process.
    """

    def __init__(self, event: Mapping[str, Any], clock: Clock, *, cold: bool) -> None:
        context = event.get("requestContext", {})
        self._clock = clock
        self._began = clock.monotonic()
        self._raised: Exception | None = None
        self._kind = str(context.get("eventType", "event")).lower()
        self._fields: dict[str, Any] = {
            "request_id": context.get("requestId"),
            "connection_id": context.get("connectionId"),
            "cold": cold,
        }

    def add(self, **fields: Any) -> None:
        """Add fields to the line."""
        self._fields |= fields

    def add_error(self, error: Exception) -> None:
        """Add the error, and the traceback if the error is unexpected."""
        self._raised = error
        self.add(**error_fields(error))

    def write(self, outcome: str, status: int) -> None:
        """Write the line. The outcome is `ok`, `refused`, `closed`, or an error's code."""
        level = logging.ERROR if status >= 500 else logging.INFO
        milliseconds = round((self._clock.monotonic() - self._began) * 1000, 1)
        log(
            self._kind,
            level,
            raised=self._raised,
            **self._fields,
            outcome=outcome,
            status=status,
            duration_ms=milliseconds,
        )
