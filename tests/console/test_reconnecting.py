"""The browser guide's module in Chromium: the ends of a connection, and the new connection after
each.
"""

import contextlib
import json
from collections.abc import Iterator

import pytest

from tests.support.apps import NO_DATABASE
from tests.support.browser import Page
from tests.support.gateways import PROJECTS, ROOT, Running, gateway

MODULE = ROOT / "examples" / "browser" / "reconnecting.js"
GUIDE = ROOT / "docs" / "guides" / "browser.md"
FRONTEND = "http://127.0.0.1/frontend"
ECHO = (PROJECTS / "echo", *NO_DATABASE)
FAST = {"baseMs": 50, "capMs": 200}


def start(page: Page, running: Running, **options: object) -> None:
    """Load the guide's code into the page and connect; `log` has what happened."""
    with page.forging(FRONTEND, "<title>frontend</title>"):
        page.open(FRONTEND)
    code = json.dumps(MODULE.read_text())
    page.evaluate(f"""(async () => {{
        const blob = new Blob([{code}], {{type: "text/javascript"}});
        const {{ReconnectingSocket}} = await import(URL.createObjectURL(blob));
        window.log = []; window.tokens = 0;
        window.socket = new ReconnectingSocket({json.dumps(running.url)}, {{
            ...{json.dumps(FAST | options)}, getToken: async () => {{ window.tokens++; }},
        }});
        for (const type of ["open", "close", "message"])
            socket.addEventListener(type, ({{detail}}) => log.push([type, detail]));
    }})()""")
    page.wait(opened(1))


def opened(times: int) -> str:
    return f"log.filter(([type]) => type === 'open').length >= {times}"


def closes(page: Page) -> list[int]:
    found: list[int] = page.evaluate("log.filter(([t]) => t === 'close').map(([, d]) => d.code)")
    return found


@contextlib.contextmanager
def stopping(page: Page) -> Iterator[None]:
    yield
    page.evaluate("socket.close()")
    page.complaints.clear()  # Chromium reports each refused connection


def assert_echo(page: Page, text: str) -> None:
    assert page.evaluate(f"socket.send({json.dumps(text)})") is True
    page.wait(f"log.some(([t, d]) => t === 'message' && d.data === {json.dumps(text)})")


def test_it_survives_a_restart_of_the_gateway_and_queues_nothing(browser: Page) -> None:
    with gateway(*ECHO) as first:
        port = first.origin.rpartition(":")[2]
        start(browser, first)
        assert_echo(browser, "before")
    with stopping(browser):
        browser.wait("log.some(([type]) => type === 'close')")
        assert browser.evaluate("socket.send('lost')") is False
        with gateway(*ECHO, "--port", port):
            browser.wait(opened(2))
            assert_echo(browser, "after")
            assert browser.evaluate("tokens") >= 2


@pytest.fixture(name="brief", scope="module")
def _brief() -> Iterator[Running]:
    with gateway(*ECHO, "--idle-timeout", "1.5", "--max-age", "4") as it:
        yield it


def test_it_survives_an_idle_timeout(browser: Page, brief: Running) -> None:
    with stopping(browser):
        start(browser, brief, keepaliveMs=60_000)
        browser.wait(opened(2))
        assert closes(browser)[0] == 1001


def test_its_keepalive_prevents_an_idle_timeout_and_it_survives_a_maximum_age(
    browser: Page, brief: Running
) -> None:
    """The socket outlives its idle timeout: only the maximum age ends it."""
    with stopping(browser):
        start(browser, brief, keepaliveMs=300)
        browser.wait(opened(2))
        kept = "log.filter(([t]) => t === 'message').length"
        assert browser.evaluate(kept) > 1500 // 300
        assert closes(browser)[0] == 1001


def test_it_can_come_before_a_maximum_age(browser: Page, brief: Running) -> None:
    with stopping(browser):
        start(browser, brief, renewMs=500)
        browser.wait(opened(2))
        assert closes(browser)[0] == 1000


def test_the_guide_shows_the_module_and_counts_its_lines() -> None:
    page, module = GUIDE.read_text(), MODULE.read_text()
    assert f"```js\n{module}```" in page
    assert f"{len(module.splitlines())} lines" in page
