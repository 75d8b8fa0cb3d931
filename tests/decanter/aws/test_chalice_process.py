"""Chalice's package command: what it refuses is one line, and its analyzer cannot fail."""

import subprocess
import sys
from pathlib import Path

import pytest

from decanter.aws import chalice_process
from decanter.aws.chalice_answers import REFUSED
from tests.support.projects import clean_environment, write_project

HEAD = "from chalice import Chalice\napp = Chalice(app_name='it')\n"


@pytest.mark.parametrize(
    ("source", "reason"),
    [
        ("@app.route('/orders/')\ndef orders(): pass", "Route cannot end with a trailing slash"),
        ("@app.on_s3_event(bucket='it')\ndef added(event): pass", "Unable to package"),
        ("PRICES = open('prices.json').read()", "FileNotFoundError"),
        ("import prices_of_ours", "app.py imports prices_of_ours, which is not in the package"),
    ],
)
def test_a_refusal_is_one_line(source: str, reason: str, tmp_path: Path) -> None:
    config = {"version": "2.0", "app_name": "it"}
    done = subprocess.run(
        [sys.executable, "-m", chalice_process.__name__, "dev", str(tmp_path / "out")],
        cwd=write_project(tmp_path / "p", HEAD + source, config, {}),
        env=clean_environment() | {"AWS_DEFAULT_REGION": "eu-west-1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == REFUSED
    assert reason in done.stderr
    assert done.stderr.count("\n") == 1


def test_a_source_that_the_analyzer_cannot_read_gives_no_rights() -> None:
    source = "def f(it):\n    return [a for a in it], [b for b in it]\n"
    app = f"{HEAD}@app.route('/')\n{source}"
    assert chalice_process.analyse(app) == {"Version": "2012-10-17", "Statement": []}


def test_the_analyzers_result_is_used() -> None:
    source = "import boto3\ns3 = boto3.client('s3')\ns3.list_buckets()\n"
    (statement,) = chalice_process.analyse(source)["Statement"]
    assert statement["Action"] == ["s3:ListAllMyBuckets"]
