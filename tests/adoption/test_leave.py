"""The router without Chalice, as in docs/guides/deploy.md, with plain events of API Gateway."""

import re
import sysconfig
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from decanter.project.framework import copy_framework
from decanter.runtime.clock import Clock
from tests.docs.snippets import ROOT, load, sections
from tests.support.bare import invoke
from tests.support.events import connect_event, disconnect_event, message_event
from tests.support.management import run_management

PAGE = ROOT / "docs" / "guides" / "deploy.md"
(MODULE,) = {each.title: each for each in sections(PAGE)}["Without Chalice"].code()
TEXT = PAGE.read_text().partition("## Without Chalice\n")[2]

DEPENDENCIES = ("botocore", "dateutil", "jmespath", "pynamodb", "six.py", "urllib3")
PROBE = """\
from importlib.util import find_spec


def found(event, context):
    return [name for name in event["names"] if find_spec(name)]
"""
SAY = '{"action": "say", "text": "hello world !"}'


@pytest.fixture(name="package")
def _package(tmp_path: Path) -> Path:
    """A package as another tool makes it: the module, the framework and its dependencies."""
    packages = Path(sysconfig.get_path("purelib"))
    for name in DEPENDENCIES:
        (tmp_path / name).symlink_to(packages / name)
    copy_framework(tmp_path / "decanter")
    (tmp_path / str(MODULE.file)).write_text(MODULE.text)
    (tmp_path / "probe.py").write_text(PROBE)
    return tmp_path


@pytest.fixture(name="module")
def _module(aws_environment: None, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """The page's module, imported in this process, with its table."""
    monkeypatch.setenv("CONNECTIONS_TABLE", "left")
    module = load("left", [MODULE])
    module.Connection.create_table()
    return module


def test_the_package_is_without_chalice_and_the_tool(package: Path) -> None:
    names = ("boto3", "chalice", "decanter.cli", "decanter.runtime", "moto", "pynamodb")
    assert invoke(package, ("probe.found", {"names": names})) == [["decanter.runtime", "pynamodb"]]


def test_it_connects_broadcasts_and_disconnects(package: Path, module: ModuleType) -> None:
    now = Clock().time_ms()
    with run_management() as management:

        def handle(*events: dict[str, Any]) -> list[Any]:
            return invoke(
                package,
                *[("handlers.handler", event) for event in events],
                CONNECTIONS_TABLE="left",
                DECANTER_MANAGEMENT_ENDPOINT=management.endpoint,
            )

        ids = ("Alice00000DoECA=", "Bob0000000DoECA=")
        connects = [connect_event(connectionId=each, connectedAt=now) for each in ids]
        assert handle(*connects) == [{"statusCode": 200}] * 2
        assert {row.connection_id for row in module.Connection.scan()} == {*ids}
        handle(message_event(SAY, connectionId=ids[0]))
        assert management.received == {each: [b'"hello world !"'] for each in ids}
        handle(disconnect_event(connectionId=ids[1]), message_event(SAY, connectionId=ids[0]))
        assert [len(management.received[each]) for each in ids] == [2, 1]
        assert {row.connection_id for row in module.Connection.scan()} == {ids[0]}
    assert management.unsigned == 0


def test_the_page_lists_the_resources_that_the_other_tool_must_create(module: ModuleType) -> None:
    table, router = module.Connection.__decanter__(), module.router.__decanter__()
    row = dict(re.findall(r"^\| (\w+) \| (.+) \|$", TEXT, re.MULTILINE))
    assert f"`{router['expression']}`" in row["API"]
    assert f"`{table['hash_key']['name']}`" in row["Table"]
    assert f"`{table['ttl_attribute']}`" in row["Table"]
    assert f"`{table['environment']}`" in row["Environment"]
    functions = ("websocket_connect", "websocket_message", "websocket_disconnect")
    actions = {action for each in functions for action in table["actions"][each]}
    assert {*re.findall(r"dynamodb:\w+", row["Rights"])} == actions
    assert router["posts"]["websocket_message"] == re.findall(r"STAGE/(\w+)/@", row["Rights"])
