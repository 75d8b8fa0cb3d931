"""The tree keeps the rules of `tests.architecture`, and a tree that breaks one is found out."""

from pathlib import Path

import pytest

from tests.architecture import (
    LEAVES,
    MAX_FILE_LINES,
    MAX_FUNCTION_LINES,
    STAND_ALONE,
    Module,
    cycles,
    import_faults,
    modules,
    size_faults,
)


def test_imports_keep_the_rules() -> None:
    assert import_faults(modules()) == []


def test_no_module_imports_itself_through_others() -> None:
    assert cycles(modules()) == []


def test_files_and_functions_stay_small() -> None:
    assert size_faults(modules()) == []


def test_leaves_and_scripts_exist() -> None:
    """A renamed file must not escape its rule."""
    names = {module.name for module in modules()}
    assert names >= LEAVES | STAND_ALONE


@pytest.mark.parametrize(
    ("name", "source", "reason"),
    [
        ("app", "import decanter", "app never needs the tool"),
        ("decanter.cli", "import app", "decanter serves any project and imports none"),
        ("decanter.cli", "from chalicelib.routing import Router", "decanter serves any project"),
        ("decanter.cli", "def late():\n    import app", "decanter serves any project"),
        ("chalicelib.routing", "from chalicelib import errors", "chalicelib imports itself rel"),
        ("chalicelib.routing", "import chalice", "chalicelib ships without it"),
        ("chalicelib.routing", "import boto3", "chalicelib ships without it"),
        ("chalicelib.routing", "from decanter import cli", "chalicelib ships without it"),
        ("chalicelib.errors", "from . import settings", "a leaf imports nothing of ours"),
        ("decanter.local.events", "from ..project import X", "a leaf imports nothing of ours"),
        ("decanter.inside", "from decanter import errors", "it runs as a script of its own"),
        ("decanter.local.server", "from decanter import aws", "local and aws do not know"),
        ("decanter.local.server", "from ..aws.table import X", "local and aws do not know"),
        ("decanter.aws.table", "import decanter.local.server", "local and aws do not know"),
    ],
)
def test_a_broken_import_rule_is_found(name: str, source: str, reason: str) -> None:
    (fault,) = import_faults([Module(name, source)])
    assert reason in fault


@pytest.mark.parametrize(
    ("name", "source"),
    [
        ("app", "from chalice import Chalice\nfrom chalicelib import Router"),
        ("chalicelib.routing", "import json\nimport botocore.session\nfrom .errors import X"),
        ("chalicelib.transports.botocore", "from ..project import X\nfrom botocore import session"),
        ("decanter.local.server", "import h11\nfrom decanter.local import gateway"),
        ("decanter.inside", "import json"),
    ],
)
def test_what_the_rules_allow_passes(name: str, source: str) -> None:
    assert import_faults([Module(name, source)]) == []


def test_relative_imports_of_a_package_start_at_itself() -> None:
    """`from .errors import X` in chalicelib/__init__.py is chalicelib.errors."""
    package = Module("chalicelib", "from .errors import X", is_package=True)
    assert [imported.target for imported in package.imports()] == ["chalicelib.errors.X"]


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
    (tmp_path / "chalicelib" / "transports").mkdir(parents=True)
    (tmp_path / "chalicelib" / "__init__.py").touch()
    (tmp_path / "chalicelib" / "transports" / "botocore.py").write_text("import decanter")
    found = modules(tmp_path)
    expected = ["app", "chalicelib", "chalicelib.transports.botocore"]
    assert [module.name for module in found] == expected
    assert len(import_faults(found)) == 1
