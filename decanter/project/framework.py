"""The framework: the one installed beside this tool, the one that an app uses, copies that ship."""

import re
import shutil
from dataclasses import dataclass
from pathlib import Path

import decanter
from decanter.errors import ProjectError

DISTRIBUTION = "chalice-decanter"
REQUIRES = {
    "": ("botocore>=1.36,<2", "pynamodb>=6.1,<7"),
    "jwt": ("PyJWT[crypto]>=2.10,<3",),
}
"""What the framework requires, and what it does with an extra; as in pyproject.toml."""

INSTALLED = Path(decanter.__file__).parent
IGNORED = ("__pycache__", "*.pyc")
_VERSION = re.compile(r'^__version__ = "(.+)"$', re.MULTILINE)


@dataclass(frozen=True)
class Framework:
    """A framework, by its folder, which is named `decanter`."""

    folder: Path

    @property
    def version(self) -> str:
        """The version that its source states."""
        found = _VERSION.search((self.folder / "__init__.py").read_text(encoding="utf-8"))
        return found[1] if found else "of no version"

    @property
    def content(self) -> dict[str, bytes]:
        """Every source file by its path in the folder."""
        files = [self.folder / "__init__.py", *(self.folder / "runtime").rglob("*.py")]
        return {str(file.relative_to(self.folder)): file.read_bytes() for file in files}

    def is_same(self, other: "Framework") -> bool:
        """True for the same files, by links too, and for a copy."""
        parts = ("__init__.py", "runtime")
        if all((self.folder / part).samefile(other.folder / part) for part in parts):
            return True
        return self.content == other.content

    def __str__(self) -> str:
        return f"{self.version} in {self.folder}"


def framework_in_use(project: Path, used: Path | None) -> Framework | None:
    """Return the framework that a project's app uses; None if it uses none.

    `vendor/` comes after site-packages on the path and before an editable install, and it is what
    plain Chalice ships. So two that differ would run one here and the other on Lambda.

    Args:
        project: the Chalice project's folder.
        used: the folder that the app has imported the framework from.

    Raises:
        ProjectError: this one, the installed one and that of `vendor/` are not the same.
    """
    if used is None:
        return None
    framework = Framework(used)
    vendor = project.resolve() / "vendor" / "decanter"
    others = [INSTALLED, *([vendor] if is_framework(vendor) else [])]
    for other in map(Framework, others):
        if not framework.is_same(other):
            raise ProjectError(
                f"the app uses the framework {framework}, which differs from {other}: "
                + _remedy(framework, other, vendor)
            )
    return framework


def copy_framework(target: Path) -> None:
    """Write the installed framework into a folder that does not exist yet, and no part of the tool.

    Args:
        target: a folder named `decanter`, in `vendor/` or at the root of a package.
    """
    ignored = shutil.ignore_patterns(*IGNORED)
    shutil.copytree(INSTALLED / "runtime", target / "runtime", ignore=ignored)
    shutil.copy(INSTALLED / "__init__.py", target)


def is_framework(folder: Path) -> bool:
    """True for a folder with what `copy_framework` writes, of any version, and nothing else."""
    names = {path.name for path in folder.iterdir()} if folder.is_dir() else set()
    return {"__init__.py", "runtime"} <= names <= {"__init__.py", "runtime", "__pycache__"}


def _remedy(one: Framework, other: Framework, vendor: Path) -> str:
    if vendor not in (one.folder, other.folder):
        return "install the one that it is to use into this environment"
    if (vendor / "runtime").is_symlink():
        return f"install the one that {vendor} links to, or remove the links"
    return f"run `decanter vendor` in the project, or remove {vendor}"
