"""`decanter template`: write the merge template and the policies, or check those that are there."""

import argparse
import difflib
import sys
from pathlib import Path

from decanter.arguments import add_project_arguments
from decanter.aws.access import policy_files
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
        help="write the template there and nothing else, - for standard output "
        f"(default: the project's {TEMPLATE}, and its stages' policy files)",
    )
    parser.add_argument(
        "--check",
        action="store_true",
        help="write nothing: print how the files differ and exit with 1 if one does",
    )


def run(args: argparse.Namespace) -> int:
    """Write or check; 1 if a file that is checked differs."""
    project = Project.load(args.project_dir, args.stage)
    texts = _texts(project, Path(args.output) if args.output else None)
    if args.check:
        # Each is shown, also after one that differs.
        return max([_check(path, text) for path, text in texts.items()])
    if args.output == "-":
        sys.stdout.write(*texts.values())
        return 0
    for path, text in texts.items():
        _write(path, text)
        print(f"wrote {path}")
    return 0


def _texts(project: Project, output: Path | None) -> dict[Path, str]:
    """What belongs where: the template for the stage, and the policies of every stage.

    What an app declares may depend on the stage's variables: a schedule may be one's alone.
    """
    declaration = describe(project)
    template = render(project, declaration)
    if output is not None:
        return {output: template}
    texts = {project.directory / TEMPLATE: template}
    for stage in project.stages:
        other = Project.load(project.directory, stage)
        own = declaration if stage == project.chalice_stage else describe(other)
        files = policy_files(other, own)
        texts |= {project.directory / ".chalice" / name: text for name, text in files.items()}
    return texts


def _write(path: Path, text: str) -> None:
    try:
        path.write_text(text, encoding="utf-8")
    except OSError as error:
        raise ProjectError(f"cannot write {path}: {error.strerror}") from error


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
