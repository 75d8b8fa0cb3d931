"""Copies of the checkout with one safeguard removed; then a test must fail."""

import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

from tests.support.gateways import ROOT

RUNTIME = Path("decanter") / "runtime"


class Mutation(NamedTuple):
    """A safeguard, and the test that needs it.

    Attributes:
        file: the file in `decanter/runtime`.
        before: its source, once in the file.
        after: the source without it.
        test: a part of the test's name.
    """

    file: str
    before: str
    after: str
    test: str

    def is_up_to_date(self) -> bool:
        """Return True if the safeguard is in the file exactly once."""
        return (ROOT / RUNTIME / self.file).read_text().count(self.before) == 1

    def play(self, folder: Path, tests: str, **environment: str) -> str:
        """Run the test without the safeguard; return pytest's output."""
        mutant = copy_checkout(folder)
        mutated = mutant / RUNTIME / self.file
        mutated.write_text(mutated.read_text().replace(self.before, self.after))
        without = ("CHAOS_CLIENTS", "SOAK_COUNT")  # a small test is enough
        inherited = {name: value for name, value in os.environ.items() if name not in without}
        played = subprocess.run(
            [
                *(sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", tests),
                *("-k", f"{self.test} and not mutations"),
            ],
            env={**inherited, "PYTHONPATH": str(mutant), **environment},
            cwd=mutant,
            capture_output=True,
            text=True,
            check=False,
        )
        return played.stdout


def copy_checkout(folder: Path) -> Path:
    """Copy the tool with the framework, because it refuses an app with another framework."""
    ignored = shutil.ignore_patterns("__pycache__", "build", "node_modules")
    for name in ("decanter", "tests", "chalicelib", "vendor", ".chalice", "examples"):
        shutil.copytree(ROOT / name, folder / name, symlinks=True, ignore=ignored)
    for name in ("app.py", "pyproject.toml", "requirements.txt"):
        shutil.copy(ROOT / name, folder)
    return folder
