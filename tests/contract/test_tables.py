"""Tables that only their models declare: `decanter local` makes and names them."""

import json
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.field_cases.apps import run
from tests.support.apps import FRAMEWORK
from tests.support.clients import JSON, call
from tests.support.gateways import Running, gateway
from tests.support.marks import THOROUGH
from tests.support.projects import write_project

ORDERS = """
from pynamodb.attributes import NumberAttribute, UnicodeAttribute
from pynamodb.indexes import AllProjection, GlobalSecondaryIndex
from pynamodb.models import Model
from chalice import Blueprint

from decanter import table

jobs = Blueprint(__name__)


class ByBuyer(GlobalSecondaryIndex):
    class Meta:
        projection = AllProjection()

    buyer = UnicodeAttribute(hash_key=True)


@table(env="ORDERS_TABLE")
class Order(Model):
    number = NumberAttribute(hash_key=True)
    buyer = UnicodeAttribute()
    by_buyer = ByBuyer()


@table(env="OLD_TABLE", existing="arn:aws:dynamodb:eu-west-1:123456789012:table/archive")
class Old(Model):
    key = UnicodeAttribute(hash_key=True)


@table(env="PARAMETER_TABLE", existing="ssm:/prod/parameter")
class Parameter(Model):
    key = UnicodeAttribute(hash_key=True)


def sold(number):
    Order(number, buyer="ann").save()
    Old("a").save()
    Parameter("a").save()
    return sorted(int(each.number) for each in Order.by_buyer.query("ann"))


@jobs.on_sqs_message(queue="sales")
def sales(event):
    import os
    return [sold(2), os.environ["ORDERS_TABLE"], os.environ["OLD_TABLE"]]
"""

APP = f"""{FRAMEWORK}

from chalicelib.orders import jobs, sold

app.register_blueprint(jobs)


@app.route("/sell")
def sell():
    return sold(1)


@router.route("sell")
def sell_here(request):
    request.reply([sold(3), sum(1 for _ in Connection.scan())])
"""
CONFIG = {"version": "2.0", "app_name": "pour", "stages": {"dev": {}}}
TABLES = [
    "archive",
    "pour-dev-ConnectionsTable",
    "pour-dev-OrdersTable",
    "pour-dev-ParameterTable",
]


def project(folder: Path) -> Path:
    """Write the project with all its models; no configuration names any of them."""
    write_project(folder, APP, CONFIG)
    (folder / "chalicelib").mkdir()
    (folder / "chalicelib" / "__init__.py").touch()
    (folder / "chalicelib" / "orders.py").write_text(ORDERS)
    return folder


@pytest.fixture(name="running", scope="module")
def _running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """A gateway, whose template was written before the models: it has another table."""
    folder = project(tmp_path_factory.mktemp("tables") / "p")
    (folder / ".chalice" / "resources.json").write_text('{"Resources": {}}')
    with gateway(folder) as running:
        yield running


def test_the_tables_are_made(running: Running) -> None:
    """This includes tables that exist on AWS: they are empty here, and keep their name."""
    _, _, body = call(running, "GET", "/_gateway/info")
    assert sorted(json.loads(body)["tables"]) == TABLES


def test_the_first_process_has_the_names_after_its_import(running: Running) -> None:
    """Its environment was created before the models were known."""
    with running.connect() as client:
        client.send('{"action": "sell"}')
        numbers, connected = json.loads(client.recv(timeout=20))
    assert 3 in numbers
    assert connected == 1


def test_every_function_has_the_names(running: Running) -> None:
    """This includes a function of a Blueprint, which imports only its own module."""
    status, _, body = call(running, "GET", "/api/sell")
    assert (status, 1 in json.loads(body)) == (200, True)
    status, _, body = call(running, "POST", "/_gateway/functions/sales", b"", JSON)
    assert status == 200
    numbers, *named = json.loads(body)["result"]
    assert 2 in numbers
    assert named == ["pour-dev-OrdersTable", "archive"]


@pytest.mark.parametrize(
    "arguments",
    [["--no-template"], pytest.param(["--python", sys.executable, "--no-fork"], marks=THOROUGH)],
)
def test_no_template_and_another_python(arguments: list[str], tmp_path: Path) -> None:
    folder = project(tmp_path / "p")
    with gateway(folder, *arguments) as running, running.connect() as client:
        client.send('{"action": "sell"}')
        assert json.loads(client.recv(timeout=20)) == [[3], 1]


def test_a_model_that_is_added_or_changed_has_its_table_immediately(tmp_path: Path) -> None:
    """The gateway reloads; `decanter template` is not run. A table with another index is new."""
    folder = project(tmp_path / "p")
    before = [line for line in APP.splitlines() if "jobs" not in line]
    (folder / "app.py").write_text("\n".join(before))  # no model yet, and nobody calls `sold`
    assert run("template", "--project-dir", folder).status == 0
    with gateway(folder) as running:
        (folder / "app.py").write_text(APP)
        running.wait_for_line("app.py changed: in service")
        with running.connect() as client:
            client.send('{"action": "sell"}')
            assert json.loads(client.recv(timeout=20)) == [[3], 1]
        named = ORDERS.replace("class Meta:", 'class Meta:\n        index_name = "buyers"')
        (folder / "chalicelib" / "orders.py").write_text(named)
        running.wait_for_line("orders.py changed: in service")
        with running.connect() as client:
            client.send('{"action": "sell"}')
            assert json.loads(client.recv(timeout=20))[0] == [3]
