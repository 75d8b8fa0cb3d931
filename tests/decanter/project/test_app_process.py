"""An app's declarations besides its handlers, and its warnings."""

from pathlib import Path

import pytest

from decanter.project.config import Project
from decanter.project.describe import describe
from tests.support.apps import ANSWER, HEAD, SmallProject

FLAG_LINE = 'app.experimental_feature_flags.update(["WEBSOCKETS"])\n'


@pytest.fixture(name="small")
def _small(tmp_path: Path) -> SmallProject:
    return SmallProject(tmp_path)


def warnings(small: SmallProject) -> tuple[str, ...]:
    return describe(Project.load(small.folder, "dev")).warnings


def test_a_correct_app_has_no_warning(small: SmallProject) -> None:
    assert warnings(small) == ()


def test_without_the_feature_flag_the_error_names_the_line_to_add(small: SmallProject) -> None:
    small.write((HEAD + ANSWER.format(answer="''")).replace(FLAG_LINE, ""))
    (warning,) = warnings(small)
    assert warning.startswith("app.py does not enable Chalice's WebSockets")
    assert FLAG_LINE.strip() in warning


def test_chalice_refuses_only_handlers_without_its_flag(small: SmallProject) -> None:
    assert describe(Project.load(small.folder)).refusal is None
    handlers = ANSWER.format(answer="''")
    for source, refused in (("", False), (handlers, True)):
        small.write(HEAD.replace(FLAG_LINE, "") + source)
        refusal = describe(Project.load(small.folder)).refusal
        assert (refusal is not None and FLAG_LINE.strip() in refusal) is refused


LIVE = """\
from pynamodb.attributes import UnicodeAttribute
from decanter import ConnectionModel, Router, connection_table

@connection_table(env="CONNECTIONS_TABLE")
class Connection(ConnectionModel):
    connection_id = UnicodeAttribute(hash_key=True, attr_name="connectionID")

router = Router("$request.body.action", connections=Connection)
router.route("say")(print)
"""


@pytest.mark.parametrize(
    "line",
    [
        "from chalicelib.live import Connection, router",
        "from chalicelib.live import router",
        "from chalicelib import live",
        "from chalicelib import live as l; router = l.router",
        "import chalicelib.live",
    ],
)
def test_an_object_in_chalicelib_is_declared_once(small: SmallProject, line: str) -> None:
    """However app.py names it."""
    (small.folder / "chalicelib" / "live.py").write_text(LIVE)
    small.write(f"{HEAD}{line}\n{ANSWER.format(answer=0)}")
    declared = describe(Project.load(small.folder))
    assert [table.logical_id for table in declared.tables] == ["ConnectionsTable"]
    assert [[route.route_key for route in each.routes] for each in declared.routers] == [["say"]]


def test_an_object_that_app_py_does_not_name_is_not_declared(small: SmallProject) -> None:
    (small.folder / "chalicelib" / "live.py").write_text(LIVE)
    small.write(HEAD + ANSWER.format(answer=0))
    assert describe(Project.load(small.folder)).tables == ()


def test_without_a_handler_the_warning_says_how_to_add_one(small: SmallProject) -> None:
    small.write(HEAD)
    (warning,) = warnings(small)
    assert warning.startswith("app.py has no WebSocket handler")
    assert "@app.on_ws_message()" in warning
