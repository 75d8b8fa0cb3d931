"""pytest run on another project, as its developer runs it."""

import subprocess
import sys
from pathlib import Path

from tests.support.projects import clean_environment


def run_pytest(
    project: Path, *arguments: str, **variables: str
) -> subprocess.CompletedProcess[str]:
    """Run a project's tests, with Decanter's fixtures whether it is installed or not."""
    return subprocess.run(
        [sys.executable, "-m", "pytest", "-p", "decanter.testing.plugin", *arguments],
        cwd=project,
        env=clean_environment() | variables,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
