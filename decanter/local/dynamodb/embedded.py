"""The embedded DynamoDB's process, and the creation of the project's tables."""

import json
import os
import select
import subprocess
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from functools import cached_property
from pathlib import Path
from types import TracebackType
from typing import IO, Any, Self

from botocore.exceptions import ClientError

from decanter.errors import ServiceError
from decanter.local.dynamodb.calls import Calls
from decanter.project.tables import Table, create, delete

DATABASE = Path(__file__).with_name("server.py")

# The import of moto takes a quarter of a second, or several seconds on a busy machine.
START_SECONDS = 60
STOP_SECONDS = 1


class EmbeddedDynamoDB:
    """moto's DynamoDB in its own process, as a context manager.

    All regions and accounts share the same tables. The embedded DynamoDB is fast enough for about
    10,000 rows. The embedded DynamoDB always ends when this process ends.
    """

    def __init__(self, region: str = "us-east-1", allow_hosts: Iterable[str] = ()) -> None:
        self._arguments = [region, *allow_hosts]
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start the process without waiting until it answers. `endpoint` waits."""
        self._process = subprocess.Popen(
            [sys.executable, "-P", str(DATABASE), *self._arguments],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            bufsize=0,  # unbuffered: each line arrives immediately
            # Ctrl-C must end the handlers first, because they may still write.
            start_new_session=True,
        )

    @cached_property
    def address(self) -> str:
        """Wait until the server listens, and return its URL. The server answers later.

        Raises:
            ServiceError: the server does not start.
        """
        return f"http://127.0.0.1:{self._line(str.isdigit)}"

    @cached_property
    def endpoint(self) -> str:
        """Wait until the server answers, and return its URL.

        Raises:
            ServiceError: the server does not start.
        """
        address = self.address
        self._line("ready".__eq__)
        return address

    @property
    def reports(self) -> IO[bytes]:
        """Return the stream of reports, a JSON object per line. The server must already answer."""
        assert self._process is not None
        assert self._process.stdout is not None
        os.set_blocking(self._process.stdout.fileno(), False)
        return self._process.stdout

    def tell(self, command: Mapping[str, Any]) -> None:
        """Send the process a command that changes faults or roles."""
        if self._process is not None and self._process.stdin is not None:
            with suppress(BrokenPipeError):  # the process has ended, and its callers get errors
                self._process.stdin.write(json.dumps(command).encode() + b"\n")

    def _line(self, is_expected: Callable[[str], bool]) -> str:
        if self._process is None or self._process.stdout is None:
            raise ServiceError("the embedded DynamoDB has not been started")
        ready, _, _ = select.select([self._process.stdout], [], [], START_SECONDS)
        line = self._process.stdout.readline().decode().strip() if ready else "it does not answer"
        if not is_expected(line):
            self.stop()
            raise ServiceError(
                f"the embedded DynamoDB does not start: {line or 'it ended'}: "
                "pip install 'moto[dynamodb]' flask flask-cors, or use --dynamodb-endpoint"
            )
        return line

    def stop(self) -> None:
        """End the process. Kill it after `STOP_SECONDS`. A second call does nothing."""
        process, self._process = self._process, None
        if process is None:
            return
        for pipe in (process.stdin, process.stdout):
            if pipe is not None:
                pipe.close()
        try:
            process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()


def create_tables(
    endpoint: str, tables: Iterable[Table], outdated: Iterable[Table] = ()
) -> list[str]:
    """Delete the outdated tables, and create the missing tables. Return the tables' names.

    Raises:
        DecanterError: DynamoDB does not answer or refuses a table, or an existing table has another
            key or TTL attribute.
    """
    client = Calls(endpoint)
    names = []
    for table in outdated:
        with _translated("delete", table, endpoint):
            delete(client, table.name)
    for table in tables:
        with _translated("create", table, endpoint):
            create(client, table)
        names.append(table.name)
    return names


@contextmanager
def _translated(action: str, table: Table, endpoint: str) -> Iterator[None]:
    try:
        yield
    except ClientError as error:
        reason = " ".join(str(error).split())
        raise ServiceError(f"cannot {action} table {table.name} at {endpoint}: {reason}") from error
