"""`decanter new`: a project that runs, tests and packages as it is."""

import argparse
import re
import shutil
from pathlib import Path
from string import Template

from decanter.errors import ProjectError

SKELETON = Path(__file__).with_name("skeleton")
SUFFIX = ".in"

# Where a file of the skeleton goes that cannot have its own name there.
RENAMED = {"gitignore": ".gitignore", "chalice/config.json": ".chalice/config.json"}

# Chalice's names of functions and roles begin with the app's; roles have at most 64 characters.
NAME = re.compile(r"[A-Za-z][A-Za-z0-9-]{0,31}")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments of `decanter new`."""
    parser.add_argument("name", metavar="NAME", help="the app's name, and its folder's")


def run(args: argparse.Namespace) -> int:
    """Make the project in the current folder and say how to go on."""
    folder = create(args.name, Path.cwd())
    print(f"made {folder}. Now:\n")
    print(f"  cd {args.name}")
    print("  pip install -r requirements-dev.txt")
    print("  decanter local    # serve it; `decanter client ws://127.0.0.1:8000/api` connects")
    print("  pytest            # test it")
    return 0


def create(name: str, parent: Path) -> Path:
    """Make a project's folder.

    Args:
        name: the app's.
        parent: where the folder is made.

    Raises:
        ProjectError: the name cannot be, or there is something of that name.
    """
    if not NAME.fullmatch(name):
        raise ProjectError(
            f"{name!r} is no app's name: use up to 32 letters, digits and hyphens, a letter first"
        )
    folder = parent / name
    if folder.exists():
        raise ProjectError(f"{folder} is there already: choose another name, or move it away")
    for source in sorted(SKELETON.rglob(f"*{SUFFIX}")):
        path = source.relative_to(SKELETON).as_posix().removesuffix(SUFFIX)
        target = folder / RENAMED.get(path, path)
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(Template(source.read_text(encoding="utf-8")).substitute(name=name))
    ignored = shutil.ignore_patterns("__pycache__")
    shutil.copytree(SKELETON / "chalicelib", folder / "chalicelib", ignore=ignored)
    return folder
