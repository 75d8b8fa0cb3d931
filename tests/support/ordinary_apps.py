"""The ordinary apps in tests/projects/: each is like a kind of public Chalice app."""

import shutil
from pathlib import Path
from typing import Any

import pytest

from decanter.project.declaration import LambdaFunction
from tests.support.gateways import PROJECTS
from tests.support.marks import THOROUGH

ORDINARY_APPS = {
    "alerts": "dev",
    "classroom": "dev",
    "layered": "dev",
    "modular": "dev",
    "named": "dev",
    "observed": "dev",
    "reports": "dev",
    "scores": "dev",
    "staged": "prod",
    "storefront": "dev",
    "tutorial": "dev",
    "uploads": "dev",
}
"""The folder of each, and the stage that is packaged."""


MESSAGE = '{"action": "greet", "data": "cat.png"}'
"""A message that each of them takes."""


def arguments_of(function: LambdaFunction) -> dict[str, Any] | None:
    """Return the event for a pure Lambda function; None for the example of its kind."""
    return {"dry": True} if function.kind == "lambda" else None


def copy_app(name: str, folder: Path) -> Path:
    """Copy an app, so that the checkout gets no build output."""
    return Path(shutil.copytree(PROJECTS / name, folder / name))


def daily(*names: str) -> list[Any]:
    """Return all apps as parameters; `make thorough` runs those that are not named here."""
    return [pytest.param(name, marks=() if name in names else THOROUGH) for name in ORDINARY_APPS]
