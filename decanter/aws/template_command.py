"""`decanter template`: write the merge template and the policies, or check those that are there."""

import argparse
import difflib
import json
import sys
from pathlib import Path

from decanter.arguments import add_project_arguments
from decanter.aws import generated
from decanter.aws.access import policy_files
from decanter.aws.redaction import redacted
from decanter.aws.template import render
from decanter.project.config import TEMPLATE, Project
from decanter.project.describe import describe
from decanter.project.document import write_text


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
    parser.add_argument(
        "--force",
        action="store_true",
        help="overwrite files that this command did not write, or that were changed since",
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
    if not args.force:
        for path, text in texts.items():
            generated.refuse_foreign(path, text)
    for path, text in texts.items():
        write_text(path, text)
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
    policies: dict[Path, str] = {}
    for stage in project.stages:
        other = Project.load(project.directory, stage)
        own = declaration if stage == project.chalice_stage else describe(other)
        files = policy_files(other, own)
        policies |= {project.directory / ".chalice" / name: text for name, text in files.items()}
    texts = {project.directory / TEMPLATE: template, **policies}
    if policies:
        texts[project.directory / ".chalice" / generated.RECORD] = generated.record(policies)
    return texts


def _check(path: Path, text: str) -> int:
    found = path.read_text(encoding="utf-8") if path.is_file() else "{}"
    if found == text:
        print(f"{path} is what the app declares")
        return 0
    sys.stdout.writelines(f"{line}\n" for line in _difference(path, found, text))
    print(f"{path} is not what the app declares: run `decanter template`", file=sys.stderr)
    return 1


def _difference(path: Path, found: str, text: str) -> list[str]:
    """How a file differs, without the values of environment variables."""
    try:
        there = json.loads(found)
    except json.JSONDecodeError:
        there = None
    if not isinstance(there, dict):
        return [f"{path} is not a JSON object, so its content is not shown"]
    shown = redacted(there, json.loads(text))
    old, new = (json.dumps(it, indent=2, ensure_ascii=False).splitlines() for it in shown)
    return list(difflib.unified_diff(old, new, str(path), "what the app declares", lineterm=""))
