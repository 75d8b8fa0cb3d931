"""Count connections for a log line, and keep some of their ids."""

import logging
from collections import defaultdict
from collections.abc import Iterable

from decanter.runtime.logs import log
from decanter.runtime.recipients import Recipient
from decanter.runtime.transports.base import Delivery, Outcome, Result

LOGGED_IDS = 20


class Sample:
    """The number of connections of one kind, and the first `LOGGED_IDS` ids."""

    def __init__(self) -> None:
        self.count = 0
        self.connection_ids: list[str] = []

    def add(self, connection_id: str) -> None:
        """Count a connection."""
        self.count += 1
        if len(self.connection_ids) < LOGGED_IDS:
            self.connection_ids.append(connection_id)


class Damage(Sample):
    """The rows with a `connected_at` that is not a valid time."""

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


class Failures:
    """The connections for which a call failed, by result, status and reason."""

    def __init__(self) -> None:
        self._samples: dict[Outcome, Sample] = defaultdict(Sample)

    def add(self, delivery: Delivery) -> Outcome:
        """Count a failure, and return its kind."""
        recipient, outcome = delivery
        kind = Outcome(outcome.result, outcome.status, outcome.reason)
        self._samples[kind].add(recipient.connection_id)
        return kind

    def count(self, *, unproven: bool) -> int:
        """Return the number of failures with this value of `unproven`."""
        samples = self._samples.items()
        return sum(sample.count for kind, sample in samples if kind.unproven is unproven)

    def log(self) -> None:
        """Write one log line for each kind of failure."""
        for kind, sample in self._samples.items():
            log(
                "posts_failed",
                logging.ERROR if kind.result is Result.REFUSED else logging.WARNING,
                result=kind.result.value,
                status=kind.status,
                reason=kind.reason,
                count=sample.count,
                connection_ids=sample.connection_ids,
            )
