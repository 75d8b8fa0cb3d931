"""Connections that a log line counts, and some of their ids."""

import logging
from collections.abc import Iterable

from decanter.runtime.logs import log
from decanter.runtime.recipients import Recipient

LOGGED_IDS = 20


class Sample:
    """Connections of one kind: all are counted, some are named in the log."""

    def __init__(self) -> None:
        self.count = 0
        self.connection_ids: list[str] = []

    def add(self, connection_id: str) -> None:
        """Count a connection."""
        self.count += 1
        if len(self.connection_ids) < LOGGED_IDS:
            self.connection_ids.append(connection_id)


class Damage(Sample):
    """The rows whose `connected_at` cannot be read as a time."""

    def note(self, recipients: Iterable[Recipient]) -> None:
        """Count the damaged rows among these."""
        for recipient in recipients:
            if recipient.stored:
                self.add(recipient.connection_id)

    def log(self) -> None:
        """Write one line if there are any."""
        if self.count:
            log(
                "damaged_rows",
                logging.WARNING,
                attribute="connected_at",
                count=self.count,
                connection_ids=self.connection_ids,
            )
