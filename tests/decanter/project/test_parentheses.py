"""A decorator of Chalice without parentheses registers nothing, so it is refused."""

from pathlib import Path

import pytest

from decanter.errors import ProjectError
from decanter.project.config import Project
from decanter.project.describe import describe
from decanter.testing import WebSocketClient
from tests.support.apps import HEAD, SmallProject, load_app

FUNCTION = "\ndef work(event, other=None): ...\n"


@pytest.fixture(name="small")
def _small(tmp_path: Path) -> SmallProject:
    return SmallProject(tmp_path)


@pytest.mark.parametrize(
    ("method", "remedy"),
    [
        ("on_ws_connect", "on_ws_connect()"),
        ("on_ws_message", "on_ws_message()"),
        ("on_ws_disconnect", "on_ws_disconnect()"),
        ("lambda_function", "lambda_function()"),
        ("authorizer", "authorizer()"),
        ("middleware", "middleware()"),
        ("schedule", "schedule(…)"),
        ("route", "route(…)"),
        ("on_sqs_message", "on_sqs_message(…)"),
        ("on_sns_message", "on_sns_message(…)"),
        ("on_cw_event", "on_cw_event(…)"),
        ("on_s3_event", "on_s3_event(…)"),
        ("on_kinesis_record", "on_kinesis_record(…)"),
        ("on_dynamodb_record", "on_dynamodb_record(…)"),
    ],
)
def test_the_error_names_function_and_decorator(
    method: str, remedy: str, small: SmallProject
) -> None:
    small.write(f"{HEAD}@app.{method}{FUNCTION}")
    with pytest.raises(ProjectError) as refused:
        describe(Project.load(small.folder))
    assert str(refused.value) == (
        f"app.work: @app.{method} has no parentheses, so Chalice registers no function. "
        f"Write @app.{remedy}"
    )


@pytest.mark.parametrize("above", ["@app.on_ws_message()", "@app.on_ws_connect(name='x')"])
def test_a_function_below_another_decorator_is_named(above: str, small: SmallProject) -> None:
    small.write(f"{HEAD}@app.on_ws_disconnect\n{above}{FUNCTION}")
    with pytest.raises(ProjectError, match=r"@app\.on_ws_disconnect has no parentheses"):
        describe(Project.load(small.folder))


def test_a_blueprint_in_chalicelib_is_checked_too(small: SmallProject) -> None:
    source = f"from chalice import Blueprint\njobs = Blueprint(__name__)\n@jobs.schedule{FUNCTION}"
    (small.folder / "chalicelib" / "jobs.py").write_text(source)
    small.write(f"{HEAD}from chalicelib.jobs import jobs\napp.register_blueprint(jobs)\n")
    with pytest.raises(ProjectError, match=r"chalicelib\.jobs\.work: @jobs\.schedule has no"):
        describe(Project.load(small.folder))


@pytest.mark.parametrize(
    "source",
    [
        "every_day = app.schedule('rate(1 day)')\n@every_day",
        "daily = app.schedule(Rate(1, unit=Rate.DAYS), name='daily')\n@daily",
        "guard = app.middleware('all')\n@guard",
    ],
)
def test_a_decorator_with_a_name_is_allowed(source: str, small: SmallProject) -> None:
    small.write(f"{HEAD}from chalice import Rate\n{source}{FUNCTION}")
    describe(Project.load(small.folder))


def test_a_test_of_the_app_fails_at_the_start(small: SmallProject) -> None:
    small.write(f"{HEAD}@app.on_ws_message{FUNCTION}")
    with pytest.raises(ProjectError, match="has no parentheses"):
        WebSocketClient(load_app(small.folder), project_dir=small.folder)
