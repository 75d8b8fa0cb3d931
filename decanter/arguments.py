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
