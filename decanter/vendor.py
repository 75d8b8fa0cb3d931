"""`decanter vendor`: copy the framework into a project's `vendor/`, for plain `chalice deploy`.

Chalice 1.34 installs requirements from an index or a repository, but silently ignores a local path.
If the tool was installed from a folder, the project needs the framework in `vendor/`.
"""

import argparse
import shutil
from pathlib import Path

from decanter import __version__
from decanter.errors import ProjectError
from decanter.project.files import writing
from decanter.project.framework import copy_framework, is_framework


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments of `decanter vendor`."""
    parser.add_argument(
        "--project-dir",
        type=Path,
        default=Path(),
        metavar="FOLDER",
        help="the Chalice project (default: the current folder)",
    )


def run(args: argparse.Namespace) -> int:
    """Write the copy, and print the version of the framework."""
    target = vendor(args.project_dir)
    print(f"wrote {target}: the framework of Decanter {__version__}")
    return 0


def vendor(project: Path) -> Path:
    """Write or replace the framework in a project's `vendor/`. Return the folder.

    Raises:
        ProjectError: the folder is not a Chalice project or cannot be written, or `vendor/decanter`
            is not a copy of the framework.
    """
    if not (project / ".chalice" / "config.json").is_file():
        raise ProjectError(
            f"{project.resolve()} is not a Chalice project: it has no .chalice/config.json; "
            "name the project with --project-dir"
        )
    target = project / "vendor" / "decanter"
    if target.is_symlink() or any(path.is_symlink() for path in target.glob("*")):
        raise ProjectError(f"{target} links to a framework: there is nothing to copy")
    if target.exists() and not is_framework(target):
        raise ProjectError(f"{target} is not Decanter's framework: move it to another place first")
    fresh = target.with_name("decanter.new")
    shutil.rmtree(fresh, ignore_errors=True)
    with writing(target, "make the folder writable"):
        copy_framework(fresh)
        if target.exists():
            shutil.rmtree(target)
        fresh.rename(target)
    return target
