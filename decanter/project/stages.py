"""The stages in a project's configuration.

The pytest plugin imports this module in every run, so this module must not import Chalice.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from decanter.errors import StageError

DEFAULT_STAGE = "dev"
"""Chalice's own default stage, which exists if the configuration contains no stage."""


def check_stage(path: Path, stages: Mapping[str, Any], stage: str) -> None:
    """Raise StageError if the configuration at this path does not have the stage."""
    known = sorted(stages) or [DEFAULT_STAGE]
    if stage not in known:
        raise StageError(f"{path} has no stage {stage!r}; it has {', '.join(known)}")
