"""Convert the failure of an app's import into an error with a one-line message."""

from collections.abc import Mapping
from typing import Any

from decanter.errors import ProjectError

RESERVED = ("AWS_", "LAMBDA_", "_")
"""The prefixes of the variables that Lambda itself sets."""


def import_failure(report: Mapping[str, Any], stage: str) -> ProjectError:
    """Return the error that describes the result of `LoadError.report()` in `app_process.py`."""
    if report["variable"]:
        return ProjectError(missing_variable(report["variable"], report["message"], stage))
    return ProjectError(report["message"], detail=report["detail"])


def missing_variable(variable: str, place: str, stage: str) -> str:
    """Return the message about a variable that an app reads at import but the stage does not set.

    `place` is the place that reads the variable, as `FILE:LINE`.
    """
    if variable.startswith(RESERVED):
        return (
            f"{place} reads the environment variable {variable} at import, which only Lambda sets: "
            f'read it when a function runs, or with os.environ.get("{variable}")'
        )
    return (
        f"{place} reads the environment variable {variable} at import, and stage {stage} does not "
        f'set it: add "{variable}" to environment_variables of stage {stage} in '
        ".chalice/config.json"
    )
