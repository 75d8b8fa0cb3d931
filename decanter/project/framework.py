"""Find the framework that an app uses, and copy the installed framework."""

import re
import shutil
from dataclasses import dataclass
from pathlib import Path

import decanter
from decanter.errors import ProjectError

DISTRIBUTION = "chalice-decanter"
REQUIRES = {
    "": ("botocore>=1.36,<2", "pynamodb>=6.1,<7"),
    "jwt": ("PyJWT[crypto]>=2.10.1,<3",),
}
"""The requirements of the framework and of each extra, as in pyproject.toml."""

INSTALLED = Path(decanter.__file__).parent
IGNORED = ("__pycache__", "*.pyc")
_VERSION = re.compile(r'^__version__ = "(.+)"$', re.MULTILINE)


@dataclass(frozen=True)
class Framework:
    """A copy of the framework, in a folder named `decanter`."""

    folder: Path

    @property
    def version(self) -> str:
        """The version in the framework's source."""
        found = _VERSION.search((self.folder / "__init__.py").read_text(encoding="utf-8"))
        return found[1] if found else "without a version"

    @property
    def content(self) -> dict[str, bytes]:
        """The content of every source file, by the path in the folder."""
        files = [self.folder / "__init__.py", *(self.folder / "runtime").rglob("*.py")]
        return {str(file.relative_to(self.folder)): file.read_bytes() for file in files}

    def is_same(self, other: "Framework") -> bool:
        """True if both copies are the same files, even through links, or have the same content."""
        parts = ("__init__.py", "runtime")
        if all((self.folder / part).samefile(other.folder / part) for part in parts):
            return True
        return self.content == other.content

    def __str__(self) -> str:
        return f"{self.version} in {self.folder}"


def framework_in_use(project: Path, used: Path | None, *, is_own: bool = True) -> Framework | None:
    """Return the framework that a project's app uses; None for an app without the framework.

    Python searches `vendor/` after site-packages and before an editable install. Plain Chalice
    packages `vendor/`. If two of these frameworks differ, one of them would run on this machine and
    the other on Lambda.

    `used` is the folder from which the app imported the framework. `is_own` is False if the app ran
    in another Python environment, which has its own framework.

    Raises:
        ProjectError: the framework that the app used, the installed framework and the framework in
            `vendor/` are not the same.
    """
    if used is None:
        return None
    framework = Framework(used)
    vendor = project.resolve() / "vendor" / "decanter"
    others = [*([INSTALLED] if is_own else []), *([vendor] if is_framework(vendor) else [])]
    for other in map(Framework, others):
        if not framework.is_same(other):
            raise ProjectError(
                f"the app uses the framework {framework}, which differs from {other}: "
                + _remedy(framework, other, vendor)
            )
    return framework


def copy_framework(target: Path) -> None:
    """Write the installed framework, without the tool, into a new folder named `decanter`."""
    ignored = shutil.ignore_patterns(*IGNORED)
    shutil.copytree(INSTALLED / "runtime", target / "runtime", ignore=ignored)
    shutil.copy(INSTALLED / "__init__.py", target)


def is_framework(folder: Path) -> bool:
    """True if the folder has only the files that `copy_framework` writes, and perhaps byte code."""
    names = {path.name for path in folder.iterdir()} if folder.is_dir() else set()
    return {"__init__.py", "runtime"} <= names <= {"__init__.py", "runtime", "__pycache__"}


def _remedy(one: Framework, other: Framework, vendor: Path) -> str:
    if vendor not in (one.folder, other.folder):
        return "install the version that the app should use into this environment"
    if (vendor / "runtime").is_symlink():
        return f"install the version that {vendor} links to, or remove the links"
    return f"run `decanter vendor` in the project, or remove {vendor}"
