"""Give the functions in Chalice's test client the same environment variables as on AWS.

`chalice.test.Client` sets the variables of config.json for each call. These variables would replace
the variables of the merge template, but on AWS the merge template has priority.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from chalice.config import Config

from decanter.project.config import Project

Environments = Mapping[str, Mapping[str, str]]
"""The environment variables of each function, by the function's name."""

_completed: list[tuple[Project, Environments]] = []
_variables: Any = Config.environment_variables


@contextmanager
def completed(project: Project, environments: Environments) -> Iterator[None]:
    """Within the block, Chalice reads these environments for the functions of a project's stage."""
    entry = (project, environments)
    _completed.append(entry)
    try:
        yield
    finally:
        _completed.remove(entry)


def _of_function(config: Any) -> dict[str, str]:
    variables: dict[str, str] = _variables.fget(config)
    for project, environments in _completed:
        if config.chalice_stage == project.chalice_stage and _is_of(config, project):
            variables |= environments.get(config.function_name, {})
    return variables


def _is_of(config: Any, project: Project) -> bool:
    folder = config.project_dir
    return folder is not None and Path(folder).resolve() == project.directory


setattr(Config, "environment_variables", property(_of_function))  # noqa: B010 - it is read-only
