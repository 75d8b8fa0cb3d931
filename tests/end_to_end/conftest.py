"""A running gateway with this repository's service."""

from collections.abc import Iterator

import pytest

from tests.support.connection_table import Table
from tests.support.gateways import ROOT, Running, gateway

FEW_PROCESSES = ("--concurrency", "4")
"""Two hundred clients would start hundreds of processes, and each imports the application."""

PATIENT = {"DECANTER_POST_TIMEOUT_SECONDS": "15"}
"""A post that a busy machine answers late is not retried, so there are no duplicates."""


@pytest.fixture(scope="session", name="service")
def _service() -> Iterator[Running]:
    with gateway(ROOT, "--no-reload", *FEW_PROCESSES, environment=PATIENT) as running:
        yield running


@pytest.fixture(name="table")
def _table(service: Running) -> Table:
    table = Table(service)
    table.wait_for(0)
    return table
