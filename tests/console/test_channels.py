"""The console with an app that has channels: commands, pushes, presence and refusals."""

import json
from collections.abc import Iterator
from typing import Any

import pytest

from tests.console.conftest import Service
from tests.support.browser import Page, text, texts
from tests.support.clients import call
from tests.support.tokens import hs256


def panel(name: str, selector: str) -> str:
    return f".connection[aria-label='Connection {name}'] {selector}"


def channels(name: str) -> str:
    """An expression: the channels of a connection."""
    return texts(panel(name, ".channels .name"))


def abouts(name: str, kind: str = "received") -> str:
    """An expression: the meanings of the lines that a connection has received."""
    return texts(panel(name, f".entry[data-kind={kind}] .about"))


@pytest.fixture(name="page")
def _page(browser: Page, lounge: Service) -> Iterator[Page]:
    """The console, with A as ann and B as bob."""
    browser.complaints.clear()
    browser.open(f"{lounge.origin}/")
    browser.wait(f"{texts('.connection[data-state=open] .id:not(:empty)')}.length === 2")
    for name, user in {"A": "ann", "B": "bob"}.items():
        browser.click(panel(name, ".toggle"))
        browser.wait(f"{text(panel(name, '.toggle'))} === 'Connect'")
        browser.type(panel(name, ".hello"), json.dumps({"name": user}))
        browser.press("Enter")
        browser.wait(f"{channels(name)}.join() === 'user:{user}'")
    yield browser
    browser.evaluate("localStorage.clear(); sessionStorage.clear()")
    assert browser.complaints == []
    browser.open("about:blank")


def run(page: Page, sender: str, **command: Any) -> None:
    page.click(f"#senders label:has([value={sender}])")
    page.type("#message", json.dumps(command))
    page.press("Enter")


def test_it_subscribes_publishes_and_shows_pushes_presence_and_refusals(page: Page) -> None:
    assert page.evaluate(channels("A")) == ["user:ann"]
    run(page, "A", subscribe={"channel": "chat:42"})
    page.wait(f"{channels('A')}.join() === 'chat:42,user:ann'")
    run(page, "B", subscribe={"channel": "chat:42"})
    page.wait(f"{abouts('A')}.includes('bob joins chat:42')")
    run(page, "B", publish={"channel": "chat:42", "data": {"text": "hi"}})
    for name in "AB":
        page.wait(f"{abouts(name)}.includes('publication chat:42')")
    run(page, "A", presence={"channel": "chat:42"})
    page.wait(f"{abouts('A')}.includes('presence chat:42: 2 there: ann, bob')")
    run(page, "A", subscribe={"channel": "chat:closed"})
    refusal = "subscribe chat:closed: 103 permission denied"
    page.wait(f"{abouts('A', 'refused')}.includes('{refusal}')")
    run(page, "A", rpc={"method": "echo", "data": [1]})
    page.wait(f"{abouts('A')}.includes('rpc echo')")
    page.click(panel("B", ".channels [aria-label='Unsubscribe from chat:42']"))
    page.wait(f"{abouts('A')}.includes('bob leaves chat:42')")
    assert page.evaluate(channels("B")) == ["user:bob"]


def test_the_composer_offers_the_commands_of_the_apps_channels(page: Page) -> None:
    titles = page.evaluate(texts("#route option"))
    assert {"subscribe chat:{room}", "publish feed:{name}", "presence chat:{room}"} <= {*titles}
    page.type("#message", '{"subscribe":{"channel":"chat:1"}}')
    assert page.evaluate(text("#facts")).endswith("→\u00a0subscribe chat:1")
    page.type("#message", "hello")
    assert page.evaluate(text("#facts")).endswith("not JSON · not a command")


def test_a_kicked_connection_shows_why_and_comes_back_if_its_code_says_so(
    page: Page, lounge: Service
) -> None:
    def kick(identity: str, code: int) -> None:
        body = json.dumps({"identity": identity, "code": code, "reason": "enough"}).encode()
        headers = {"Content-Type": "application/json"}
        assert call(lounge.running, "POST", "/v1/do/kick", body, headers=headers)[0] == 200

    run(page, "A", subscribe={"channel": "feed:x"})
    page.wait(f"{channels('A')}.join() === 'feed:x,user:ann'")
    kick("ann", 4000)
    kick("bob", 4500)
    page.wait(f"{abouts('A')}.includes('disconnect 4000 enough')")
    page.wait(f"{channels('A')}.join() === 'feed:x,user:ann'")
    page.wait(f"{abouts('B')}.includes('disconnect 4500 enough')")
    assert page.evaluate(text(panel("B", ".toggle"))) == "Connect"


def test_a_token_goes_into_the_connect_command_and_is_not_shown(page: Page) -> None:
    token = hs256(sub="tom")
    page.click(panel("A", ".toggle"))
    page.wait(f"{text(panel('A', '.toggle'))} === 'Connect'")
    page.type(panel("A", ".token"), token)
    page.press("Enter")
    page.wait(f"{channels('A')}.join() === 'user:tom'")
    sent = page.evaluate(texts(panel("A", ".entry[data-kind=sent] .text")))
    assert "(the token)" in sent[-1]
    assert not any(token in each for each in sent)
