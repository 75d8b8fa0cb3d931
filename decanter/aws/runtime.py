"""What the functions will run on: Lambda's Python, its processor, its C library."""

import sys
from dataclasses import dataclass

from botocore.loaders import Loader

from decanter.errors import ProjectError
from decanter.project import Project

# The C library of Amazon Linux 2, on which Lambda's Python 3.11 runs, and of Amazon Linux 2023,
# on which newer ones do (AWS Lambda Developer Guide, "Lambda runtimes").
_GLIBC_MINOR = {(3, 11): 26}
_GLIBC_MINOR_SINCE = 34
_OLDEST_GLIBC_MINOR = 17
_MACHINES = {"x86_64": "x86_64", "arm64": "aarch64"}


@dataclass(frozen=True)
class Runtime:
    """A runtime of Lambda's.

    Attributes:
        version: Python's, as in `(3, 13)`.
        architecture: Lambda's name of the processor: `x86_64` or `arm64`.
    """

    version: tuple[int, int]
    architecture: str

    @classmethod
    def of(
        cls, project: Project, version: tuple[int, int] = (sys.version_info[0], sys.version_info[1])
    ) -> "Runtime":
        """The runtime that Chalice chooses: that of the interpreter which runs it.

        Args:
            project: names the processor.
            version: the interpreter's.

        Raises:
            ProjectError: Lambda does not offer it; Chalice would take another without a word.
        """
        runtime = cls(version, project.config.lambda_architecture)
        offered = Loader().load_service_model("lambda", "service-2")["shapes"]["Runtime"]["enum"]
        if runtime.name not in offered:
            pythons = [name for name in offered if name.startswith("python3.")]
            raise ProjectError(
                f"Lambda offers no {runtime.name}, which runs this command, only up to "
                f"{max(pythons, key=_minor)}: take another interpreter, as in "
                f"`make package PYTHON={max(pythons, key=_minor)}`"
            )
        if runtime.architecture not in _MACHINES:
            raise ProjectError(
                f"{project.config_path}: lambda_architecture is {runtime.architecture!r}, "
                f"it has to be {' or '.join(_MACHINES)}"
            )
        return runtime

    @property
    def name(self) -> str:
        """Lambda's name of it, as in `python3.13`."""
        return f"python{self.version[0]}.{self.version[1]}"

    def pip_arguments(self) -> list[str]:
        """What makes pip choose wheels for it, wherever pip runs; they are only ever unpacked."""
        machine = _MACHINES[self.architecture]
        newest = _GLIBC_MINOR.get(self.version, _GLIBC_MINOR_SINCE)
        # The newest first: pip prefers them in this order.
        minors = range(newest, _OLDEST_GLIBC_MINOR - 1, -1)
        platforms = [f"manylinux_2_{minor}_{machine}" for minor in minors]
        return [
            "--only-binary=:all:",
            "--implementation=cp",
            f"--python-version={self.version[0]}.{self.version[1]}",
            *(f"--platform={platform}" for platform in (*platforms, f"manylinux2014_{machine}")),
        ]


def _minor(runtime: str) -> int:
    return int(runtime.rpartition(".")[2])
