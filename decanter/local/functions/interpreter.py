"""The Python that runs the handlers, either the tool's own Python or the Python of the app."""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Self

from decanter.errors import ServiceError
from decanter.local.functions import probe

OLDEST = (3, 9)
NEEDED = "handlers need 3.9 or newer"
PROBE_SECONDS = 30
PROBE = Path(probe.__file__)


@dataclass(frozen=True, slots=True)
class Interpreter:
    """A Python with the app's packages.

    Attributes:
        path: the absolute path of this Python's executable file.
        version: the Python version, such as (3, 12, 1).
        packages: the versions of chalice, botocore and debugpy; None for a missing package.
    """

    path: str
    version: tuple[int, ...]
    packages: Mapping[str, str | None]

    @classmethod
    @cache
    def own(cls) -> Self:
        """Return the Python that runs the tool."""
        return cls._of(sys.executable, probe.facts())

    @classmethod
    def of(cls, given: str) -> Self:
        """Return the Python that the user names by a path, a virtual environment or a command.

        Raises:
            ServiceError: this Python cannot run handlers. The message is one line.
        """
        found = cls._of(*_probed(given))
        if found.version < OLDEST:
            raise ServiceError(f"--python {given} is Python {found}: {NEEDED}")
        if found.packages["chalice"] is None:
            raise ServiceError(
                f"--python {given} has no chalice: install what the app needs, such as by "
                f"{found.path} -m pip install -r requirements.txt"
            )
        return found

    @classmethod
    def _of(cls, path: str, facts: Mapping[str, Any]) -> Self:
        return cls(path, tuple(facts["version"]), facts["packages"])

    @property
    def facts(self) -> str:
        """Return the version, the packages and the path for the startup banner."""
        names = ("chalice", "botocore")
        packages = ", ".join(f"{name} {self.packages[name]}" for name in names)
        return f"{self}, {packages}: {self.path}"

    def script(self, file: Path, *arguments: str) -> list[str]:
        """Return the command that runs a file.

        From Python 3.11, the command prevents Python from searching the file's folder for modules.
        Before Python 3.11, the file itself must remove its folder from `sys.path`.
        """
        safe = ["-P"] if self.version >= (3, 11) else []
        return [self.path, *safe, str(file), *arguments]

    def check_debugpy(self) -> None:
        """Raise ServiceError if debugpy is not installed."""
        if self.packages["debugpy"] is None:
            raise ServiceError(f"--debugpy needs debugpy: {self.path} -m pip install debugpy")

    def __str__(self) -> str:
        return ".".join(map(str, self.version))


def _probed(given: str) -> tuple[str, dict[str, Any]]:
    path = program(given)
    try:
        done = subprocess.run(
            [path, PROBE],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=PROBE_SECONDS,
            check=True,
        )
        facts: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    except (OSError, subprocess.SubprocessError, ValueError, IndexError) as error:
        raise ServiceError(f"--python {given} does not run as a Python: {NEEDED}") from error
    return str(path), facts


def program(given: str) -> Path:
    """Return the path of the user's Python.

    A symbolic link is not resolved, because its folder selects the virtual environment.

    Raises:
        ServiceError: this Python does not exist.
    """
    path = Path(given).expanduser().absolute()
    if path.is_dir():
        if not (path / "bin" / "python").is_file():
            raise ServiceError(
                f"--python {given} is a folder without bin/python: name a virtual environment, "
                "such as .venv, or its bin/python"
            )
        return path / "bin" / "python"
    if path.is_file():
        return path
    command = None if os.sep in given else shutil.which(given)
    if command is None:
        raise ServiceError(
            f"--python {given} does not exist: name the app's Python, such as .venv/bin/python"
        )
    return Path(command).absolute()
