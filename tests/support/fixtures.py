"""Fixtures of the framework's tests: log lines, a DynamoDB, a table in it."""

import itertools
import json
import logging
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from chalicelib.connections import Connection
from decanter.runtime import transports
from decanter.runtime.fanout.outbox import OpenTransport
from decanter.runtime.settings import Settings
from tests.support.moto_server import moto, serving

_numbers = itertools.count()

LogLines = Callable[[], list[dict[str, Any]]]


@pytest.fixture(autouse=True)
def _loggers() -> Iterator[None]:
    """Undo what Chalice does to the logger of an app's name: this repository's is our package's."""
    yield
    logger = logging.getLogger("decanter")
    logger.propagate = True
    logger.setLevel(logging.NOTSET)


@pytest.fixture(name="log_lines")
def _log_lines(capsys: pytest.CaptureFixture[str]) -> LogLines:
    """Returns the lines logged since the last call."""
    return lambda: [json.loads(line) for line in capsys.readouterr().out.splitlines()]


@pytest.fixture(name="open_transport")
def _open_transport() -> Iterator[OpenTransport]:
    """Opens real transports that do not pause, and shuts them down at the end of the test.

    On Lambda a process keeps its transports; here each would keep sockets until it is collected.
    """
    opened: list[transports.Transport] = []

    def open_transport(endpoint: str, settings: Settings) -> transports.Transport:
        transport = transports.open_transport(endpoint, settings, backoff=lambda _: 0.0)
        opened.append(transport)
        return transport

    yield open_transport
    for each in opened:
        each.shutdown()


@pytest.fixture(name="dynamodb_endpoint", scope="session")
def _dynamodb_endpoint() -> Iterator[str]:
    """moto's server: DynamoDB over HTTP, as in a function."""
    with serving(moto()) as endpoint:
        yield endpoint


@pytest.fixture(name="aws_environment")
def _aws_environment(dynamodb_endpoint: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL_DYNAMODB", dynamodb_endpoint)
    monkeypatch.setenv("AWS_REGION", "eu-west-1")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-west-1")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "test")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "test")


@pytest.fixture(name="table")
def _table(aws_environment: None, monkeypatch: pytest.MonkeyPatch) -> type[Connection]:
    """The application's model with its own empty table."""
    monkeypatch.setenv("CONNECTIONS_TABLE", f"connections-{next(_numbers)}")
    Connection.create_table()
    return Connection
