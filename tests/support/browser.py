"""A headless Chromium, controlled through the DevTools protocol."""

import base64
import contextlib
import itertools
import json
import re
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

from websockets.sync.client import ClientConnection, connect

from tests.support.gateways import SECONDS

NAMES = ("chromium", "chromium-browser", "google-chrome")
OPTIONS = (
    *("--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"),
    *("--disable-background-networking", "--disable-component-update", "--disable-sync"),
    *("--disable-dev-shm-usage", "--hide-scrollbars", "--remote-debugging-port=0"),
    "--host-resolver-rules=MAP evil.example 127.0.0.1",
    # Chromium asks before a page may reach this machine; some other browsers do not.
    "--disable-features=LocalNetworkAccessChecks,LocalNetworkAccessChecksWebSockets",
)
KEYS = {"Enter": 13, "Escape": 27, "ArrowUp": 38, "ArrowDown": 40, "Tab": 9, "Backspace": 8}
ALT, CTRL, SHIFT = 1, 2, 8
CLICKS = 5
"""The number of times that a click is tried."""


def find_chromium() -> str | None:
    """Return the path of a Chromium, if this machine has one."""
    return next(filter(None, map(shutil.which, NAMES)), None)


def element(selector: str) -> str:
    """Return an expression for the selector's first element."""
    return f"document.querySelector({json.dumps(selector)})"


def text(selector: str) -> str:
    """Return an expression for an element's text."""
    return f"{element(selector)}.textContent"


def texts(selector: str) -> str:
    """Return an expression for the texts of all matching elements."""
    found = f"document.querySelectorAll({json.dumps(selector)})"
    return f"Array.from({found}, each => each.textContent)"


