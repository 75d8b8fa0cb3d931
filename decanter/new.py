"""`decanter new`: a project that runs, tests and packages as it is."""

import argparse
import json
import re
import shlex
from importlib import metadata
from pathlib import Path
from string import Template
from typing import Any
from urllib.parse import urlsplit
from urllib.request import url2pathname

from decanter.errors import ProjectError
from decanter.project.framework import copy_framework

DISTRIBUTION = "chalice-decanter"
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
    decanter = requirement(*_installed())
    for source in sorted(SKELETON.rglob(f"*{SUFFIX}")):
        path = source.relative_to(SKELETON).as_posix().removesuffix(SUFFIX)
        target = folder / RENAMED.get(path, path)
        target.parent.mkdir(parents=True, exist_ok=True)
        text = Template(source.read_text(encoding="utf-8"))
        target.write_text(text.substitute(name=name, decanter=decanter))
    copy_framework(folder / "vendor" / "decanter")
    return folder


def requirement(version: str, origin: dict[str, Any]) -> str:
    """The line of requirements.txt that installs this tool again, from where it came.

    By its name alone, another environment might get what somebody else calls so.

    Args:
        version: the installed one.
        origin: what pip has noted of where it came from (PEP 610); empty for a package index.
    """
    url = origin.get("url", "")
    if origin.get("dir_info", {}).get("editable"):
        return f"-e {shlex.quote(url2pathname(urlsplit(url).path))}"
    if control := origin.get("vcs_info"):
        url = f"{control['vcs']}+{url}@{control['commit_id']}"
    return f"{DISTRIBUTION} @ {url}" if url else f"{DISTRIBUTION}~={version}"


def _installed() -> tuple[str, dict[str, Any]]:
    try:
        found = metadata.distribution(DISTRIBUTION)
    except metadata.PackageNotFoundError:  # run from a checkout that is not installed
        checkout = Path(__file__).parents[1].as_uri()
        return "", {"url": checkout, "dir_info": {}}
    return found.version, json.loads(found.read_text("direct_url.json") or "{}")
