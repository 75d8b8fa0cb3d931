"""The DynamoDB for the handlers: the embedded one, or one that the user runs."""

import asyncio
import functools
import json
from collections.abc import Callable, Iterable
from contextlib import ExitStack
from types import TracebackType
from typing import Any, Self

from decanter.local.dynamodb.embedded import EmbeddedDynamoDB, create_tables
from decanter.local.fault_injection import Faults
from decanter.project.tables import Table

READ_BYTES = 64 * 1024


class Database:
    """A DynamoDB; a context manager.

    Args:
        region: the region of its tables.
        given: the URL of the user's own; None starts the embedded one.
        faults: the faults of the embedded one.
        allow_hosts: the hosts that the embedded one accepts besides its own.
    """

    def __init__(
        self, region: str, given: str | None, faults: Faults, allow_hosts: Iterable[str] = ()
    ) -> None:
        self._region = region
        self._given = given
        self._faults = faults
        self._embedded = EmbeddedDynamoDB(region, allow_hosts)
        self._made: list[Table] = []
        self._stack = ExitStack()

    def __enter__(self) -> Self:
        """Start it; it may not answer yet."""
        if self.is_embedded:
            self._stack.enter_context(self._embedded)
            self._faults.relay = self._embedded.tell
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Stop the embedded one."""
        self._stack.close()

    @property
    def is_embedded(self) -> bool:
        """True for the embedded one."""
        return self._given is None

    @property
    def url(self) -> str:
        """Return its URL. The embedded one already listens, and callers wait until it answers.

        Raises:
            ServiceError: it does not start.
        """
        return self._embedded.address if self._given is None else self._given

    async def create_tables(self, tables: Iterable[Table]) -> list[str]:
        """Wait until it answers, and create the missing tables; earlier ones are kept.

        Returns:
            Their names.

        Raises:
            ServiceError: it does not start, or refuses a table.
        """
        url = await asyncio.to_thread(lambda: self._embedded.endpoint)
        wanted = list(tables)
        new = [table for table in wanted if table not in self._made]
        if new:
            create = functools.partial(create_tables, region=self._region)
            await asyncio.to_thread(create, url, new)
            self._made += new
        return [table.name for table in wanted]

    def follow_reports(self, note: Callable[..., object]) -> None:
        """From now on, count the faults that apply there and forward its notes.

        The embedded one must already answer.

        Args:
            note: called with the text and, by name, `error` and `detail`.
        """
        reports = self._embedded.reports
        loop = asyncio.get_running_loop()
        unread = b""

        def read() -> None:
            nonlocal unread
            data = reports.read(READ_BYTES)
            if not data:  # it has ended
                loop.remove_reader(reports.fileno())
                return
            *lines, unread = (unread + data).split(b"\n")
            for line in lines:
                take(json.loads(line))

        def take(report: dict[str, Any]) -> None:
            if "struck" in report:
                self._faults.struck(report["struck"])
            else:
                note(report["note"], error=True, detail=report["detail"])

        loop.add_reader(reports.fileno(), read)
        self._stack.callback(loop.remove_reader, reports.fileno())
