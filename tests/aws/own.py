"""This repository's app for the tests' AWS: a copy, and Chalice's package of it."""

import json
import shutil
import sys
from pathlib import Path
from typing import Any, NamedTuple

from decanter.aws.package import CHALICE
from tests.aws.cloud import BUCKET
from tests.support import forked
from tests.support.gateways import ROOT
from tests.support.projects import clean_environment, decanter_here


class Swept(NamedTuple):
    """This repository's app with its sweep: the project, and its packaged template."""

    project: Path
    template: dict[str, Any]


def copy(project: Path) -> Path:
    """Return a copy without requirements, which Chalice would download."""
    for name in ("chalicelib", "vendor", ".chalice"):
        ignored = shutil.ignore_patterns("__pycache__", "deployments")
        shutil.copytree(ROOT / name, project / name, ignore=ignored)
    shutil.copy(ROOT / "app.py", project)
    return project


def sweeping(project: Path) -> Path:
    """Enable the sweep in a copy, in both stages, as the documentation says."""
    path = project / ".chalice" / "config.json"
    config = json.loads(path.read_text())
    for name, stage in config["stages"].items():
        stage["environment_variables"]["DECANTER_SWEEP_MINUTES"] = "5"
        stage["lambda_functions"]["sweep"] = {"iam_policy_file": f"policy-{name}-sweep.json"}
    path.write_text(json.dumps(config))
    done = decanter_here("template", "--project-dir", project)
    assert done.returncode == 0, done.stderr
    return project


def packaged(project: Path, out: Path) -> dict[str, Any]:
    """Return the result of `chalice package`, with the code where CloudFormation expects it."""
    arguments = ["package", "--merge-template", ".chalice/resources.json", str(out)]
    forked.run(
        [sys.executable, "-c", CHALICE, *arguments],
        cwd=project,
        env=clean_environment() | {"AWS_DEFAULT_REGION": "eu-west-1"},
        check=True,
        capture_output=True,
    )
    template: dict[str, Any] = json.loads((out / "sam.json").read_text())
    for resource in template["Resources"].values():
        if resource["Type"] == "AWS::Serverless::Function":
            resource["Properties"]["CodeUri"] = f"s3://{BUCKET}/code.zip"
    return template
