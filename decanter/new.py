"""`decanter new`: create a project that runs, passes its tests and can be packaged."""

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
from decanter.project.framework import DISTRIBUTION, INSTALLED, copy_framework

SKELETON = Path(__file__).with_name("skeleton")
SUFFIX = ".in"

# The targets of skeleton files that cannot have their own name there.
RENAMED = {"gitignore": ".gitignore", "chalice/config.json": ".chalice/config.json"}

TOOL_FROM_A_FOLDER = """\
# The tool is not on an index. Install it from its folder, with the extra that it needs:
#   pip install "FOLDER[local]\""""
HOME_IN_VENDOR = """\
`vendor/decanter/` is the framework, which is packaged for Lambda with them; `decanter vendor`
updates it."""
HOME_IN_REQUIREMENTS = (
    "The framework is packaged for Lambda with them: `requirements.txt` names it."
)

# Chalice's names of functions and roles start with the app's; roles have at most 64 characters.
NAME = re.compile(r"[A-Za-z][A-Za-z0-9-]{0,31}")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments of `decanter new`."""
    parser.add_argument("name", metavar="NAME", help="the name of the app and its folder")


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
    """Create a project's folder.

    Args:
        name: the app's name.
        parent: the folder for the new folder.
        line: the result of `requirement`; without one, the framework is copied into `vendor/`.

    Raises:
        ProjectError: the name is invalid, or a file of that name exists.
    """
    if not NAME.fullmatch(name):
        raise ProjectError(
            f"{name!r} is not an app name: use up to 32 letters, digits and hyphens, a letter first"
        )
    folder = parent / name
    if folder.exists():
        raise ProjectError(f"{folder} already exists: choose another name, or move it away")
    for source in sorted(SKELETON.rglob(f"*{SUFFIX}")):
        path = source.relative_to(SKELETON).as_posix().removesuffix(SUFFIX)
        target = folder / RENAMED.get(path, path)
        target.parent.mkdir(parents=True, exist_ok=True)
        text = Template(source.read_text(encoding="utf-8"))
        target.write_text(text.substitute(name=name, **_blanks(line)))
    if line is None:
        copy_framework(folder / "vendor" / "decanter")
    return folder


def requirement(distributions: Iterable[Distribution] | None = None) -> str | None:
    """Return the requirement that installs this framework elsewhere; None if there is none.

    A path is only valid on this machine. On an index, the bare name may belong to another project,
    unless this distribution came from an index too.

    Args:
        distributions: those with its name on the path, first the one that Python uses.
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
    """True if the running code comes from a wheel of this distribution.

    A checkout has metadata too, but they do not say where it was installed from.
    """
    place = Path(str(distribution.locate_file("decanter")))
    return distribution.read_text("WHEEL") is not None and place.resolve() == INSTALLED.resolve()


def _blanks(line: str | None) -> dict[str, str]:
    """Return the placeholders' values about the framework, by its origin."""
    if line is None:
        return {
            "ships": "# The framework is packaged from vendor/decanter.",
            "tool": TOOL_FROM_A_FOLDER,
            "home": HOME_IN_VENDOR,
        }
    tool = line.replace(DISTRIBUTION, f"{DISTRIBUTION}[local]", 1)
    return {"ships": line, "tool": tool, "home": HOME_IN_REQUIREMENTS}
