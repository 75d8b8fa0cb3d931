"""An app's declarations besides its handlers, and its warnings."""

from pathlib import Path

import pytest

import decanter
from decanter.errors import ProjectError
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
    """It does not matter how app.py names it."""
    (small.folder / "chalicelib" / "live.py").write_text(LIVE)
    small.write(f"{HEAD}{line}\n{ANSWER.format(answer=0)}")
    declared = describe(Project.load(small.folder))
    assert [table.logical_id for table in declared.tables] == ["ConnectionsTable"]
    assert [[route.route_key for route in each.routes] for each in declared.routers] == [["say"]]


def test_a_module_that_the_app_does_not_import_declares_nothing(small: SmallProject) -> None:
    (small.folder / "chalicelib" / "live.py").write_text(LIVE)
    small.write(HEAD + ANSWER.format(answer=0))
    assert describe(Project.load(small.folder)).tables == ()


MODEL = """\
from pynamodb.attributes import {0}Attribute
from pynamodb.models import Model
from decanter import table

@table(env="{1}_TABLE")
class Order(Model):
    key = {0}Attribute(hash_key=True)
"""
USE = "from chalicelib.orders import save\n"
SAVE = "\ndef save(): return Order\n"


def test_a_model_that_app_py_does_not_name_is_declared(small: SmallProject) -> None:
    """This includes models of a module next to app.py, of vendor/, or made in a function."""
    orders = MODEL.format("Unicode", "ORDERS") + SAVE
    (small.folder / "chalicelib" / "orders.py").write_text(f"{orders}import bids, shared.models\n")
    (small.folder / "bids.py").write_text(MODEL.format("Number", "BIDS"))
    shared = small.folder / "vendor" / "shared"
    shared.mkdir(parents=True)
    (shared / "models.py").write_text(MODEL.format("Unicode", "SHARED"))
    inner = MODEL.format("Unicode", "INNER").replace("\n", "\n    ")
    small.write(f"{USE}{HEAD}def made():\n    {inner}\nmade()\n{ANSWER.format(answer=0)}")
    declared = describe(Project.load(small.folder))
    models = {table.environment: (table.model, table.attributes) for table in declared.tables}
    assert models == {
        "ORDERS_TABLE": ("chalicelib.orders.Order", {"key": "S"}),
        "BIDS_TABLE": ("bids.Order", {"key": "N"}),
        "SHARED_TABLE": ("shared.models.Order", {"key": "S"}),
        "INNER_TABLE": ("app.made.<locals>.Order", {"key": "S"}),
    }
    assert not any(table.is_connections for table in declared.tables)


def test_only_the_models_that_a_project_names_of_a_package_are_its_own(
    small: SmallProject, tmp_path: Path
) -> None:
    package = small.folder / "venv" / "site-packages"
    package.mkdir(parents=True)
    other = MODEL.format("Unicode", "OTHER").partition("@table")[2].replace("Order", "Other")
    (package / "library.py").write_text(f"{MODEL.format('Unicode', 'ORDERS')}\n@table{other}")
    orders = small.folder / "chalicelib" / "orders.py"
    orders.write_text(f"from library import Order as Own\n{SAVE.replace('Order', 'Own')}")
    path = f"import sys\nsys.path.append({str(package)!r})\n"
    small.write(f"{path}{USE}{HEAD}{ANSWER.format(answer=0)}")
    assert [table.model for table in describe(Project.load(small.folder)).tables] == [
        "library.Order"
    ]


MADE = "def made(env):\n    {model}\n    return Order\nALL = [made('A_TABLE'), made('B_TABLE')]\n"


@pytest.mark.parametrize(
    ("source", "model"),
    [
        (MODEL.format("Unicode", "A") + MODEL.format("Unicode", "B"), "chalicelib.orders.Order"),
        (
            MADE.format(
                model=MODEL.format("Unicode", "A")
                .replace('"A_TABLE"', "env")
                .replace("\n", "\n    ")
            ),
            "chalicelib.orders.made.<locals>.Order",
        ),
    ],
)
def test_two_models_with_one_name_are_two_tables(
    source: str, model: str, small: SmallProject
) -> None:
    """The second class has replaced the first one, or a function has made both."""
    (small.folder / "chalicelib" / "orders.py").write_text(source)
    small.write(f"import chalicelib.orders\n{HEAD}{ANSWER.format(answer=0)}")
    found = describe(Project.load(small.folder)).tables
    assert {(it.environment, it.model) for it in found} == {("A_TABLE", model), ("B_TABLE", model)}


