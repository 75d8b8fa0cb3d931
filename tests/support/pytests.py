"""Run pytest on another project, as its developer does."""

import subprocess
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tests.support import forked
from tests.support.projects import clean_environment


def run_pytest(
    project: Path, *arguments: str, **variables: str
) -> subprocess.CompletedProcess[str]:
    """Run a project's tests with only Decanter's plugin: others take time to load."""
    return _run(forked.run, project, arguments, variables)


def spawn_pytest(
    project: Path, *arguments: str, **variables: str
) -> subprocess.CompletedProcess[str]:
    """Run a project's tests like `run_pytest`, in a process that has imported nothing."""
    return _run(subprocess.run, project, arguments, variables)


def _run(
    run: Any, project: Path, arguments: tuple[str, ...], variables: Mapping[str, str]
) -> subprocess.CompletedProcess[str]:
    with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
        done = run(
            [sys.executable, "-m", "pytest", "-p", "decanter.testing.plugin", *arguments],
            cwd=project,
            env=clean_environment() | {"PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1", **variables},
            input=b"",
            stdout=out,
            stderr=err,
            check=False,
        )
        texts = [(each.seek(0), each.read().decode())[1] for each in (out, err)]
    return subprocess.CompletedProcess(done.args, done.returncode, *texts)
