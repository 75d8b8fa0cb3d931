"""Describe the failure of an import in a test run in one line."""

from pathlib import Path

from decanter.project.app_process import missing_variable
from decanter.project.import_failure import missing_variable as described


def one_line(error: BaseException, project: Path, stage: str) -> str | None:
    """Return the text for a missing variable that the project reads at import; otherwise None.

    Args:
        error: the exception of the import.
        project: the project's folder.
        stage: the stage whose variables are set.
    """
    if (found := missing_variable(error, project)) is None:
        return None
    place, _, variable = found
    return (
        f"{described(variable, place, stage)} (pytest's setting decanter_stage chooses the stage)"
    )
