"""A user's virtual environment, and commands in it as the user types them."""

import os
import subprocess
import sysconfig
import venv
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.support.projects import clean_environment

CHECKOUT = "path/to/this/checkout"
"""The documentation's name for the folder from which Decanter is installed."""

# pip uses no index, as all dependencies are here. It compiles nothing, as few modules are imported:
# pip reads the name of the option `--compile` from the second variable.
PIP = {"PIP_NO_DEPS": "1", "PIP_NO_INDEX": "1", "PIP_NO_COMPILE": "0"}
SECONDS = 120


@dataclass(frozen=True)
class Environment:
    """A virtual environment that has the dependencies, but not Decanter.

    Attributes:
        folder: the environment's folder is in it.
        wheel: what pip installs for CHECKOUT, without building it again.
    """

    folder: Path
    wheel: Path

    @classmethod
    def make(cls, folder: Path, wheel: Path) -> "Environment":
        venv.create(folder / "venv", symlinks=True)
        made = cls(folder, wheel)
        packages = sysconfig.get_path("purelib", vars={"base": str(folder / "venv")})
        (Path(packages) / "dependencies.pth").write_text(sysconfig.get_path("purelib"))
        script = f"#!{made.python}\nfrom pip._internal.cli.main import main\nexit(main())\n"
        made.write_script("pip", script)
        return made

    @property
    def python(self) -> str:
        return str(self.folder / "venv" / "bin" / "python")

    def write_script(self, name: str, text: str) -> None:
        path = self.folder / "venv" / "bin" / name
        path.write_text(text)
        path.chmod(0o755)

    def run(self, line: str, project: Path, **variables: str) -> subprocess.CompletedProcess[str]:
        """Run a shell line in a project's folder, and return its result with any exit status."""
        path = f"{self.folder / 'venv' / 'bin'}{os.pathsep}{os.environ['PATH']}"
        own = PIP if line.startswith("pip ") else {}
        return subprocess.run(
            ["sh", "-c", line.replace(CHECKOUT, str(self.wheel))],
            cwd=project,
            env=clean_environment() | {"PATH": path} | own | variables,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=SECONDS,
            check=False,
        )

    def run_all(self, lines: Sequence[str], project: Path) -> str:
        """Run lines that must all succeed; return their output."""
        printed = ""
        for line in lines:
            done = self.run(line, project)
            assert done.returncode == 0, f"{line}\n{done.stdout}{done.stderr}"
            printed += done.stdout
        return printed
