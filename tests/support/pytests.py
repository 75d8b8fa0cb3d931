"""Run pytest on another project, as its developer does."""

import subprocess
import sys
from pathlib import Path

from tests.support.projects import clean_environment


def run_pytest(
    project: Path, *arguments: str, **variables: str
) -> subprocess.CompletedProcess[str]:
    """Run a project's tests with only Decanter's plugin: others take time to load."""
    return subprocess.run(
        [sys.executable, "-m", "pytest", "-p", "decanter.testing.plugin", *arguments],
        cwd=project,
        env=clean_environment() | {"PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"} | variables,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
