"""Which commit of the project is at hand."""

import shutil
import subprocess
from pathlib import Path

SECONDS = 10


def commit(directory: Path) -> str | None:
    """The commit's abbreviated id, with `-dirty` if files differ from it; None outside git."""
    git = shutil.which("git")
    if git is None:
        return None
    try:
        done = subprocess.run(
            [git, "-C", str(directory), "describe", "--always", "--dirty", "--exclude", "*"],
            capture_output=True,
            text=True,
            timeout=SECONDS,
            check=True,
        )
    except (OSError, subprocess.SubprocessError):
        return None
    return done.stdout.strip()
