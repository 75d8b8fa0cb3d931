"""The arguments that several commands share."""

import argparse
from pathlib import Path

from chalice.constants import DEFAULT_STAGE_NAME


def add_project_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare which project, at which stage."""
    parser.add_argument(
        "--project-dir",
        type=Path,
        default=Path(),
        metavar="FOLDER",
        help="the Chalice project (default: the current folder)",
    )
    parser.add_argument(
        "--stage",
        default=DEFAULT_STAGE_NAME,
        help="the stage in .chalice/config.json (default: %(default)s)",
    )


def add_region_argument(parser: argparse.ArgumentParser) -> None:
    """Declare in which region."""
    parser.add_argument("--region", help="where (default: AWS_REGION, or the profile's)")


def add_stack_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare which project, at which stage, in which region, and what its stack is called."""
    add_project_arguments(parser)
    add_region_argument(parser)
    parser.add_argument("--stack-name", metavar="NAME", help="(default: APP-STAGE)")


def add_adopt_argument(parser: argparse.ArgumentParser, kind: str) -> None:
    """Declare how an unmarked stack or table is claimed."""
    parser.add_argument(
        "--adopt",
        metavar="NAME",
        help=f"the {kind} of this name belongs to this stage, though it does not say so itself",
    )
