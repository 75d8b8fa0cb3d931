"""docs/guides/upgrade.md: its commands upgrade an older copy; its names upgrade an app of 0.1."""

import re
import shutil
import sys
import zipfile
from pathlib import Path
from types import ModuleType

import pytest

import decanter
from decanter import Handshake, Report, Request, Router, __version__
from decanter.project.framework import copy_framework
from decanter.testing import WebSocketClient
from tests.docs.snippets import ROOT, Section, sections
from tests.support.environments import built_wheel
from tests.support.events import connect_event
from tests.support.projects import files
from tests.support.user_environment import Environment

OLDER = "0.1.9"
COPY = "vendor/decanter"
PAGE = {each.title: each for each in sections(ROOT / "docs" / "guides" / "upgrade.md")}


def commands(section: Section) -> list[str]:
    return [line for block in section.blocks for line in block.text.splitlines()]


@pytest.fixture(name="environment")
def _environment(tmp_path: Path, tmp_path_factory: pytest.TempPathFactory) -> Environment:
    """An environment with an older version."""
    wheel = built_wheel(tmp_path_factory)
    environment = Environment.make(tmp_path, wheel)
    environment.run_all([f"pip install {older(wheel, tmp_path)}"], tmp_path)
    return environment


def older(wheel: Path, folder: Path) -> Path:
    """Return a wheel of the older version, with the same content."""
    before, after = (each.replace("-", "_") for each in (__version__, OLDER))
    path = folder / wheel.name.replace(before, after)
    with zipfile.ZipFile(wheel) as newer, zipfile.ZipFile(path, "w") as made:
        for name in newer.namelist():
            text = newer.read(name)
            if ".dist-info/" in name or name == "decanter/__init__.py":
                text = text.replace(__version__.encode(), OLDER.encode())
            made.writestr(name.replace(before, after), text)
    return path


def test_the_commands_upgrade_only_the_copy(environment: Environment, tmp_path: Path) -> None:
    project = tmp_path / "project"
    ignored = shutil.ignore_patterns("build", "vendor", "__pycache__")
    shutil.copytree(ROOT / "examples" / "broadcast", project, ignore=ignored)
    assert OLDER in environment.run_all(["decanter vendor"], project)
    runtime = project / COPY / "runtime"
    (runtime / "clock.py").rename(runtime / "watch.py")  # it had another name then
    before = files(project)

    printed = environment.run_all(commands(PAGE["To a newer version"]), project)

    assert f"the framework of Decanter {__version__}" in printed
    copy_framework(tmp_path / "decanter")
    fresh = {f"{COPY}/{name}": text for name, text in files(tmp_path / "decanter").items()}
    assert fresh[f"{COPY}/__init__.py"] != before[f"{COPY}/__init__.py"]
    kept = {name: text for name, text in before.items() if not name.startswith(COPY)}
    assert files(project) == kept | fresh


def rows() -> list[tuple[list[str], list[str]]]:
    """Return the code in each row of the table of names: old, new."""
    text = (
        (ROOT / "docs" / "guides" / "upgrade.md")
        .read_text()
        .partition("| 0.1 | Now |\n|---|---|\n")[2]
    )
    cells = [line.strip("| ").split(" | ") for line in text.partition("\n\n")[0].splitlines()]
    code = [[re.findall(r"`([^`]+)`", cell) for cell in row] for row in cells]
    return [(before, now) for before, now in code]


def exists(name: str) -> bool:
    """True for a public name, or an attribute of a router, a request, a handshake or a report."""
    owner, _, attribute = name.rpartition(".")
    objects = {
        "": decanter,
        "router": Router,
        "request": Request,
        "handshake": Handshake(connect_event()),
        "report": Report,
    }
    return hasattr(objects[owner], attribute)


def names(code: list[str]) -> set[str]:
    """Return the names of the interface in the code of a cell."""
    text = "\n".join(code)
    dotted = re.findall(r"\b(?:router|request|handshake)\.[a-z]\w+", text)
    ids = [f"report.{name}" for name in re.findall(r"\b\w+_ids\b", text)]
    return {*dotted, *ids, *re.findall(r"\b[A-Z][a-z]\w+|\b[a-z]+_[a-z]+(?=\()", text)}


def test_each_new_name_exists_and_no_old_name() -> None:
    before, now = ({name for row in rows() for name in names(row[side])} for side in (0, 1))
    assert {"router.handle", "MessageError", "report.gone_ids", "scheduled_sweep"} <= now
    assert {"router.dispatch", "Fault", "request.multicast", "sweep_minutes"} <= before
    assert not [name for name in now if not exists(name)]
    assert not [name for name in before - now if exists(name)]


APP = """
from chalice import Chalice
from pynamodb.attributes import UnicodeAttribute

from chalicelib import Router, Fault, PacedModel, Pacing, connection_table

app = Chalice(app_name="moved")
app.experimental_feature_flags.update(["WEBSOCKETS"])


@connection_table(env="CONNECTIONS_TABLE")
class Connection(PacedModel):
    connection_id = UnicodeAttribute(hash_key=True, attr_name="connectionID")


class Shy(Fault):
    code = "shy"


router = Router("$request.body.action", connections=Connection)
router.on_message(Pacing(Connection))


@app.on_ws_connect()
def connect(event):
    return router.connect(event.to_dict())


@app.on_ws_disconnect()
def disconnect(event):
    return router.disconnect(event.to_dict(), event.context)


@app.on_ws_message()
def message(event):
    return router.dispatch(event.to_dict(), event.context)


@router.route("tell")
def tell(request):
    ids, frame = request.json["to"], request.raw("text")
    if not ids:
        raise Shy
    request.multicast(ids, frame)
"""


def test_an_app_of_0_1_runs_with_the_names_of_the_table(monkeypatch: pytest.MonkeyPatch) -> None:
    text = APP
    for before, now in rows():
        if len(before) == len(now) == 1:
            text = re.sub(rf"\b{re.escape(before[0])}(?!\w)", now[0], text)
    module = ModuleType("moved")
    monkeypatch.setitem(sys.modules, "moved", module)
    exec(compile(text, "<moved>", "exec"), vars(module))
    with WebSocketClient(vars(module)["app"]) as client:
        alice, bob = client.connect(), client.connect()
        alice.send_json({"action": "tell", "to": [bob.connection_id], "text": "psst"})
        assert bob.receive_json() == "psst"
        alice.send_json({"action": "tell", "to": [], "text": ""})
        assert alice.receive_json()["error"]["code"] == "shy"