@dataclass
class Page:
    """One tab, with its errors.

    Attributes:
        forged: URLs → pages that the browser gets for them, without a request to the server.
    """

    socket: ClientConnection
    session: str = ""
    complaints: list[str] = field(default_factory=list)
    loads: int = 0
    forged: dict[str, str] = field(default_factory=dict)
    _ids: Iterator[int] = field(default_factory=itertools.count)

    def command(self, method: str, **parameters: Any) -> dict[str, Any]:
        """Send a command and wait for its result; record the events before it."""
        number = self.send(method, **parameters)
        while True:
            received = self._next()
            if received.get("id") == number:
                assert "error" not in received, f"{method}: {received['error']}"
                result: dict[str, Any] = received["result"]
                return result

    def send(self, method: str, **parameters: Any) -> int:
        """Send a command without waiting; return its number, which its result has too."""
        number = next(self._ids)
        session = {"sessionId": self.session} if self.session else {}
        self.socket.send(
            json.dumps({"id": number, "method": method, "params": parameters, **session})
        )
        return number

    def _next(self) -> dict[str, Any]:
        received: dict[str, Any] = json.loads(self.socket.recv(SECONDS))
        self._note(received)
        return received

    def _note(self, received: dict[str, Any]) -> None:
        method, about = received.get("method"), received.get("params", {})
        if method == "Page.loadEventFired":
            self.loads += 1
        elif method == "Fetch.requestPaused":
            self._forge(about["requestId"], self.forged[about["request"]["url"]])
        elif method == "Runtime.exceptionThrown":
            self.complaints.append(json.dumps(about["exceptionDetails"]))
        elif method == "Runtime.consoleAPICalled" and about["type"] in ("error", "warning"):
            self.complaints.append(json.dumps(about["args"]))
        elif method == "Log.entryAdded" and about["entry"]["level"] in ("error", "warning"):
            self.complaints.append(f"{about['entry']['text']} {about['entry'].get('url', '')}")

    def _forge(self, request: str, html: str) -> None:
        """Answer a request instead of the server."""
        parameters = {
            "requestId": request,
            "responseCode": 200,
            "responseHeaders": [{"name": "Content-Type", "value": "text/html"}],
            "body": base64.b64encode(html.encode()).decode(),
        }
        self.send("Fetch.fulfillRequest", **parameters)

    @contextlib.contextmanager
    def forging(self, url: str, html: str) -> Iterator[None]:
        """Give the browser this page for a URL until the block ends."""
        self.forged[url] = html
        self.command("Fetch.enable", patterns=[{"urlPattern": url}])
        yield
        self.command("Fetch.disable")
        del self.forged[url]

    def open(self, url: str) -> None:
        """Open a URL."""
        for domain in ("Page", "Runtime", "Log"):
            self.command(f"{domain}.enable")
        self._load("Page.navigate", url=url)

    def reload(self) -> None:
        """Open the same page again."""
        self._load("Page.reload")

    def _load(self, method: str, **parameters: Any) -> None:
        before = self.loads
        self.command(method, **parameters)
        while self.loads == before:
            self._next()

    def evaluate(self, expression: str) -> Any:
        """Return the value of a JavaScript expression, awaited."""
        answer = self.command(
            "Runtime.evaluate", expression=expression, returnByValue=True, awaitPromise=True
        )
        assert "exceptionDetails" not in answer, answer["exceptionDetails"]
        return answer["result"].get("value")

    def wait(self, expression: str) -> None:
        """Wait until a JavaScript expression is true.

        Raises:
            AssertionError: it is not true within the tests' time limit.
        """
        until = (
            "new Promise((resolve, reject) => { const look = () => { try {"
            f" if ({expression}) resolve(); else setTimeout(look, 20)"
            " } catch (error) { reject(error) } }; look() })"
        )
        try:
            self.evaluate(until)
        except TimeoutError:
            raise AssertionError(f"still not true: {expression}") from None

    def click(self, selector: str) -> None:
        """Click the center of an element, like a mouse, when the element has stopped moving.

        If the page moves the element between the press and the release, click again.

        Raises:
            AssertionError: the element moves at each click.
        """
        script = (
            "(async each => { each.scrollIntoView({block: 'nearest'}); window.clicked = false;"
            " const target = each.closest('label') ?? each;"
            " target.addEventListener('click', () => { window.clicked = true }, {capture: true});"
            " for (let before = {};;) {"
            " const {x, y, width, height} = each.getBoundingClientRect();"
            " const place = {x: x + width / 2, y: y + height / 2};"
            " if (place.x === before.x && place.y === before.y) return place;"
            " before = place; await new Promise(done => setTimeout(done, 30)) } })"
        )
        for _ in range(CLICKS):
            place = self.evaluate(f"{script}({element(selector)})")
            for kind in ("mousePressed", "mouseReleased"):
                self.command(
                    "Input.dispatchMouseEvent", type=kind, button="left", clickCount=1, **place
                )
            if self.evaluate("window.clicked") is not False:  # None: the click opened a page
                return
        raise AssertionError(f"{selector} moves while it is clicked")

    def press(self, key: str, modifiers: int = 0) -> None:
        """Press and release a key."""
        text = {"text": "\r"} if key == "Enter" else {}
        facts = {"key": key, "code": key, "windowsVirtualKeyCode": KEYS[key]}
        for kind in ("keyDown", "keyUp"):
            self.command(
                "Input.dispatchKeyEvent",
                type=kind,
                modifiers=modifiers,
                **facts,
                **(text if kind == "keyDown" else {}),
            )

    def type(self, selector: str, text: str) -> None:
        """Replace the content of a field."""
        self.evaluate(f"(each => {{ each.focus(); each.select() }})({element(selector)})")
        self.command("Input.insertText", text=text)

    def resize(self, width: int, height: int, scale: float = 1) -> None:
        """Set the size of the page's window, in CSS pixels."""
        self.command(
            "Emulation.setDeviceMetricsOverride",
            width=width,
            height=height,
            deviceScaleFactor=scale,
            mobile=False,
        )

    def screenshot(self) -> bytes:
        """Return a PNG of the page."""
        return base64.b64decode(self.command("Page.captureScreenshot", format="png")["data"])


@contextlib.contextmanager
def chromium(profile: Path) -> Iterator[Page]:
    """Run a Chromium with an empty profile until the block ends, and yield an empty page."""
    program = find_chromium()
    assert program is not None
    process = subprocess.Popen(
        [program, *OPTIONS, f"--user-data-dir={profile}", "about:blank"],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stderr is not None
    try:
        address = devtools_address(process.stderr)
        with connect(address, max_size=None, compression=None, open_timeout=SECONDS) as socket:
            page = Page(socket)
            target = page.command("Target.createTarget", url="about:blank")["targetId"]
            attached = page.command("Target.attachToTarget", targetId=target, flatten=True)
            page.session = attached["sessionId"]
            yield page
            page.session = ""
            page.command("Browser.close")
        process.wait(SECONDS)
    finally:
        process.kill()
        process.wait()
        process.stderr.close()


def devtools_address(output: IO[str]) -> str:
    """Return its DevTools address from its output."""
    lines = []
    for line in output:
        if match := re.search(r"DevTools listening on (ws://\S+)", line):
            return match[1]
        lines.append(line)
    raise AssertionError("Chromium did not start:\n" + "".join(lines))
