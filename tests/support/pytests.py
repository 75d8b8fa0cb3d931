"""Run pytest on another project, as its developer does."""

import subprocess
import sys
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
    done: subprocess.CompletedProcess[str] = run(
        [sys.executable, "-m", "pytest", "-p", "decanter.testing.plugin", *arguments],
        cwd=project,
        env=clean_environment() | {"PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1", **variables},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    return done
