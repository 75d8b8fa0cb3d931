"""Ask a Chalice project's app for its declarations, in a separate process."""

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any

from decanter.errors import ProjectError
from decanter.project.config import Project
from decanter.project.credentials import DEFAULT_REGION
from decanter.project.declaration import Declaration
from decanter.project.import_failure import import_failure
from decanter.project.modules import warnings_about_modules
from decanter.project.reads import differing, is_read

Variables = Mapping[str, Mapping[str, str | None]]
"""Variables of each function. A value that is not known on this machine is None."""

APP_PROCESS = Path(__file__).with_name("app_process.py")


class Reports:
    """The reports about one app. Stages share a report if their variables do not affect the app."""

    def __init__(self) -> None:
        self._kept: list[tuple[Mapping[str, str], Variables, dict[str, Any]]] = []

    def find(self, environment: Mapping[str, str], own: Variables) -> dict[str, Any] | None:
        """Return a report that is valid in this environment too; None if there is none.

        The app of such a report has read no variable that differs between the environments, and its
        functions have the same variables `own`.
        """
        for other, others, report in self._kept:
            reads = {*report["reads"]}
            if own == others and not any(
                is_read(name, reads) for name in differing(environment, other)
            ):
                return report
        return None

    def keep(self, environment: Mapping[str, str], own: Variables, report: dict[str, Any]) -> None:
        """Keep the report about an app that was imported in this environment."""
        self._kept.append((environment, own, report))


def describe(
    project: Project,
    environment: Mapping[str, str] | None = None,
    timeout: float = 60,
    reports: Reports | None = None,
    own: Variables = MappingProxyType({}),
) -> Declaration:
    """Import the project's app in a separate process. Return the app's declarations.

    `environment` is the complete environment of the process; by default, `own_environment`. `own`
    has each function's variables that differ from this environment. `timeout` is the time limit of
    the import in seconds. If `reports` has a suitable report, no process is started.

    Raises:
        ProjectError: the app cannot be imported, or a declaration is invalid. The `detail` of the
            error contains the traceback, if any.
    """
    reports = reports or Reports()
    variables = own_environment(project) if environment is None else environment
    report = reports.find(variables, own)
    if report is None:
        report = _report(project, variables, own, timeout)
        if not report["ok"]:
            raise import_failure(report, project.chalice_stage)
        reports.keep(variables, own, report)
    return Declaration.from_json(report).warned(warnings_about_modules(project.directory))


def own_environment(project: Project) -> dict[str, str]:
    """Return this process's environment with the stage's variables and, as on Lambda, a region."""
    names = ("AWS_REGION", "AWS_DEFAULT_REGION")
    region = next(filter(None, map(os.environ.get, names)), DEFAULT_REGION)
    return dict.fromkeys(names, region) | os.environ | project.stage_environment


def _report(
    project: Project, environment: Mapping[str, str], own: Variables, timeout: float
) -> dict[str, Any]:
    """Run `app_process.py describe`, and return its report.

    The output goes to files and not to pipes, because a process that the app started may keep a
    pipe open forever.
    """
    app = project.directory / "app.py"
    with tempfile.TemporaryFile() as answer, tempfile.TemporaryFile() as output:
        descriptor = answer.fileno()
        arguments = ["describe", str(project.directory), "--fd", str(descriptor)]
        try:
            status = subprocess.run(
                [sys.executable, "-P", str(APP_PROCESS), *arguments],
                env=environment,
                pass_fds=[descriptor],
                input=json.dumps({**own}).encode(),
                stdout=output,
                stderr=output,
                timeout=timeout,
                check=False,
            ).returncode
        except subprocess.TimeoutExpired as error:
            raise ProjectError(
                f"importing {app} takes longer than {timeout:g} s: "
                "app.py should only declare at import, and do its work when it is called"
            ) from error
        answer.seek(0)
        if not (text := answer.read()):
            output.seek(0)
            detail = output.read().decode(errors="replace")
            raise ProjectError(f"importing {app} ended the process, status {status}", detail=detail)
    report: dict[str, Any] = json.loads(text)
    return report
