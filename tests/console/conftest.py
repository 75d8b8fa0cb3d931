"""A page of the console in a headless Chromium, and a gateway that serves this project's app."""

import contextlib
import os
from collections.abc import Iterator, Mapping
from typing import Any

import pytest

from tests.support.browser import Page, chromium, find_chromium, texts
from tests.support.connection_table import Table
from tests.support.gateways import PROJECTS, ROOT, gateway
from tests.support.tokens import HS256

CONNECTED = f"{texts('.connection[data-state=open] .id:not(:empty)')}.length === 2"


class Service:
    """A gateway that can be stopped, and started again on the same port.

    Args:
        arguments: those of `gateway`.
        environment: its further variables.
    """

    def __init__(self, *arguments: Any, environment: Mapping[str, str] | None = None) -> None:
        self._stack = contextlib.ExitStack()
        self._arguments = arguments
        self._environment = environment
        self._port = "0"
        self._start()

    def _start(self) -> None:
        start = gateway(*self._arguments, "--port", self._port, environment=self._environment)
        self.running = self._stack.enter_context(start)
        self.origin = self.running.origin
        self._port = self.origin.rpartition(":")[2]

    @property
    def table(self) -> Table:
        return Table(self.running)

    def stop(self) -> None:
        self._stack.close()

    def kill(self) -> None:
        """End it without a goodbye to its clients."""
        self.running.process.kill()
        self.running.process.wait()

    @contextlib.contextmanager
    def stopped(self) -> Iterator[None]:
        """No gateway on that port until the block ends."""
        self.stop()
        try:
            yield
        finally:
            self._start()


@pytest.fixture(name="browser", scope="session")
def _browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Page]:
    if find_chromium() is None:
        reason = "no Chromium on this machine: on Debian, apt-get install chromium"
        if os.environ.get("CI"):
            pytest.fail(reason)
        pytest.skip(reason)
    with chromium(tmp_path_factory.mktemp("profile")) as page:
        yield page


@pytest.fixture(name="service", scope="session")
def _service(browser: Page) -> Iterator[Service]:
    """Started only where there is a browser."""
    service = Service(ROOT)
    yield service
    service.stop()


@pytest.fixture(name="lounge", scope="session")
def _lounge(browser: Page) -> Iterator[Service]:
    """A gateway with an app that has channels."""
    lounge = Service(PROJECTS / "lounge", "--no-reload", environment=HS256)
    yield lounge
    lounge.stop()


@pytest.fixture(name="page")
def _page(browser: Page, service: Service) -> Iterator[Page]:
    """The console with exactly its two connections open; it must report no error."""
    browser.complaints.clear()
    browser.resize(1280, 800)
    browser.open(f"{service.origin}/")
    browser.wait(CONNECTED)
    service.table.wait_for(2)  # those of the page before are disconnected
    browser.evaluate("localStorage.clear()")
    yield browser
    browser.evaluate("sessionStorage.clear()")
    assert browser.complaints == []


@pytest.fixture(name="modules")
def _modules(browser: Page, service: Service) -> Page:
    """A page that can import the console's modules, and runs none of them by itself."""
    browser.open(f"{service.origin}/dom.js")
    return browser
