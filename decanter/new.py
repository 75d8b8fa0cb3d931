"""`decanter new`: create a new project, ready to run, test and package."""

import argparse
import json
import re
from collections.abc import Iterable
from importlib import metadata
from importlib.metadata import Distribution
from pathlib import Path
from string import Template
from urllib.parse import urlsplit

from decanter.errors import ProjectError
from decanter.project.files import writing
from decanter.project.framework import DISTRIBUTION, INSTALLED, copy_framework
from decanter.project.record import RECORD, record

SKELETON = Path(__file__).with_name("skeleton")
SUFFIX = ".in"

# Hidden files and folders have another name in the skeleton.
HIDDEN = ("gitignore", "chalice/")

TOOL_FROM_A_FOLDER = """\
# The tool is not on a package index. Install it, with its extra, from its folder:
#   pip install "FOLDER[local]\""""
HOME_IN_VENDOR = """\
`vendor/decanter/` is the framework, which ships to Lambda with your code. `decanter vendor` updates
the framework."""
HOME_IN_REQUIREMENTS = "The framework ships to Lambda with your code, from `requirements.txt`."

# Chalice starts the names of functions and roles with the app's name. AWS allows 64 characters.
NAME = re.compile(r"[A-Za-z][A-Za-z0-9-]{0,31}")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments of `decanter new`."""
    parser.add_argument("name", metavar="NAME", help="the name of the app and of its folder")


def run(args: argparse.Namespace) -> int:
    """Create the project in the current folder and print the next steps."""
    folder = create(args.name, Path.cwd(), requirement())
    print(f"made {folder}. Now:\n")
    print(f"  cd {args.name}")
    print("  pip install -r requirements-dev.txt")
    print("  decanter local    # serve it; `decanter client ws://127.0.0.1:8000/api` connects")
    print("  pytest            # test it")
    return 0


def create(name: str, parent: Path, line: str | None = None) -> Path:
    """Create a project's folder in `parent`.

    `line` is the result of `requirement`. With None, the framework is copied into `vendor/`.

    Raises:
        ProjectError: the name is invalid or already in use, or the folder cannot be created.
    """
    if not NAME.fullmatch(name):
        raise ProjectError(
            f"{name!r} is not a valid app name: use up to 32 letters, digits and hyphens, "
            "a letter first"
        )
    folder = parent / name
    if folder.exists():
        raise ProjectError(f"{folder} already exists: choose another name, or move the folder")
    with writing(folder, "run the command in a folder in which you can create files"):
        _write(folder, name, line)
    return folder


def _write(folder: Path, name: str, line: str | None) -> None:
    for source in sorted(SKELETON.rglob(f"*{SUFFIX}")):
        path = source.relative_to(SKELETON).as_posix().removesuffix(SUFFIX)
        target = folder / (f".{path}" if path.startswith(HIDDEN) else path)
        target.parent.mkdir(parents=True, exist_ok=True)
        text = Template(source.read_text(encoding="utf-8"))
        target.write_text(text.substitute(name=name, **_blanks(line)))
    policies = {path: path.read_text() for path in (folder / ".chalice").glob("policy-*.json")}
    (folder / ".chalice" / RECORD).write_text(record(policies), encoding="utf-8")
    if line is None:
        copy_framework(folder / "vendor" / "decanter")


def requirement(distributions: Iterable[Distribution] | None = None) -> str | None:
    """Return the requirement that installs this framework on other machines, or None.

    The result is None if the framework came from a local path, because other machines do not have
    this path. The requirement has a URL unless the framework came from an index: without the URL,
    pip could install another project with the same name from the index.

    `distributions` have Decanter's name and are in the order of the import path.
    """
    found = metadata.distributions(name=DISTRIBUTION) if distributions is None else distributions
    installed = next(filter(_is_running, found), None)
    if installed is None:  # an editable install, or a checkout on the path
        return None
    origin = json.loads(installed.read_text("direct_url.json") or "{}")
    url = origin.get("url", "")
    if not url:
        return f"{DISTRIBUTION}~={installed.version}"
    if urlsplit(url).scheme == "file":
        return None
    if control := origin.get("vcs_info"):
        url = f"{control['vcs']}+{url}@{control['commit_id']}"
    return f"{DISTRIBUTION} @ {url}"


def _is_running(distribution: Distribution) -> bool:
    """True if the running code was installed from a wheel of this distribution.

    A checkout has metadata too, but its metadata does not name the origin.
    """
    place = Path(str(distribution.locate_file("decanter")))
    return distribution.read_text("WHEEL") is not None and place.resolve() == INSTALLED.resolve()


def _blanks(line: str | None) -> dict[str, str]:
    """Return the texts that depend on the framework's origin, for the project's files."""
    if line is None:
        return {
            "ships": "# The framework ships from vendor/decanter.",
            "tool": TOOL_FROM_A_FOLDER,
            "home": HOME_IN_VENDOR,
        }
    tool = line.replace(DISTRIBUTION, f"{DISTRIBUTION}[local]", 1)
    return {"ships": line, "tool": tool, "home": HOME_IN_REQUIREMENTS}
