"""Describe, in one line, why an import fails in a test run."""

from pathlib import Path

from decanter.errors import StageError
from decanter.project.app_process import missing_variable
from decanter.project.import_failure import missing_variable as described
from decanter.testing.stage import CHOOSES_STAGE, check_chosen_stage


def one_line(error: BaseException, project: Path, stage: str) -> str | None:
    """Return a line about a missing variable that the project reads at import; otherwise None."""
    if (found := missing_variable(error, project)) is None:
        return None
    place, _, variable = found
    line = described(variable, place, stage)
    try:
        check_chosen_stage(project, stage)
    except StageError as missing:
        line = str(missing)
    return f"{line} ({CHOOSES_STAGE})"
