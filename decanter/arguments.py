"""The arguments that several commands share."""

import argparse
from pathlib import Path

from chalice.constants import DEFAULT_STAGE_NAME


def add_project_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options for the project and its stage."""
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
    """Add the option for the region."""
    parser.add_argument("--region", help="the AWS region (default: AWS_REGION, or the profile's)")


def add_stack_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options for the project, its stage, the region and the stack's name."""
    add_project_arguments(parser)
    add_region_argument(parser)
    parser.add_argument(
        "--stack-name", metavar="NAME", help="the stack's name (default: APP-STAGE)"
    )


def add_adopt_argument(parser: argparse.ArgumentParser, kind: str) -> None:
    """Add the option to adopt an unmarked stack or table."""
    parser.add_argument(
        "--adopt",
        metavar="NAME",
        help=f"treat the unmarked {kind} with this name as this stage's own",
    )
