"""Virtual environments with the wheel of this checkout, made without an index."""

import os
import subprocess
import sys
import sysconfig
import venv
from collections.abc import Iterable
from importlib import metadata
from pathlib import Path

import pytest
from packaging.requirements import Requirement

from tests.support.once import once
from tests.support.projects import clean_environment, copy_source

PIP = (sys.executable, "-m", "pip", "--quiet", "--disable-pip-version-check")


def built_wheel(factory: pytest.TempPathFactory) -> Path:
    """Return the wheel, which pip builds once for the run from a copy of the source."""
    (wheel,) = once(factory, "wheel", _build_wheel).glob("*.whl")
    return wheel


def _build_wheel(folder: Path) -> None:
    source = folder / "source"
    copy_source(source)
    options = ("--no-deps", "--no-build-isolation", "--wheel-dir", str(folder))
    subprocess.run([*PIP, "wheel", *options, str(source)], check=True)


class Environment:
    """An environment with an installed wheel.

    Attributes:
        folder: the environment's folder.
        packages: its site-packages.
        python: its interpreter.
    """

    def __init__(self, folder: Path, wheel: Path) -> None:
        venv.create(folder, symlinks=True)
        self.folder = folder
        self.packages = Path(sysconfig.get_path("purelib", vars={"base": str(folder)}))
        self.python = folder / "bin" / "python"
        install = ("--python", str(self.python), "install", "--no-deps", "--no-index", str(wheel))
        subprocess.run([*PIP, *install], check=True)

    def link(self, *requirements: str) -> None:
        """Link installed distributions and their requirements, as if pip had installed them."""
        for name in closure(requirements):
            found = metadata.distribution(name)
            tops = {file.parts[0] for file in found.files or ()} - {"..", "__pycache__"}
            for top in tops:
                target = self.packages / top
                if not target.exists():
                    target.symlink_to(str(found.locate_file(top)))

    def run(self, *arguments: str | Path, cwd: Path) -> subprocess.CompletedProcess[str]:
        """Run its interpreter."""
        return subprocess.run(
            [str(self.python), "-P", *map(str, arguments)],
            cwd=cwd,
            env=clean_environment() | {"PATH": f"{self.folder / 'bin'}{os.pathsep}{os.defpath}"},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )


def closure(requirements: Iterable[str]) -> set[str]:
    """Return the names of distributions and of all their requirements."""
    names: set[str] = set()
    left = [Requirement(each) for each in requirements]
    while left:
        one = left.pop()
        extras = ["", *one.extras]
        if one.name in names or not _applies(one, [""]):
            continue
        names.add(one.name)
        needs = map(Requirement, metadata.requires(one.name) or ())
        left += [
            Requirement(f"{each.name}[{','.join(each.extras)}]" if each.extras else each.name)
            for each in needs
            if _applies(each, extras)
        ]
    return names


def _applies(requirement: Requirement, extras: list[str]) -> bool:
    marker = requirement.marker
    return marker is None or any(marker.evaluate({"extra": extra}) for extra in extras)
