"""The embedded DynamoDB's process, and the creation of the project's tables."""

import json
import os
import select
import subprocess
import sys
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from functools import cached_property
from pathlib import Path
from types import TracebackType
from typing import IO, Any, Self

from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError
from botocore.session import Session

from decanter.errors import ServiceError
from decanter.project.tables import Table, create

DATABASE = Path(__file__).with_name("server.py")

# Importing moto takes about a second, on a busy machine several.
START_SECONDS = 60
STOP_SECONDS = 1

# Credentials if the user has none: local services check no signature.
DUMMY_CREDENTIALS = {"AWS_ACCESS_KEY_ID": "local", "AWS_SECRET_ACCESS_KEY": "local"}


def local_region(environ: Mapping[str, str] = os.environ) -> str:
    """Return the region of local resources."""
    return environ.get("AWS_REGION") or environ.get("AWS_DEFAULT_REGION") or "us-east-1"


def local_credentials(environ: Mapping[str, str] = os.environ) -> dict[str, str]:
    """Return the variables for calls to local services: the user's own credentials if set.

    A DynamoDB that keeps tables by access key must see the same key from all callers.
    """
    if not all(environ.get(name) for name in DUMMY_CREDENTIALS):
        return DUMMY_CREDENTIALS.copy()
    return {name: environ[name] for name in DUMMY_CREDENTIALS}


class EmbeddedDynamoDB:
    """moto's DynamoDB in a process of its own; a context manager.

    It has the same tables for every region and account, and is fast enough for about a thousand
    rows. It ends with this process, however this process ends.

    Args:
        region: the region in its tables' ARNs.
        allow_hosts: the hosts that it accepts besides its own.
    """

    def __init__(self, region: str = "us-east-1", allow_hosts: Iterable[str] = ()) -> None:
        self._arguments = [region, *allow_hosts]
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start the process and return at once; `endpoint` waits until it answers."""
        self._process = subprocess.Popen(
            [sys.executable, "-P", str(DATABASE), *self._arguments],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            bufsize=0,  # unbuffered: each line arrives at once
            # Ctrl-C ends the handlers first: they may still want to write.
            start_new_session=True,
        )

    @cached_property
    def address(self) -> str:
        """Return its URL once it listens; calls wait until it answers.

        Raises:
            ServiceError: it does not start.
        """
        return f"http://127.0.0.1:{self._line(str.isdigit)}"

    @cached_property
    def endpoint(self) -> str:
        """Return its URL once it answers.

        Raises:
            ServiceError: it does not start.
        """
        address = self.address
        self._line("ready".__eq__)
        return address

    @property
    def reports(self) -> IO[bytes]:
        """Return its reports, a JSON object a line, once it answers; reading does not block."""
        assert self._process is not None
        assert self._process.stdout is not None
        os.set_blocking(self._process.stdout.fileno(), False)
        return self._process.stdout

    def tell(self, command: Mapping[str, Any]) -> None:
        """Forward a message of `Faults`."""
        if self._process is not None and self._process.stdin is not None:
            with suppress(BrokenPipeError):  # it has ended, and its callers get errors
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
        """End the process, within a second; a second call does nothing."""
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
    endpoint: str,
    tables: Iterable[Table],
    *,
    region: str,
    environ: Mapping[str, str] = os.environ,
) -> list[str]:
    """Create the tables that do not exist yet.

    Args:
        endpoint: the DynamoDB's URL.
        tables: the template's, or the declared ones without a template.
        region: the region that calls are signed for.
        environ: the environment with the credentials.

    Returns:
        The names of all tables.

    Raises:
        ServiceError: the DynamoDB does not answer or refuses a table.
    """
    client = _client(endpoint, region, local_credentials(environ))
    names = []
    for table in tables:
        try:
            create(client, table)
        except (BotoCoreError, ClientError) as error:
            reason = " ".join(str(error).split())
            raise ServiceError(
                f"cannot create table {table.name} at {endpoint}: {reason} "
                "Start a DynamoDB there, or leave out --dynamodb-endpoint."
            ) from error
        names.append(table.name)
    return names


def _client(endpoint: str, region: str, credentials: Mapping[str, str]) -> Any:
    try:
        return Session().create_client(
            "dynamodb",
            region_name=region,
            endpoint_url=endpoint,
            aws_access_key_id=credentials["AWS_ACCESS_KEY_ID"],
            aws_secret_access_key=credentials["AWS_SECRET_ACCESS_KEY"],
            config=Config(connect_timeout=2, read_timeout=10, retries={"total_max_attempts": 2}),
        )
    except ValueError as error:
        raise ServiceError(f"{error}: write --dynamodb-endpoint as http://HOST:PORT") from error
