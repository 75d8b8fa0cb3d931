"""The framework as it is installed beside this tool, and copies of it that ship."""

import shutil
from pathlib import Path

import decanter

INSTALLED = Path(decanter.__file__).parent


def copy_framework(target: Path) -> None:
    """Write the framework into a folder that does not exist yet, and no part of the tool.

    Args:
        target: a folder named `decanter`, in `vendor/` or at the root of a package.
    """
    ignored = shutil.ignore_patterns("__pycache__")
    shutil.copytree(INSTALLED / "runtime", target / "runtime", ignore=ignored)
    shutil.copy(INSTALLED / "__init__.py", target)


def is_framework(folder: Path) -> bool:
    """True for a folder with what `copy_framework` writes, of any version, and nothing else."""
    names = {path.name for path in folder.iterdir()} if folder.is_dir() else set()
    return {"__init__.py", "runtime"} <= names <= {"__init__.py", "runtime", "__pycache__"}
