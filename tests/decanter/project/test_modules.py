"""Modules next to app.py: which of them the app imports, and Lambda will not find."""

from collections.abc import Mapping
from pathlib import Path

import pytest

from decanter.project.modules import unpackaged, warnings_about_modules

ROOT = Path(__file__).parents[3]


def write(folder: Path, sources: Mapping[str, str]) -> Path:
    """Write modules by their paths without a suffix."""
    for name, text in sources.items():
        path = folder / f"{name}.py"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return folder


@pytest.mark.parametrize(
    ("source", "line"),
    [
        ("import prices", 1),
        ("import json, prices as p", 1),
        ("from prices import BOOK", 1),
        ("def handler(event):\n    import prices", 2),
        ("try:\n    import prices\nexcept ImportError:\n    prices = None", 2),
        ("from importlib import import_module\nimport_module('prices')", 2),
        ("import importlib\nprices = importlib.import_module('prices')", 2),
        ("prices = __import__('prices')", 1),
        ("if __name__ == '__main__':\n    pass\nelse:\n    import prices", 4),
    ],
)
def test_an_imported_module_is_found(source: str, line: int, tmp_path: Path) -> None:
    project = write(tmp_path, {"app": source, "prices": "BOOK = 12"})
    assert unpackaged(project) == {"prices.py": f"app.py:{line}"}


@pytest.mark.parametrize(
    "source",
    [
        "",
        "from chalicelib import prices",
        "from chalicelib.prices import BOOK",
        "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    import prices",
        "import typing\nif typing.TYPE_CHECKING:\n    import prices",
        "if __name__ == '__main__':\n    import prices",
        "print('prices')",
        "import_module('.prices', 'chalicelib')",
        "def import_module(): ...\nimport_module()",
    ],
)
def test_modules_that_the_app_does_not_import_are_not_named(source: str, tmp_path: Path) -> None:
    project = write(
        tmp_path,
        {
            "app": source,
            "prices": "BOOK = 12",
            "conftest": "import prices",
            "setup": "import prices",
            "tests/test_app": "import app, prices",
            "chalicelib/__init__": "",
            "chalicelib/prices": "from . import other",
            "chalicelib/other": "",
            "chalicelib/unused": "import prices",
        },
    )
    assert unpackaged(project) == {}
    assert warnings_about_modules(project) == []


def test_imports_are_followed_through_chalicelib_and_through_what_it_imports(
    tmp_path: Path,
) -> None:
    project = write(
        tmp_path,
        {
            "app": "from chalicelib import orders",
            "chalicelib/__init__": "",
            "chalicelib/orders": "from .deep import stock",
            "chalicelib/deep/__init__": "",
            "chalicelib/deep/stock": "from ..money import euro",
            "chalicelib/money": "\nimport prices",
            "prices": "import db.models",
            "db/__init__": "from . import session",
            "db/models": "",
            "db/session": "from rows import Row",
            "rows/Row": "",
        },
    )
    assert unpackaged(project) == {
        "prices.py": "chalicelib/money.py:2",
        "db/": "prices.py:1",
        "rows/": "db/session.py:1",
    }


def test_modules_that_lambda_finds_elsewhere_are_not_named(tmp_path: Path) -> None:
    """A copy in vendor/, the standard library, and a requirement's own source."""
    project = write(
        tmp_path,
        {
            "app": "import common, calendar, my_lib, boto3",
            "common": "",
            "vendor/common": "",
            "calendar": "",
            "my_lib/__init__": "",
        },
    )
    (project / "requirements.txt").write_text("-r other.txt\nboto3\nMy.Lib==1.0  # own\n")
    assert unpackaged(project) == {}


def test_invalid_sources_are_left_to_the_import(tmp_path: Path) -> None:
    project = write(tmp_path, {"app": "import prices, codes", "prices": "def", "codes": ""})
    (project / "codes.py").write_bytes(b"\xff\x00")
    assert list(unpackaged(project)) == ["prices.py", "codes.py"]
    assert unpackaged(tmp_path / "nothing") == {}


def test_one_line_names_all_of_them(tmp_path: Path) -> None:
    project = write(tmp_path, {"app": "import prices\nimport stock", "prices": "", "stock": ""})
    (line,) = warnings_about_modules(project)
    assert line == (
        "Lambda will not find prices.py (imported in app.py:1), stock.py (imported in app.py:2): "
        "Chalice packages only app.py, chalicelib/, vendor/ and the requirements. "
        "Move them to chalicelib/."
    )


@pytest.mark.parametrize(
    "project", [ROOT, *sorted(path.parent for path in ROOT.glob("examples/*/app.py"))]
)
def test_this_repositorys_projects_are_packaged_whole(project: Path) -> None:
    assert unpackaged(project) == {}
