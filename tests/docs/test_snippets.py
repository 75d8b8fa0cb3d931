"""Every snippet of the documentation runs."""

import argparse
import contextlib
import json
import re
import shlex
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

import decanter.runtime.settings
from decanter.cli import build_parser
from decanter.new import create
from decanter.runtime.errors import MessageError
from decanter.testing import WebSocketClient
from tests.docs import commands
from tests.docs.snippets import ROOT, Section, load, pages, sections
from tests.support.pytests import run_pytest

TESTED = ("routes", "tables", "send", "send-from-anywhere", "authenticate", "test")
GUIDES = [sections(ROOT / "docs/guides" / f"{name}.md") for name in TESTED]
APP, *FEATURES = [section for page in GUIDES for section in page if section.code()]
ALL = [section for page in pages() for section in sections(page)]


@pytest.fixture(name="kept_modules", autouse=True)
def _kept_modules() -> Iterator[None]:
    before = set(sys.modules)
    yield
    for name in set(sys.modules) - before:
        if name.startswith(("docs_", "chalicelib.rooms")):
            del sys.modules[name]


def run_tests(module: ModuleType) -> int:
    """Run the snippets' tests. Return their number."""
    tests = {name: value for name, value in vars(module).items() if name.startswith("test_")}
    for test in tests.values():
        wants_client = "websocket_client" in test.__code__.co_varnames[: test.__code__.co_argcount]
        opened: Any = WebSocketClient(vars(module)["app"]) if wants_client else None
        with opened or contextlib.nullcontext():
            test(*[opened] * wants_client)
    return len(tests)


@pytest.mark.parametrize("section", FEATURES, ids=lambda section: section.title)
def test_each_section_of_a_guide_runs_with_the_app_of_the_first_section(section: Section) -> None:
    """Each section gets a new import of the app."""
    assert APP.title == "The app"
    name = f"docs_{section.title.lower().replace(' ', '_')}"
    assert run_tests(load(name, APP.code() + section.code())) > 0


def test_every_json_snippet_is_valid() -> None:
    texts = [block.text for part in ALL for block in part.blocks if block.language == "json"]
    for text in texts:
        json.loads(text)


def test_every_python_snippet_compiles() -> None:
    for section in ALL:
        for block in section.code():
            compile(block.text, section.page, "exec")


def decanter_commands() -> list[list[str]]:
    """Return the tool's command lines in shell snippets."""
    blocks = [block for part in ALL for block in part.blocks if block.language == "sh"]
    lines = [line for block in blocks for line in block.text.replace("\\\n", " ").splitlines()]
    parts = [part.strip() for line in lines for part in line.split("&&")]
    calls = [part for part in parts if part.startswith("decanter ")]
    return [shlex.split(call, comments=True)[1:] for call in calls]


@pytest.mark.parametrize("command", decanter_commands(), ids=" ".join)
def test_every_command_line_is_valid(command: list[str]) -> None:
    words = command[: command.index(">")] if ">" in command else command
    assert isinstance(build_parser(words).parse_args(words), argparse.Namespace)


def test_pages_of_every_kind_are_read() -> None:
    read = {str(page.relative_to(ROOT)) for page in pages()}
    assert {"README.md", "docs/README.md", "docs/tutorial.md", "docs/guides/routes.md"} <= read


def test_the_reference_has_every_command_and_option() -> None:
    """`python -m tests.docs.commands` updates it."""
    page = commands.PAGE.read_text()
    found = commands.PART.search(page)
    assert found is not None
    assert found[0] == commands.text()


def test_the_reference_has_every_setting_and_every_code() -> None:
    settings, wire = (
        (ROOT / "docs" / "reference" / name).read_text() for name in ("environment.md", "wire.md")
    )
    names = re.findall(r"\b(?:DECANTER|AWS)_[A-Z_]+", str(decanter.runtime.settings.__doc__))
    codes = {
        each.code for each in leaves(MessageError) if each.__module__ == MessageError.__module__
    }
    for page, listed in ((settings, names), (wire, codes)):
        assert [name for name in listed if f"`{name}`" not in page] == []


def leaves(kind: type[MessageError]) -> list[type[MessageError]]:
    below = kind.__subclasses__()
    return [leaf for each in below for leaf in leaves(each)] if below else [kind]


def test_the_tutorials_route_and_test_work_in_a_new_project(tmp_path: Path) -> None:
    project = create("hello", tmp_path)
    blocks = [part for each in sections(ROOT / "docs" / "tutorial.md") for part in each.code()]
    assert [block.file for block in blocks] == ["app.py", "tests/test_app.py"]
    for block in blocks:
        path = project / str(block.file)
        path.write_text(f"{path.read_text()}\n\n{block.text.split(chr(10), 1)[1]}")
    written = [line for block in blocks for line in block.text.splitlines()[1:] if line]
    assert len(written) < 20
    done = run_pytest(project)
    assert "3 passed" in done.stdout, done.stdout + done.stderr
