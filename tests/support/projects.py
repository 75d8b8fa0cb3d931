"""Chalice projects made for a test, and the tool run on them as a user runs it."""

import io
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Mapping
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path
from typing import Any

import pytest

from decanter.cli import main

ROOT = Path(__file__).parents[2]

_CHANGE_OUTPUT = ("BUILD_NUMBER", "CI", "COLUMNS", "FORCE_COLOR", "NO_COLOR", "PY_COLORS")

TABLE = {
    "kind": "table",
    "environment": "CONNECTIONS_TABLE",
    "logical_id": "ConnectionsTable",
    "hash_key": {"name": "connectionID", "type": "S"},
    "ttl_attribute": "expires_at",
    "read_capacity_units": 5,
    "write_capacity_units": 5,
}

CONFIG: dict[str, Any] = {
    "version": "2.0",
    "app_name": "pour",
    "stages": {
        "dev": {
            "api_gateway_stage": "v1",
            "environment_variables": {"CONNECTIONS_TABLE": "pour-dev-connections"},
        },
        "prod": {"environment_variables": {"CONNECTIONS_TABLE": "pour-prod-connections"}},
    },
}

APP = f"""\
from chalice import Chalice

app = Chalice(app_name="pour")
app.experimental_feature_flags.update(["WEBSOCKETS"])
print("an app may print")


class Declared:
    @classmethod
    def __decanter__(cls):
        return {TABLE}


@app.on_ws_connect()
def connect(event):
    pass


@app.on_ws_message()
def message(event):
    pass
"""


def table_resource(name: str) -> dict[str, Any]:
    """Return a table with the key `id`, as a resource of a template."""
    return {
        "Type": "AWS::DynamoDB::Table",
        "Properties": {
            "TableName": name,
            "AttributeDefinitions": [{"AttributeName": "id", "AttributeType": "S"}],
            "KeySchema": [{"AttributeName": "id", "KeyType": "HASH"}],
            "BillingMode": "PAY_PER_REQUEST",
        },
    }


def write_project(
    folder: Path, app: str = APP, config: Mapping[str, Any] | str = CONFIG, template: Any = None
) -> Path:
    """Write a project and return its folder."""
    (folder / ".chalice").mkdir(parents=True)
    (folder / "app.py").write_text(app)
    text = config if isinstance(config, str) else json.dumps(config)
    (folder / ".chalice" / "config.json").write_text(text)
    if template is not None:
        (folder / ".chalice" / "resources.json").write_text(json.dumps(template))
    return folder


def files(project: Path) -> dict[str, bytes]:
    """Return every file of a project by its path, without caches and build output."""
    made = {"build", "__pycache__", ".pytest_cache"}
    paths = {path.relative_to(project): path for path in project.rglob("*") if path.is_file()}
    return {
        name.as_posix(): path.read_bytes()
        for name, path in paths.items()
        if not made & {*name.parts}
    }


def decanter(*arguments: str | Path, **variables: str) -> subprocess.CompletedProcess[str]:
    """Run `python -m decanter` from the repository's root."""
    return subprocess.run(
        [sys.executable, "-m", "decanter", *map(str, arguments)],
        cwd=ROOT,
        env=clean_environment() | variables,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def decanter_here(*arguments: str | Path, **variables: str) -> subprocess.CompletedProcess[str]:
    """Run `decanter` in this process if a separate one is not needed: it saves half a second."""
    out, err = io.StringIO(), io.StringIO()
    environment = clean_environment() | variables
    with pytest.MonkeyPatch.context() as patch, redirect_stdout(out), redirect_stderr(err):
        patch.chdir(ROOT)
        for name in set(os.environ) - set(environment):
            patch.delenv(name)
        for name, value in environment.items():
            patch.setenv(name, value)
        status = main([*map(str, arguments)])
    return subprocess.CompletedProcess(arguments, status, out.getvalue(), err.getvalue())


def copy_source(folder: Path) -> None:
    """Copy the files from which Decanter is installed, so a build does not change the checkout."""
    ignored = shutil.ignore_patterns("__pycache__")
    shutil.copytree(ROOT / "decanter", folder / "decanter", ignore=ignored)
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, folder / name)


def clean_environment() -> dict[str, str]:
    """Return this process's environment without AWS: no account of the user, no waiting for one.

    The variables that change what a command prints are left out too, so a text is the same in a
    terminal and under CI, where pytest prints longer summaries.
    """
    kept = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
    for name in ("PYTHONPATH", *_CHANGE_OUTPUT):
        kept.pop(name, None)
    nowhere = dict.fromkeys(("AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE"), os.devnull)
    return kept | nowhere | {"AWS_EC2_METADATA_DISABLED": "true"}
