"""DynamoDB and SQS for the handlers. DynamoDB is embedded or the user's own."""

import asyncio
import json
from collections.abc import Callable, Iterable, Sequence
from contextlib import ExitStack
from types import TracebackType
from typing import IO, Any, Self

from decanter.local.dynamodb.embedded import EmbeddedDynamoDB, create_tables
from decanter.local.fault_injection import Faults
from decanter.local.rights import Rights
from decanter.local.sqs.calls import Calls
from decanter.project.queues import Queue
from decanter.project.tables import Table

READ_BYTES = 64 * 1024


class Database:
    """The gateway's DynamoDB and its embedded SQS, as a context manager.

    `given` is the URL of the user's own DynamoDB. If it is None, the embedded DynamoDB is started.
    The embedded DynamoDB also accepts requests whose `Host` is one of `allow_hosts`.
    """

    def __init__(
        self,
        region: str,
        given: str | None,
        faults: Faults,
        rights: Rights,
        allow_hosts: Iterable[str] = (),
    ) -> None:
        self._given = given
        self._faults = faults
        self._rights = rights
        self._embedded = EmbeddedDynamoDB(region, allow_hosts)
        self._made: list[Table] = []
        self._stack = ExitStack()
        self._is_running = False
        self._follow: Callable[[], None] = lambda: None

    def __enter__(self) -> Self:
        """Start the embedded DynamoDB, if it is used, without waiting until it answers."""
        if self.is_embedded:
            self._start()
        return self

    def _start(self) -> None:
        if not self._is_running:
            self._is_running = True
            self._stack.enter_context(self._embedded)
            self._rights.relay = self._embedded.tell
            if self.is_embedded:  # the process may run only for SQS
                self._faults.relay = self._embedded.tell

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._stack.close()

    @property
    def is_embedded(self) -> bool:
        """True if the gateway uses the embedded DynamoDB."""
        return self._given is None

    @property
    def url(self) -> str:
        """Return the URL of DynamoDB. The embedded DynamoDB listens, but may not answer yet.

        Raises:
            ServiceError: the embedded DynamoDB does not start.
        """
        return self._embedded.address if self._given is None else self._given

    @property
    def sqs_url(self) -> str:
        """Return the URL of the embedded SQS, and start the embedded SQS if necessary.

        Raises:
            ServiceError: the embedded SQS does not start.
        """
        self._start()
        return self._embedded.address

    async def create_queues(self, queues: Sequence[Queue]) -> str | None:
        """Create the missing queues. Existing queues keep their messages.

        Return the URL of the embedded SQS; None if there are no queues.

        Raises:
            ServiceError: SQS does not start, or refuses a queue.
        """
        if not queues:
            return None
        url = self.sqs_url
        await asyncio.to_thread(lambda: self._embedded.endpoint)
        self._follow()
        await Calls(url).create_queues(queues)
        return url

    async def create_tables(self, tables: Iterable[Table]) -> list[str]:
        """Wait until DynamoDB answers, and create the missing tables. Return the tables' names.

        Existing tables are kept. If the declared key or indexes of a table have changed, the table
        is created again without rows.

        Raises:
            DecanterError: DynamoDB does not start or refuses a table, or an existing table has
                another key or TTL attribute.
        """
        url = await asyncio.to_thread(lambda: self._embedded.endpoint)
        wanted = list(tables)
        new = [table for table in wanted if table not in self._made]
        changed = [it for it in self._made if any(map(it.is_outdated_by, new))]
        if new:
            await asyncio.to_thread(create_tables, url, new, changed)
            self._made = [table for table in self._made if table not in changed] + new
        return [table.name for table in wanted]

    def follow_reports(
        self, note: Callable[..., object], missing: Callable[[str, list[str]], object]
    ) -> None:
        """Start handling the embedded services' reports: faults, rights, missing tables and notes.

        If the embedded DynamoDB is used, it must already answer.

        Args:
            note: called with a text for the user, and with the keyword arguments `error` and
                `detail`.
            missing: called with the name of a table that a call did not find, and its probable key.
        """
        loop = asyncio.get_running_loop()
        unread = b""
        reports: IO[bytes] | None = None

        def follow() -> None:
            nonlocal reports
            if reports is None and self._is_running:
                reports = self._embedded.reports
                loop.add_reader(reports.fileno(), read)
                self._stack.callback(loop.remove_reader, reports.fileno())

        def read() -> None:
            nonlocal unread
            assert reports is not None
            data = reports.read(READ_BYTES)
            if not data:  # the process has ended
                loop.remove_reader(reports.fileno())
                return
            *lines, unread = (unread + data).split(b"\n")
            for line in lines:
                self._take(json.loads(line), note, missing)

        self._follow = follow
        follow()

    def _take(
        self,
        report: dict[str, Any],
        note: Callable[..., object],
        missing: Callable[[str, list[str]], object],
    ) -> None:
        if "struck" in report:
            self._faults.struck(report["struck"])
        elif "right" in report:
            self._rights.take(report["right"])
        elif "missing" in report:
            missing(report["missing"], report["key"])
        else:
            note(report["note"], error=True, detail=report["detail"])
