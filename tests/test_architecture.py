"""The tree follows the rules of `support.architecture`, and each broken rule is found."""

from pathlib import Path

import pytest

from tests.support.architecture import (
    MAX_FILE_LINES,
    MAX_FUNCTION_LINES,
    STAND_ALONE,
    Module,
    cycles,
    import_faults,
    modules,
    modules_of_tests,
    room_of,
    shared_test_faults,
    size_faults,
)


def test_imports_keep_the_rules() -> None:
    assert import_faults(modules()) == []


def test_no_module_imports_itself_through_others() -> None:
    assert cycles(modules()) == []


def test_files_and_functions_stay_small() -> None:
    assert size_faults(modules()) == []


def test_every_room_and_script_has_its_rule() -> None:
    """A renamed file must still have a rule."""
    found = {module.name for module in modules()}
    outside = {"app", "decanter", "decanter.__main__", "decanter.runtime"}
    assert found >= STAND_ALONE
    assert {name for name in found if room_of(name) is None} - outside == {
        name for name in found if name.startswith("chalicelib")
    }


@pytest.mark.parametrize(
    ("name", "source", "reason"),
    [
        ("app", "from decanter.runtime.routing.router import Router", "decanter's public names"),
        ("chalicelib.rooms", "import decanter.local.serve", "decanter's public names"),
        ("decanter.cli", "import app", "decanter serves any project and imports none"),
        ("decanter.cli", "from chalicelib.connections import X", "decanter serves any project"),
        ("decanter.cli", "def late():\n    import app", "decanter serves any project"),
        ("decanter.runtime.routing.router", "import chalice", "the framework ships without it"),
        ("decanter.runtime.routing.router", "import boto3", "the framework ships without it"),
        ("decanter.runtime.logs", "from decanter.errors import X", "do not import each other"),
        ("decanter.local.serve", "from decanter.runtime.logs import X", "do not import each other"),
        ("decanter.runtime.logs", "from decanter.runtime import session", "logs stands on floor 1"),
        ("decanter.runtime.store.tables", "from ..transports import X", "store stands on floor 3"),
        ("decanter.runtime.fanout.sweep", "from ..routing.router import X", "fanout stands on"),
        ("decanter.gateway.rules", "import decanter.local.journal", "gateway stands on floor 1"),
        ("decanter.local.serve", "from decanter import aws", "local stands on floor 2"),
        ("decanter.aws.table", "import decanter.local.serve", "aws stands on floor 2"),
        ("decanter.project.app_process", "from decanter import errors", "a separate script"),
    ],
)
def test_a_broken_import_rule_is_found(name: str, source: str, reason: str) -> None:
    (fault,) = import_faults([Module(name, source)])
    assert reason in fault


@pytest.mark.parametrize(
    ("name", "source"),
    [
        ("app", "from chalicelib.connections import Connection\nfrom decanter import Router"),
        ("decanter.runtime.routing.router", "import json\nimport botocore.session"),
        ("decanter.runtime.hooks.tokens", "from ..routing.request import X\nimport jwt"),
        ("decanter.runtime.logs", "from decanter.runtime.clock import X"),
        ("decanter.local.serve", "import h11\nfrom decanter.gateway import rules"),
        ("decanter.testing.client", "from decanter.hosts import X"),
        ("decanter.project.app_process", "import json"),
    ],
)
def test_allowed_imports_pass(name: str, source: str) -> None:
    assert import_faults([Module(name, source)]) == []


def test_no_test_module_is_imported() -> None:
    assert shared_test_faults(modules_of_tests()) == []


@pytest.mark.parametrize(
    "source",
    [
        "from tests.contract.test_closing import X",
        "from tests.contract import test_closing",
        "import tests.contract.test_closing",
        "def late():\n    from .test_closing import X",
    ],
)
def test_an_imported_test_module_is_found(source: str) -> None:
    shared = Module("tests.contract.test_other", f"from tests.support.clients import X\n{source}")
    (fault,) = shared_test_faults([shared])
    assert "share it in tests/support" in fault


def test_relative_imports_of_a_package_start_at_itself() -> None:
    """`from .errors import X` in decanter/__init__.py is decanter.errors."""
    package = Module("decanter", "from .errors import X", is_package=True)
    assert [imported.target for imported in package.imports] == ["decanter.errors.X"]


def test_a_cycle_is_found() -> None:
    found = [
        Module("decanter.a", "from decanter.b import X"),
        Module("decanter.b", "from . import c"),
        Module("decanter.c", "def late():\n    from decanter import a"),
    ]
    assert cycles(found) == ["decanter.a -> decanter.b -> decanter.c -> decanter.a"]


def test_a_large_file_and_a_long_function_are_found() -> None:
    body = "    pass\n" * MAX_FUNCTION_LINES
    long_function = Module("app", f"def long():\n{body}")
    large_file = Module("app", "x = 1\n" * (MAX_FILE_LINES + 1))
    assert size_faults([long_function]) == ["app:1 long has 41 lines"]
    assert size_faults([large_file]) == ["app has 401 lines, at most 400"]


def test_the_tree_is_read_from_disk(tmp_path: Path) -> None:
    """Names come from paths: app.py, packages, modules."""
    (tmp_path / "app.py").touch()
    (tmp_path / "decanter" / "runtime").mkdir(parents=True)
    (tmp_path / "decanter" / "__init__.py").touch()
    (tmp_path / "decanter" / "runtime" / "logs.py").write_text("import chalice")
    found = modules(tmp_path)
    assert [module.name for module in found] == ["app", "decanter", "decanter.runtime.logs"]
    assert len(import_faults(found)) == 1
