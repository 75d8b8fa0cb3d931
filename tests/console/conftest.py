"""A page of the console in a headless Chromium, and a gateway that serves this project's app."""

import contextlib
import os
from collections.abc import Iterator

import pytest

from tests.support.browser import Page, chromium, find_chromium, texts
from tests.support.connection_table import Table
from tests.support.gateways import ROOT, gateway

CONNECTED = f"{texts('.connection[data-state=open] .id:not(:empty)')}.length === 2"


class Service:
    """A gateway that can be stopped, and started again on the same port."""

    def __init__(self) -> None:
        self._stack = contextlib.ExitStack()
        self._port = "0"
        self._start()

    def _start(self) -> None:
        running = self._stack.enter_context(gateway(ROOT, "--port", self._port))
        self.origin = running.origin
        self.table = Table(running)
        self._port = self.origin.rpartition(":")[2]

    def stop(self) -> None:
        self._stack.close()

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
    service = Service()
    yield service
    service.stop()


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
