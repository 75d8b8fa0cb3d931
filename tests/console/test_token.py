"""A connection that shows a token: to the framework's own hook, and to servers that repeat it."""

import json
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import jwt
import pytest
from websockets.sync.server import ServerConnection, serve
from websockets.typing import Subprotocol

from tests.support.browser import Page, element, text, texts
from tests.support.gateways import Running, gateway
from tests.support.projects import write_project

SECRET = "a secret of thirty-two bytes, or so"
TERMS = {"iss": "https://login.example", "aud": "chat"}
APP = """\
from chalice import Chalice
from decanter import IdentifiedModel, Router, WebTokens, connection_table
from pynamodb.attributes import UnicodeAttribute

app = Chalice(app_name="guarded")
app.experimental_feature_flags.update(["WEBSOCKETS"])


@connection_table(env="CONNECTIONS_TABLE")
class Connection(IdentifiedModel):
    connection_id = UnicodeAttribute(hash_key=True, attr_name="connectionID")


router = Router("$request.body.action", connections=Connection)
router.authenticate(WebTokens())


@app.on_ws_connect()
def connect(event):
    return router.handle(event)


@app.on_ws_message()
def message(event):
    return router.handle(event)


@router.route("who")
def who(request):
    request.reply(request.identity)
"""
STATE, TOKEN = (f".connection[aria-label='Connection A'] .{name}" for name in ("state", "token"))


@pytest.fixture(name="guarded")
def _guarded(page: Page, tmp_path: Path) -> Iterator[Running]:
    """A gateway whose app accepts only clients with a token."""
    variables = {
        "CONNECTIONS_TABLE": "guarded",
        "DECANTER_JWT_ISSUER": TERMS["iss"],
        "DECANTER_JWT_AUDIENCE": TERMS["aud"],
        "DECANTER_JWT_SECRET": SECRET,
    }
    config = {"version": "2.0", "app_name": "guarded", "environment_variables": variables}
    project = write_project(tmp_path / "guarded", APP, config)
    with gateway(project, "--no-reload") as running:
        yield running


def test_a_token_is_accepted_and_kept_for_the_tab_alone(page: Page, guarded: Running) -> None:
    token = jwt.encode({**TERMS, "sub": "alice", "exp": int(time.time()) + 60}, SECRET, "HS256")
    connect_with(page, guarded.url, token + "x")
    page.wait(f"{text(STATE)}.startsWith('no connection')")
    connect_with(page, guarded.url, token)
    page.wait(f"{text(STATE)} === 'connected, decanter.token'")
    page.type("#message", '{"action": "who"}')
    page.press("Enter")
    page.wait(f"{texts('.entry[data-kind=received] .text')}.includes('alice')")
    assert page.evaluate(f"{element(TOKEN)}.type") == "password"
    kept = "[document.documentElement.outerHTML, {...localStorage}]"
    assert token not in json.dumps(page.evaluate(kept))
    assert token not in "\n".join(guarded.lines)
    page.reload()
    page.wait(f"{element(TOKEN)}.value === {json.dumps(token)}")
    assert page.evaluate(f"{element('.connection .url')}.value") == guarded.url
    page.type(TOKEN, "")
    page.press("Backspace")
    page.wait("sessionStorage.length === 0")
    page.complaints[:] = [each for each in page.complaints if "failed" not in each]


@pytest.fixture(name="parrot")
def _parrot() -> Iterator[str]:
    """A server that chooses the token for a subprotocol, and repeats it when it closes."""

    def choose(peer: ServerConnection, offered: object) -> Subprotocol:
        assert peer.request is not None
        return Subprotocol(peer.request.headers["Sec-WebSocket-Protocol"].split(", ")[-1])

    def talk(peer: ServerConnection) -> None:
        peer.recv()
        peer.close(4001, f"what is {peer.subprotocol}?")

    with serve(talk, "127.0.0.1", 0, subprotocols=[], select_subprotocol=choose) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"ws://127.0.0.1:{server.socket.getsockname()[1]}/"
        server.shutdown()
        thread.join()


def test_a_token_that_a_server_repeats_is_not_shown(page: Page, parrot: str) -> None:
    connect_with(page, parrot, "s3cret.t0ken")
    page.wait(f"{text(STATE)} === 'connected, (the token)'")
    page.type("#message", "bye")
    page.press("Enter")
    page.wait(f"{text(STATE)} === 'closed 4001 what is (the token)?'")
    assert page.evaluate("document.body.innerText.includes('s3cret')") is False


@pytest.mark.parametrize(
    ("protocols", "token", "said"),
    [
        ("", "two words", "the token has a character that is not allowed in a token"),
        ("v1 s3cret", "s3cret", "the token is also one of the subprotocols"),
    ],
)
def test_an_invalid_token_is_reported_without_its_text(
    page: Page, parrot: str, protocols: str, token: str, said: str
) -> None:
    page.click(".connection .toggle")
    page.wait(f"{text(STATE)}.startsWith('closed')")
    page.type(".connection .protocols", protocols)
    connect_with(page, parrot, token)
    page.wait(f"{text(STATE)} === {json.dumps(said)}")


def connect_with(page: Page, url: str, token: str) -> None:
    """Close connection A if it is open, and open it with this URL and token."""
    if page.evaluate(f"{text('.connection .toggle')} === 'Disconnect'"):
        page.click(".connection .toggle")
        page.wait(f"{text('.connection .toggle')} === 'Connect'")
    page.type(".connection .url", url)
    page.type(TOKEN, token)
    page.press("Enter")
