"""Collect the exceptions of an app's functions, even if Chalice or the framework handles them."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

CHALICES = "Caught exception for path %s"
"""The format of Chalice's log message for an exception in an HTTP route."""

FRAMEWORKS = "decanter.events"
"""The name of the framework's logger."""

logger = logging.getLogger(__name__)


class Exceptions(logging.Handler):
    """Collects exceptions. Log records of Chalice and the framework contain some of them.

    Attributes:
        all: the exceptions, in the order of their collection. The test may change this list.
        last: the last exception since the last WebSocket event began; None if there is none.
    """

    def __init__(self) -> None:
        super().__init__(logging.ERROR)
        self.all: list[BaseException] = []
        self.last: BaseException | None = None

    def add(self, error: BaseException, raised_by: str) -> None:
        """Collect an exception, and log it, because pytest shows the log of a failed test."""
        self._collect(error)
        logger.error("%s raised", raised_by, exc_info=error)

    @contextmanager
    def listening(self, app: Any) -> Iterator[None]:
        """Within the block, collect the exceptions that Chalice and the framework log."""
        loggers = (app.log, logging.getLogger(FRAMEWORKS))
        for each in loggers:
            each.addHandler(self)
        try:
            yield
        finally:
            for each in loggers:
                each.removeHandler(self)

    def emit(self, record: logging.LogRecord) -> None:
        """Collect the exception of a log record, if it has one."""
        if (error := getattr(record, "raised", None)) is not None:
            self.add(error, "the app")
        elif record.msg == CHALICES and record.exc_info and record.exc_info[1]:
            self._collect(record.exc_info[1])

    def _collect(self, error: BaseException) -> None:
        self.last = error
        self.all.append(error)
