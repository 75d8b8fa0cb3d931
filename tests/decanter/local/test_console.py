"""The console's files fit the policy that the gateway sends with them, and nothing is fetched."""

import re
from importlib.resources import files

import pytest

CONSOLE = files("decanter.local").joinpath("console")


def source(name: str) -> str:
    return CONSOLE.joinpath(name).read_text(encoding="utf-8")


@pytest.mark.parametrize("name", ["index.html", "console.css", "console.js"])
def test_names_no_outside_resource(name: str) -> None:
    """It works without a network; the SVG namespace is a name, not an address."""
    addresses = re.findall(r"https?://[^\s\"')]+", source(name))
    assert set(addresses) <= {"http://www.w3.org/2000/svg"}


def test_has_no_inline_script_or_style() -> None:
    """The Content-Security-Policy allows neither."""
    html = source("index.html")
    assert re.findall(r"<style|\sstyle=|\son\w+=", html) == []
    assert re.findall(r"<script(?![^>]*\ssrc=)", html) == []


def test_shows_what_peers_send_as_text_only() -> None:
    """A frame that holds markup must stay text."""
    markup = r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|eval\(|new Function|srcdoc"
    assert re.findall(markup, source("console.js")) == []


def test_finds_every_element_that_it_asks_for() -> None:
    """Each id and class that the script looks up is in the page."""
    html = source("index.html")
    wanted = re.findall(r"find\(\"([#.])([\w-]+)\"", source("console.js"))
    assert wanted
    attributes = {"#": "id", ".": "class"}
    for mark, name in wanted:
        pattern = rf'{attributes[mark]}="[^"]*\b{name}\b[^"]*"'
        assert re.search(pattern, html), f"{mark}{name}"


def test_names_every_control() -> None:
    """Inputs have a label in the page or get one from the script."""
    html, script = source("index.html"), source("console.js")
    assert '<label class="title" for="message">' in html
    assert 'this.url.setAttribute("aria-label"' in script
    assert '<label class="sender"><input' in html
