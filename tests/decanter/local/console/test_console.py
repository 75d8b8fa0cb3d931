"""The console's files conform to their Content-Security-Policy and load nothing from outside."""

import re
from importlib.resources import files

import pytest

from decanter.local.console.control import PAGES

CONSOLE = files("decanter.local.console").joinpath("page")
FILES = sorted(each.name for each in CONSOLE.iterdir())
SCRIPTS = [name for name in FILES if name.endswith(".js")]


def source(name: str) -> str:
    return CONSOLE.joinpath(name).read_text(encoding="utf-8")


def test_every_file_is_served() -> None:
    assert sorted(name for name, _ in PAGES.values()) == FILES


@pytest.mark.parametrize("name", FILES)
def test_no_outside_resource_is_named(name: str) -> None:
    """It works without a network; the SVG namespace is a name, not an address."""
    addresses = re.findall(r"https?://[^\s\"')]+", source(name))
    assert set(addresses) <= {"http://www.w3.org/2000/svg"}


@pytest.mark.parametrize("name", SCRIPTS)
def test_scripts_import_only_each_other(name: str) -> None:
    imported = re.findall(r"^import .* from \"(.*)\";$", source(name), re.MULTILINE)
    assert {f"./{each}" for each in SCRIPTS}.issuperset(imported)


def test_the_page_has_no_inline_script_or_style() -> None:
    """The Content-Security-Policy allows neither."""
    html = source("index.html")
    assert re.findall(r"<style|\sstyle=|\son\w+=", html) == []
    assert re.findall(r"<script(?![^>]*\ssrc=)", html) == []


@pytest.mark.parametrize("name", SCRIPTS)
def test_scripts_show_frames_only_as_text(name: str) -> None:
    """Markup in a frame must stay text."""
    markup = r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|eval\(|new Function|srcdoc"
    assert re.findall(markup, source(name)) == []


@pytest.mark.parametrize("name", SCRIPTS)
def test_every_element_that_a_script_finds_is_in_the_page(name: str) -> None:
    html = source("index.html")
    attributes = {"#": "id", ".": "class"}
    for mark, wanted in re.findall(r"find\(\"([#.])([\w-]+)", source(name)):
        pattern = rf'{attributes[mark]}="[^"]*\b{wanted}\b[^"]*"'
        assert re.search(pattern, html), f"{mark}{wanted}"


def test_every_control_has_a_label() -> None:
    """Inputs have a label in the page or get one from the script."""
    html, script = source("index.html"), source("connection.js")
    for control in re.findall(r"<(?:select|textarea|input)[^>]*>", html):
        labelled = "aria-label" in control or 'id="message"' in control
        named_later = re.search(r'class="(url|protocols|hello|token)"', control)
        if not labelled and not named_later:
            assert "<label" in html.partition(control)[0].rpartition("\n")[2], control
    assert '<label for="message">' in html
    for name in ("url", "protocols", "helloData", "token"):
        assert f'this.{name}.setAttribute("aria-label"' in script
