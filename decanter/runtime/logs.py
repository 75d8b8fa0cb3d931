"""One line of JSON an event on standard output, which Lambda hands to CloudWatch.

The logger hands nothing on, neither to Lambda's root handler nor to the one that Chalice gives to
the logger with the app's name: so a line appears once, in Lambda and elsewhere, and bare, as
CloudWatch Logs Insights reads it. A line never has a message's payload nor a query string.
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
    """Writes to whatever sys.stdout is at that moment."""

    def emit(self, record: logging.LogRecord) -> None:
        self.stream = sys.stdout
        super().emit(record)


@cache
def _logger() -> logging.Logger:
    """The logger, set up at the first line rather than at import."""
    logger = logging.getLogger("decanter.events")
    logger.addHandler(_StandardOutput())
    logger.setLevel(logging.INFO)
    logger.propagate = False
    return logger


def log(event: str, level: int = logging.INFO, **fields: Any) -> None:
    """Write one line.

    Args:
        event: what happened, in one word.
        level: of `logging`.
        fields: JSON values; None is left out.
    """
    line = {"level": logging.getLevelName(level), "event": event}
    line |= {name: value for name, value in fields.items() if value is not None}
    _logger().log(level, "%s", json.dumps(line, default=str))


def error_fields(error: Exception) -> dict[str, str]:
    """What a line says of an error of ours; no traceback if the sentence says it all."""
    fields = {"error": f"{type(error).__name__}: {error}"}
    if not isinstance(error, DecanterError):
        fields["traceback"] = "".join(traceback.format_exception(error))
    return fields


class EventLine:
    """The line of one WebSocket event, gathered while it is handled.

    Args:
        event: as API Gateway sent it.
        clock: measures its duration.
        cold: whether it is this process's first.
    """

    def __init__(self, event: Mapping[str, Any], clock: Clock, *, cold: bool) -> None:
        context = event.get("requestContext", {})
        self._clock = clock
        self._began = clock.monotonic()
        self._kind = str(context.get("eventType", "event")).lower()
        self._fields: dict[str, Any] = {
            "request_id": context.get("requestId"),
            "connection_id": context.get("connectionId"),
            "cold": cold,
        }

    def add(self, **fields: Any) -> None:
        """Say more about the event."""
        self._fields |= fields

    def add_error(self, error: Exception) -> None:
        """Say what of ours failed."""
        self.add(**error_fields(error))

    def write(self, outcome: str, status: int) -> None:
        """Write the line.

        Args:
            outcome: `ok`, or an error's code.
            status: what the handler answers.
        """
        level = logging.ERROR if status >= 500 else logging.INFO
        milliseconds = round((self._clock.monotonic() - self._began) * 1000, 1)
        log(
            self._kind,
            level,
            **self._fields,
            outcome=outcome,
            status=status,
            duration_ms=milliseconds,
        )
