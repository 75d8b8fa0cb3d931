"""Report the version and the packages of the Python that runs this file by its path."""

from __future__ import annotations

import json
import sys
from importlib import metadata, util

PACKAGES = ("chalice", "botocore", "debugpy")


def facts() -> dict[str, object]:
    """Return the versions of this Python and of the packages; None for a missing package."""
    return {"version": sys.version_info[:3], "packages": {name: version(name) for name in PACKAGES}}


def version(name: str) -> str | None:
    """Return a package's version; None if the package cannot be imported."""
    if util.find_spec(name) is None:
        return None
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return "without a version"


if __name__ == "__main__":
    print(json.dumps(facts()))
