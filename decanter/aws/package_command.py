"""`decanter package`: build the zip and the template, without any call to AWS."""

import argparse
from pathlib import Path

from decanter.arguments import add_project_arguments
from decanter.aws.package import package
from decanter.aws.redaction import Secrets
from decanter.project.config import Project


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments of `decanter package`."""
    add_project_arguments(parser)
    parser.add_argument(
        "--out",
        type=Path,
        metavar="FOLDER",
        help="the folder for the result (default: the project's build/package/STAGE)",
    )
    parser.add_argument(
        "--region", help="the region in which the app will run (default: AWS_REGION)"
    )


def run(args: argparse.Namespace) -> int:
    """Build the package, and print a line for each step."""
    project = Project.load(args.project_dir, args.stage)
    with Secrets(project.config.config_from_disk).hidden():
        made = package(project, args.out or out_folder(project), region=args.region, report=print)
    print(f"template: {made.template_path}")
    return 0


def out_folder(project: Project) -> Path:
    """Return the default folder for the package of a stage."""
    return project.directory / "build" / "package" / project.chalice_stage
