"""Facts about the Python that runs this file, by its path: its version and its packages."""

from __future__ import annotations

import json
import sys
from importlib import metadata, util

PACKAGES = ("chalice", "botocore", "debugpy")


def facts() -> dict[str, object]:
    """Return the version of this Python, and those of its packages; None for a missing one."""
    return {"version": sys.version_info[:3], "packages": {name: version(name) for name in PACKAGES}}


def version(name: str) -> str | None:
    """Return a package's version; None if it cannot be imported."""
    if util.find_spec(name) is None:
        return None
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return "without a version"


if __name__ == "__main__":
    print(json.dumps(facts()))
