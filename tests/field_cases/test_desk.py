"""Section N: what a newcomer sees at the desk."""

import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from decanter.cli import main
from tests.docs.snippets import pages
from tests.field_cases.apps import AUCTION, framework_project, stage
from tests.support.apps import FRAMEWORK
from tests.support.browser import Page, chromium, element, find_chromium, text, texts
from tests.support.clients import receive
from tests.support.gateways import ROOT, Running, gateway, wait_until
from tests.support.peers import command
from tests.support.terminals import Terminal


@pytest.fixture(name="auction", scope="module")
def _auction(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    project = framework_project(
        tmp_path_factory.mktemp("auction") / "pour",
        FRAMEWORK + AUCTION,
        stage(CONNECTIONS_TABLE="a"),
    )
    assert main(["template", "--project-dir", str(project)]) == 0
    with gateway(project, "--no-reload") as running:
        yield running


def bid(running: Running, amount: int) -> list[str]:
    """Make one bid; return the lines that the gateway prints for it."""
    before = len(running.lines)
    with running.connect() as alice:
        alice.send(json.dumps({"action": "bid", "item": "vase", "amount": amount}))
        receive(alice)
    wait_until(
        lambda: any(re.search(r" ran .* bid ", line) for line in running.lines[before:]),
        "the bid is printed",
    )
    return running.lines[before:]


@pytest.fixture(name="browser", scope="module")
def _browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Page]:
    if find_chromium() is None:
        pytest.skip("no Chromium on this machine: on Debian, apt-get install chromium")
    with chromium(tmp_path_factory.mktemp("profile")) as page:
        page.resize(1280, 800)
        yield page


@pytest.fixture(name="console")
def _console(browser: Page, auction: Running) -> Page:
    """The auction's console, with its two connections open."""
    browser.open(f"{auction.origin}/")
    browser.wait(f"{texts('.connection[data-state=open] .id:not(:empty)')}.length === 2")
    return browser


BID = "#activity .happened[data-kind=ran][data-route=bid]"
"""The rows of bids. The end of another client's connection may be shown at any time."""


def send(page: Page, amount: int) -> None:
    """Make a bid and wait until its invocation is shown."""
    rows = f"{texts(f'{BID} .what')}.length"
    before = page.evaluate(rows)
    page.type("#message", json.dumps({"action": "bid", "item": "vase", "amount": amount}))
    page.press("Enter")
    page.wait(f"{rows} > {before}")


# --------------------------------------------------------------------------------- N1: failures


@pytest.mark.row("N1")
def test_a_routes_traceback_is_readable_in_the_terminal(auction: Running) -> None:
    lines = bid(auction, -1)
    assert [line for line in lines if "raise ValueError" in line and r"\n" not in line]


@pytest.mark.row("N1")
def test_a_routes_traceback_is_readable_in_the_console(console: Page) -> None:
    send(console, -1)
    console.wait(f"{element('#activity .log')}.textContent.includes('raise ValueError')")
    shown = console.evaluate(f"{element('#activity .log')}.textContent")
    assert [line for line in shown.splitlines() if line.strip().startswith("raise ValueError")]


@pytest.mark.row("N1")
def test_a_500_counts_as_failed(console: Page) -> None:
    console.click("#activity .clear")
    send(console, -1)
    assert "1 failed" in console.evaluate(text("#activity .count"))


# --------------------------------------------------------------------------------- N2: examples


@pytest.mark.row("N2")
def test_the_consoles_example_is_of_the_routes_type(console: Page) -> None:
    console.evaluate("localStorage.clear()")
    console.reload()
    console.wait(f"{element('#message')}.value !== ''")
    example = json.loads(console.evaluate(f"{element('#message')}.value"))
    types = {name: type(value) for name, value in example.items()}
    assert types == {"action": str, "item": str, "amount": int}


@pytest.mark.row("N2")
def test_the_clients_example_is_the_projects(auction: Running) -> None:
    with Terminal(*command(auction.url)).open() as terminal:
        assert "sendmessage" not in terminal.expect("(?s)(.*)> ")[1]


# ---------------------------------------------------------------------------------- N3: console

TOKEN = ".connection[aria-label='Connection A'] .token"


@pytest.mark.row("N3")
def test_a_token_survives_a_reload(console: Page) -> None:
    console.click(".connection .toggle")
    console.wait(f"{text('.connection .toggle')} === 'Connect'")
    console.type(TOKEN, "s3cret.t0ken")
    console.reload()
    console.wait(f"{element(TOKEN)} !== null")
    assert console.evaluate(f"{element(TOKEN)}.value") == "s3cret.t0ken"
    console.evaluate("sessionStorage.clear()")


@pytest.mark.row("N3")
def test_posts_are_shown_with_their_invocation(auction: Running) -> None:
    lines = bid(auction, 7)
    request_id = next(line.split()[3] for line in lines if "a bid of 7" in line)
    connection_id = next(line.split()[2] for line in lines if " connect " in line)
    auction.wait_for_line(" posts ")
    posts = [line for line in auction.lines if " posts " in line]
    assert [line for line in posts if request_id in line or connection_id in line]


@pytest.mark.row("N3")
@pytest.mark.parametrize(
    ("what", "shown"),
    [("event", '"eventType"'), ("traceback", "raise ValueError"), ("posts", "POST")],
)
def test_an_invocation_links_to_its_event_and_effects(console: Page, what: str, shown: str) -> None:
    console.click("#activity .clear")
    send(console, -1)
    times = f"document.body.innerText.split({json.dumps(shown)}).length"
    before = console.evaluate(times)
    console.click(BID)
    console.wait(f"{times} > {before}")


# ------------------------------------------------------------------------------ N4, N5: documents


@pytest.mark.row("N4")
def test_no_page_installs_what_is_not_published() -> None:
    """Remove this test with the first release on an index."""
    told = [page.name for page in pages() if "pip install chalice-decanter" in page.read_text()]
    assert told == []


@pytest.mark.row("N4")
def test_the_upgrade_brings_the_framework_too() -> None:
    text = (ROOT / "docs" / "guides" / "deploy.md").read_text()
    upgrading = text.partition("## Upgrade a stage")[2].partition("\n## ")[0]
    assert re.search("chalicelib|framework|vendor", upgrading)


@pytest.mark.row("N5")
@pytest.mark.parametrize(
    "topic",
    [
        pytest.param("existing (project|app)", id="adopting the framework in an existing project"),
        pytest.param("(send|publish).* from|from .*(route|anywhere)", id="sending from a route"),
        pytest.param("browser", id="browser clients"),
        pytest.param("presence", id="presence"),
    ],
)
def test_each_subject_has_a_page_that_others_link_to(topic: str) -> None:
    found = [page for page in pages() if re.search(topic, title(page), re.IGNORECASE)]
    assert found
    links = [
        page for page in pages() if page != found[0] and f"{found[0].name})" in page.read_text()
    ]
    assert links


def title(page: Path) -> str:
    return page.read_text().partition("\n")[0].removeprefix("# ")
