"""Count connections for a log line, and keep some of their ids."""

import logging
from collections.abc import Iterable

from decanter.runtime.logs import log
from decanter.runtime.recipients import Recipient

LOGGED_IDS = 20


class Sample:
    """Connections of one kind. All of them are counted, and the log has some of their ids."""

    def __init__(self) -> None:
        self.count = 0
        self.connection_ids: list[str] = []

    def add(self, connection_id: str) -> None:
        """Count a connection."""
        self.count += 1
        if len(self.connection_ids) < LOGGED_IDS:
            self.connection_ids.append(connection_id)


class Damage(Sample):
    """The rows whose `connected_at` is not a valid time."""

    def note(self, recipients: Iterable[Recipient]) -> None:
        """Count the damaged rows among these recipients."""
        for recipient in recipients:
            if recipient.stored:
                self.add(recipient.connection_id)

    def log(self) -> None:
        """Write one log line if there are damaged rows."""
        if self.count:
            log(
                "damaged_rows",
                logging.WARNING,
                attribute="connected_at",
                count=self.count,
                connection_ids=self.connection_ids,
            )
