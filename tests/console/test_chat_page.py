"""The guide's page of a client in two browsers, with npm's `centrifuge` and tokens that expire."""

import json
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import jwt
import pytest

from tests.console.conftest import Service
from tests.support.browser import Page, chromium, text, texts
from tests.support.clients import receive
from tests.support.gateways import NODE, ROOT
from tests.support.sdk import IS_INSTALLED
from tests.support.tokens import BASE, SECRET

SOURCE = ROOT / "examples" / "browser" / "chat.html"
GUIDE = ROOT / "docs" / "guides" / "clients.md"
SHORT_SECONDS, LONG_SECONDS = 8, 3600
NEEDS_NODE = pytest.mark.skipif(not IS_INSTALLED, reason="npm's packages: make node")


class Frontend(ThreadingHTTPServer):
    """The web server of the page: it signs tokens for the user in the query or the cookie."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.url_of_socket = ""
        self.tokens: list[str] = []
        self.seconds = SHORT_SECONDS

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"

    def token(self, user: str) -> str:
        self.tokens.append(user)
        claims = {"iss": BASE["DECANTER_JWT_ISSUER"], "aud": BASE["DECANTER_JWT_AUDIENCE"]}
        expiry = {"exp": int(time.time() + self.seconds)}
        return jwt.encode(claims | expiry | {"sub": user}, SECRET, algorithm="HS256")


class _Handler(BaseHTTPRequestHandler):
    server: Frontend

    def do_GET(self) -> None:
        path, _, user = self.path.partition("?")
        cookie = self.headers.get("Cookie", "").partition("user=")[2]
        if path == "/websocket-token":
            kind, body = "text/plain", self.server.token(cookie).encode()
        elif path == "/centrifuge.js":
            bundle = NODE / "node_modules" / "centrifuge" / "dist" / "centrifuge.js"
            kind, body = "text/javascript", bundle.read_bytes()
        else:
            page = SOURCE.read_text().replace("ws://127.0.0.1:8000/v1", self.server.url_of_socket)
            kind, body = "text/html", page.encode()
        self.send_response(200)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        if user:
            self.send_header("Set-Cookie", f"user={user}")
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - http.server's name
        """Log nothing."""


@pytest.fixture(name="frontend")
def _frontend() -> Iterator[Frontend]:
    with Frontend() as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        yield server
        server.shutdown()
        thread.join()


def say(page: Page, line: str) -> None:
    page.type("#text", line)
    page.press("Enter")


@NEEDS_NODE
def test_two_browsers_go_on_after_their_tokens_and_the_gateway_have_ended(
    browser: Page, lounge: Service, frontend: Frontend, tmp_path: Path
) -> None:
    """A message, presence, refreshed tokens, and a gateway that is killed and starts again."""
    frontend.url_of_socket = lounge.running.url
    with chromium(tmp_path / "profile") as other:
        both = {"ann": browser, "bob": other}
        for user, page in both.items():
            page.open(f"{frontend.url}/?{user}")
            page.wait(f"{text('#state')} === 'connected'")
        for page in both.values():
            page.wait(f"{text('#here')} === 'ann, bob'")
        say(browser, "<b>hi</b>")
        for page in both.values():
            page.wait(f"{texts('#lines li')}.includes('ann: <b>hi</b>')")
        come_and_go(lounge, frontend, browser)
        for user in both:
            wait_for_tokens(frontend, user, 2)
        # On a busy machine, a refresh can be too late, and an expired client gets no push.
        frontend.seconds = LONG_SECONDS
        frontend.tokens.clear()
        for user in both:
            wait_for_tokens(frontend, user, 1)
        lounge.kill()
        with lounge.stopped():
            for page in both.values():
                page.wait(f"{text('#state')}.startsWith('connecting')")
        for page in both.values():
            page.wait(f"{text('#state')} === 'connected' && {text('#here')} === 'ann, bob'")
        say(other, "back")
        for page in both.values():
            page.wait(f"{texts('#lines li')}.includes('bob: back')")
        other.open("about:blank")
        browser.wait(f"{text('#here')} === 'ann'")
        browser.open("about:blank")
        browser.complaints.clear()  # Chromium reports each refused connection


def come_and_go(lounge: Service, frontend: Frontend, page: Page) -> None:
    """Show a user who leaves the channel and comes back on the same connection."""
    with lounge.running.connect() as eve:
        eve.send(json.dumps({"id": 1, "connect": {"token": frontend.token("eve")}}))
        assert '"connect"' in receive(eve)
        for number, command in enumerate(("subscribe", "unsubscribe") * 2, 2):
            eve.send(json.dumps({"id": number, command: {"channel": "chat:lobby"}}))
            here = "ann, bob, eve" if command == "subscribe" else "ann, bob"
            page.wait(f"{text('#here')} === '{here}'")


def wait_for_tokens(frontend: Frontend, user: str, count: int) -> None:
    deadline = time.monotonic() + 3 * SHORT_SECONDS
    while frontend.tokens.count(user) < count:
        assert time.monotonic() < deadline, frontend.tokens
        time.sleep(0.05)


def test_the_guide_shows_the_page() -> None:
    assert f"```html\n{SOURCE.read_text()}```" in GUIDE.read_text()
