"""The tables of an imported app."""

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from decanter.errors import ProjectError
from decanter.testing import WebSocketClient
from tests.field_cases.apps import imported
from tests.support.apps import FRAMEWORK
from tests.support.projects import write_project

CONFIG = {"version": "2.0", "app_name": "pour", "stages": {"dev": {}}}
ORDERS = """
from pynamodb.attributes import NumberAttribute, UnicodeAttribute
from pynamodb.models import Model
from decanter import table

@table(env="ORDERS_TABLE")
class Order(Model):
    number = {}(hash_key=True)

@table(env="OLD_TABLE", existing="archive")
class Old(Model):
    key = UnicodeAttribute(hash_key=True)

def save():
    Order(7).save()
    Old("a").save()
    return [int(each.number) for each in Order.scan()], Order.Meta.table_name, Old.Meta.table_name
"""
APP = f"""{FRAMEWORK}
from {{0}}.orders import save

@router.route("save")
def save_here(request):
    request.reply(save())
"""


@pytest.fixture(name="packages")
def _packages() -> Iterator[None]:
    """Forget the projects' packages afterwards."""
    yield
    for name in [name for name in sys.modules if name.startswith("library_")]:
        del sys.modules[name]


def project(folder: Path, library: str, key: str = "NumberAttribute") -> Path:
    write_project(folder, APP.format(library), CONFIG)
    (folder / library).mkdir()
    (folder / library / "orders.py").write_text(ORDERS.format(key))
    return folder


def test_each_app_of_a_process_has_its_own_tables(
    tmp_path: Path, packages: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Their models use the same variables, and no file names them."""
    for name in ("library_1", "library_2"):
        folder = project(tmp_path / name, name)
        monkeypatch.syspath_prepend(folder)
        with imported(folder) as app, WebSocketClient(app, project_dir=folder) as client:
            alice = client.connect()
            alice.send_json({"action": "save"})
            assert alice.receive_json() == [[7], "pour-dev-OrdersTable", "archive"]


def test_a_table_that_dynamodb_would_refuse_is_one_line(
    tmp_path: Path, packages: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = project(tmp_path / "odd", "library_3", "ListAttribute")
    orders = folder / "library_3" / "orders.py"
    orders.write_text(orders.read_text().replace("import Number", "import ListAttribute, Number"))
    monkeypatch.syspath_prepend(folder)
    with (
        imported(folder) as app,
        pytest.raises(ProjectError, match=r"^DeclarationError: the table of Order: the key number"),
    ):
        WebSocketClient(app, project_dir=folder)


def test_a_value_that_only_cloudformation_resolves_is_logged(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    variables = {"API_KEY": "{{resolve:secretsmanager:pour/key}}", "MODE": "test"}
    config = CONFIG | {"stages": {"dev": {"environment_variables": variables}}}
    write_project(tmp_path, FRAMEWORK, config)
    with imported(tmp_path) as app, WebSocketClient(app, project_dir=tmp_path):
        (line,) = [each for each in caplog.messages if "resolve" in each]
    assert line == (
        "API_KEY: only CloudFormation resolves {{resolve:…}}, so the app gets this text."
    )