def test_two_models_with_one_variable_are_refused_by_name(small: SmallProject) -> None:
    orders = MODEL.format("Unicode", "ORDERS")
    (small.folder / "chalicelib" / "orders.py").write_text(orders + SAVE)
    small.write(USE + orders + HEAD + ANSWER.format(answer=0))
    with pytest.raises(ProjectError) as refused:
        describe(Project.load(small.folder))
    assert str(refused.value) == (
        "app.py declares 2 tables as OrdersTable, app.Order and chalicelib.orders.Order: "
        "use a different environment variable for each"
    )


def test_a_model_whose_table_dynamodb_refuses_is_one_line(small: SmallProject) -> None:
    orders = MODEL.format("Boolean", "ORDERS")
    small.write(orders + HEAD + ANSWER.format(answer=0))
    with pytest.raises(ProjectError) as refused:
        describe(Project.load(small.folder))
    assert str(refused.value) == (
        "DeclarationError: the table of Order: the key key has type BOOL, not S, N, B"
    )
    assert refused.value.detail == ""


WRONG = "from decanter import Routes\n\ndef declare(given):\n    Routes().on_connect(given)\n"


@pytest.mark.parametrize(
    ("source", "place"),
    [
        ("from decanter import Routes\nroutes = Routes()\nroutes.on_connect(5)\n", "app.py:3"),
        ("from chalicelib.wrong import declare\ndeclare(5)\n", "chalicelib/wrong.py:4"),
    ],
)
@pytest.mark.parametrize("is_vendored", [False, True])
def test_a_wrong_declaration_names_only_the_apps_line(
    small: SmallProject, source: str, place: str, is_vendored: bool
) -> None:
    """The framework is found last in `vendor/`, so a line moves it to the front."""
    (small.folder / "chalicelib" / "wrong.py").write_text(WRONG)
    if is_vendored:
        (small.folder / "vendor").mkdir()
        (small.folder / "vendor" / "decanter").symlink_to(Path(decanter.__file__).parent)
        source = f"import sys; sys.path.insert(0, sys.path.pop()); {source}"
    small.write(source + HEAD)
    with pytest.raises(ProjectError) as refused:
        describe(Project.load(small.folder))
    assert str(refused.value) == (
        f"{place}: DeclarationError: connect hook 5 cannot be called: declare a function, or an "
        "object with __call__"
    )
    assert refused.value.detail == ""


def test_without_a_handler_the_warning_says_how_to_add_one(small: SmallProject) -> None:
    small.write(HEAD)
    (warning,) = warnings(small)
    assert warning.startswith("app.py has no WebSocket handler")
    assert "@app.on_ws_message()" in warning


READS = "import os\ndef variable(name):\n    return os.environ[name]\nTABLE = variable('TABLE')\n"


def test_a_variable_that_the_stage_lacks_at_import_is_one_line(small: SmallProject) -> None:
    (small.folder / "chalicelib" / "settings.py").write_text(READS)
    small.write(f"import chalicelib.settings\n{HEAD}")
    with pytest.raises(ProjectError) as refused:
        describe(Project.load(small.folder))
    assert str(refused.value) == (
        "chalicelib/settings.py:3 reads the environment variable TABLE at import, and stage dev "
        'does not set it: add "TABLE" to environment_variables of stage dev in .chalice/config.json'
    )
    assert refused.value.detail == ""
    small.configure(TABLE="orders")
    describe(Project.load(small.folder))


@pytest.mark.parametrize(
    "source",
    [
        "{}['TABLE']",
        "raise KeyError('TABLE')",
    ],
)
def test_another_error_of_a_key_keeps_its_traceback(small: SmallProject, source: str) -> None:
    small.write(f"{source}\n{HEAD}")
    with pytest.raises(ProjectError, match=r"importing .* failed: KeyError") as refused:
        describe(Project.load(small.folder))
    assert "app.py" in refused.value.detail


def test_a_variable_that_only_lambda_sets_has_another_remedy(small: SmallProject) -> None:
    small.write(f"import os\nos.environ['AWS_LAMBDA_FUNCTION_NAME']\n{HEAD}")
    with pytest.raises(ProjectError, match="AWS_LAMBDA_FUNCTION_NAME at import, which only Lambda"):
        describe(Project.load(small.folder))
    small.write(f"import os\nos.environ['AWS_REGION']\n{HEAD}")
    describe(Project.load(small.folder))
