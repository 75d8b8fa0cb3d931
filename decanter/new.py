"""`decanter new`: a project that runs, tests and packages as it is."""

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

# Where a file of the skeleton goes that cannot have its own name there.
RENAMED = {"gitignore": ".gitignore", "chalice/config.json": ".chalice/config.json"}

TOOL_FROM_A_FOLDER = """\
# The tool is not on an index. Install it from its folder, with the extra that it needs:
#   pip install "FOLDER[local]\""""
HOME_IN_VENDOR = """\
`vendor/decanter/` is the framework, which ships to Lambda with them; `decanter vendor` brings it up
to date."""
HOME_IN_REQUIREMENTS = "The framework ships to Lambda with them: `requirements.txt` names it."

# Chalice's names of functions and roles begin with the app's; roles have at most 64 characters.
NAME = re.compile(r"[A-Za-z][A-Za-z0-9-]{0,31}")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments of `decanter new`."""
    parser.add_argument("name", metavar="NAME", help="the app's name, and its folder's")


def run(args: argparse.Namespace) -> int:
    """Make the project in the current folder and say how to go on."""
    folder = create(args.name, Path.cwd(), requirement())
    print(f"made {folder}. Now:\n")
    print(f"  cd {args.name}")
    print("  pip install -r requirements-dev.txt")
    print("  decanter local    # serve it; `decanter client ws://127.0.0.1:8000/api` connects")
    print("  pytest            # test it")
    return 0


def create(name: str, parent: Path, line: str | None = None) -> Path:
    """Make a project's folder.

    Args:
        name: the app's.
        parent: where the folder is made.
        line: what `requirement` returns; without one, the framework is copied into `vendor/`.

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
        text = Template(source.read_text(encoding="utf-8"))
        target.write_text(text.substitute(name=name, **_blanks(line)))
    if line is None:
        copy_framework(folder / "vendor" / "decanter")
    return folder


def requirement(distributions: Iterable[Distribution] | None = None) -> str | None:
    """Return the requirement that installs this framework elsewhere; None if no line does.

    A path of this machine is on no other. The bare name may be somebody else's on an index, unless
    this one has come from an index too.

    Args:
        distributions: those of its name on the path, first the one that Python takes.
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
    """True if a wheel of this distribution has brought the code that runs.

    A checkout has metadata too, which say nothing of where it was installed from.
    """
    place = Path(str(distribution.locate_file("decanter")))
    return distribution.read_text("WHEEL") is not None and place.resolve() == INSTALLED.resolve()


def _blanks(line: str | None) -> dict[str, str]:
    """What the files say of the framework, by where it comes from."""
    if line is None:
        return {
            "ships": "# The framework ships from vendor/decanter.",
            "tool": TOOL_FROM_A_FOLDER,
            "home": HOME_IN_VENDOR,
        }
    tool = line.replace(DISTRIBUTION, f"{DISTRIBUTION}[local]", 1)
    return {"ships": line, "tool": tool, "home": HOME_IN_REQUIREMENTS}
