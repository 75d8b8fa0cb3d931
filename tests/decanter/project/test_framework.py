"""The framework that an app uses; two different ones are refused."""

import subprocess
import sys
from pathlib import Path

import pytest

from decanter import __version__
from decanter.errors import ProjectError
from decanter.project.framework import (
    INSTALLED,
    Framework,
    copy_framework,
    framework_in_use,
)
from decanter.testing import WebSocketClient
from tests.field_cases.apps import framework_project, imported, run
from tests.support.apps import FRAMEWORK
from tests.support.marks import THOROUGH
from tests.support.projects import ROOT, clean_environment

HERE = Framework(INSTALLED)


@pytest.fixture(name="vendor")
def _vendor(tmp_path: Path) -> Path:
    """A copy of the framework in a project's `vendor/`."""
    copy_framework(tmp_path / "vendor" / "decanter")
    return tmp_path / "vendor" / "decanter"


def make_older(folder: Path) -> None:
    source = folder / "__init__.py"
    source.write_text(source.read_text().replace(__version__, "0.1.9"))


def change(folder: Path) -> None:
    (folder / "runtime" / "clock.py").write_text("")


def add(folder: Path) -> None:
    (folder / "runtime" / "more.py").touch()


def test_its_text_has_version_and_folder() -> None:
    assert str(HERE) == f"{__version__} in {ROOT / 'decanter'}"


def test_its_text_names_a_missing_version(vendor: Path) -> None:
    (vendor / "__init__.py").write_text("")
    assert str(Framework(vendor)) == f"without a version in {vendor}"


def test_a_copy_is_the_same_also_with_byte_code(vendor: Path, tmp_path: Path) -> None:
    (vendor / "runtime" / "__pycache__").mkdir()
    (vendor / "runtime" / "__pycache__" / "clock.pyc").touch()
    for used in (INSTALLED, vendor):
        assert framework_in_use(tmp_path, used) == Framework(used)


def test_links_are_the_same(tmp_path: Path) -> None:
    vendor = tmp_path / "vendor" / "decanter"
    vendor.mkdir(parents=True)
    for name in ("__init__.py", "runtime"):
        (vendor / name).symlink_to(INSTALLED / name)
    assert framework_in_use(tmp_path, vendor) == Framework(vendor)


def test_without_the_framework_a_copy_does_not_matter(vendor: Path, tmp_path: Path) -> None:
    make_older(vendor)
    assert framework_in_use(tmp_path, None) is None


def test_something_else_of_that_name_does_not_matter(tmp_path: Path) -> None:
    (tmp_path / "vendor" / "decanter").mkdir(parents=True)
    assert framework_in_use(tmp_path, INSTALLED) == HERE


@pytest.mark.parametrize("differ", [make_older, change, add])
@pytest.mark.parametrize("uses_vendor", [False, True])
def test_two_different_ones_are_refused_in_one_line(
    vendor: Path, tmp_path: Path, differ: "object", uses_vendor: bool
) -> None:
    assert callable(differ)
    differ(vendor)
    with pytest.raises(ProjectError) as caught:
        framework_in_use(tmp_path, vendor if uses_vendor else INSTALLED)
    line = str(caught.value)
    assert line.endswith(f": run `decanter vendor` in the project, or remove {vendor}")
    assert str(HERE) in line
    assert str(Framework(vendor)) in line
    assert "\n" not in line


def test_links_to_another_are_refused_with_another_remedy(tmp_path: Path) -> None:
    copy_framework(tmp_path / "other")
    change(tmp_path / "other")
    vendor = tmp_path / "vendor" / "decanter"
    vendor.mkdir(parents=True)
    for name in ("__init__.py", "runtime"):
        (vendor / name).symlink_to(tmp_path / "other" / name)
    with pytest.raises(ProjectError, match=r"install the version that .* links to, or remove the"):
        framework_in_use(tmp_path, INSTALLED)


def test_another_one_on_the_path_is_refused(tmp_path: Path) -> None:
    copy_framework(tmp_path / "decanter")
    change(tmp_path / "decanter")
    with pytest.raises(ProjectError, match="install the version that the app should use"):
        framework_in_use(tmp_path, tmp_path / "decanter")


def test_another_python_may_have_another_one(tmp_path: Path) -> None:
    """The one in vendor/ must still be the same: Lambda gets that one."""
    other = tmp_path / "site" / "decanter"
    copy_framework(other)
    change(other)
    assert framework_in_use(tmp_path, other, is_own=False) == Framework(other)
    copy_framework(tmp_path / "vendor" / "decanter")
    with pytest.raises(ProjectError, match=r"run `decanter vendor` in the project"):
        framework_in_use(tmp_path, other, is_own=False)


@pytest.fixture(name="stale")
def _stale(tmp_path: Path) -> Path:
    """A project that uses the framework, with an older copy of it."""
    project = framework_project(tmp_path / "p", FRAMEWORK)
    copy_framework(project / "vendor" / "decanter")
    make_older(project / "vendor" / "decanter")
    return project


REFUSED = "0.1.9 in {}, which differs from"


@pytest.mark.parametrize(
    "command",
    ["local --port 0", "package", "template", pytest.param("template --check", marks=THOROUGH)],
)
def test_commands_refuse_the_older_copy_that_the_app_finds_first(stale: Path, command: str) -> None:
    """vendor/ comes before an editable install; both errors name the one that is imported."""
    words = [*command.split(), "--project-dir", str(stale)]
    done = subprocess.run(
        [sys.executable, "-P", "-m", "decanter", *words],
        cwd=stale,
        env=clean_environment(),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 2
    vendor = stale / "vendor" / "decanter"
    assert done.stderr == (
        f"decanter: error: the app uses the framework 0.1.9 in {vendor}, which differs from "
        f"{HERE}: run `decanter vendor` in the project, or remove {vendor}\n"
    )


def test_the_test_client_refuses_it_too(stale: Path) -> None:
    with imported(stale) as app, pytest.raises(ProjectError, match="run `decanter vendor`"):
        WebSocketClient(app, project_dir=stale)


def test_decanter_vendor_is_the_remedy(stale: Path) -> None:
    assert run("vendor", "--project-dir", stale).status == 0
    with imported(stale) as app, WebSocketClient(app, project_dir=stale) as client:
        assert client.connect().closed is None
