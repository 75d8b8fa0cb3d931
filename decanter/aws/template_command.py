"""`decanter template`: write the merge template, or check the one that is there."""

import argparse
import difflib
import sys
from pathlib import Path

from decanter.arguments import add_project_arguments
from decanter.aws.template import render
from decanter.describe import describe
from decanter.errors import ProjectError
from decanter.project import TEMPLATE, Project


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments of `decanter template`."""
    add_project_arguments(parser)
    parser.add_argument(
        "--output",
        metavar="FILE",
        help=f"where to write it, - for standard output (default: the project's {TEMPLATE})",
    )
    parser.add_argument(
        "--check",
        action="store_true",
        help="write nothing: print how the file differs and exit with 1 if it does",
    )


def run(args: argparse.Namespace) -> int:
    """Write or check; 1 if the file that is checked differs."""
    project = Project.load(args.project_dir, args.stage)
    text = render(describe(project))
    path = Path(args.output or project.directory / TEMPLATE)
    if args.check:
        return _check(path, text)
    if args.output == "-":
        sys.stdout.write(text)
        return 0
    try:
        path.write_text(text, encoding="utf-8")
    except OSError as error:
        raise ProjectError(f"cannot write {path}: {error.strerror}") from error
    print(f"wrote {path}")
    return 0


def _check(path: Path, text: str) -> int:
    found = path.read_text(encoding="utf-8") if path.is_file() else ""
    if found == text:
        print(f"{path} is what the app declares")
        return 0
    difference = difflib.unified_diff(
        found.splitlines(keepends=True),
        text.splitlines(keepends=True),
        fromfile=str(path),
        tofile="what the app declares",
    )
    sys.stdout.writelines(difference)
    print(f"{path} is not what the app declares: run `decanter template`", file=sys.stderr)
    return 1
