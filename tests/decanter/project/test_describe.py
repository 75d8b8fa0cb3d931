"""Various apps, imported in a process of their own."""

import os
from pathlib import Path

import pytest

from decanter.errors import ProjectError
from decanter.project.config import Project
from decanter.project.declaration import Declaration, Handler, LambdaFunction, TableDeclaration
from decanter.project.describe import Reports, describe
from tests.support.projects import APP, TABLE, write_project


def described(folder: Path, app: str = APP, timeout: float = 60) -> Declaration:
    project = Project.load(write_project(folder, app), "dev")
    return describe(project, dict(os.environ), timeout=timeout)


def test_returns_the_apps_declarations(tmp_path: Path) -> None:
    declaration = described(tmp_path / "p")
    assert declaration == Declaration(
        app_name="pour",
        websocket={
            "$connect": Handler("connect", "websocket_connect"),
            "$default": Handler("message", "websocket_message"),
        },
        http_routes=(),
        schedules={},
        warnings=(),
        refusal=None,
        tables=(TableDeclaration.from_json(TABLE),),
        routers=(),
        lambdas={
            "websocket_connect": LambdaFunction(
                "websocket_connect", "websocket", "$connect", "app.connect"
            ),
            "websocket_message": LambdaFunction(
                "websocket_message", "websocket", "$default", "app.message"
            ),
        },
    )


@pytest.mark.parametrize(
    ("read", "imports"),
    [("", 1), ("os.environ.get('COLOUR')", 2), ("dict(os.environ)", 2), ("os.system('true')", 2)],
)
def test_an_app_is_imported_again_only_for_variables_that_it_reads(
    read: str, imports: int, tmp_path: Path
) -> None:
    app = f"""{APP}
import os

open({str(tmp_path / "imports")!r}, "a").write("x")
{read}
"""
    project = Project.load(write_project(tmp_path / "p", app), "dev")
    reports = Reports()
    first, second = (
        describe(project, {**os.environ, "COLOUR": colour}, reports=reports)
        for colour in ("red", "blue")
    )
    assert first == second
    assert len((tmp_path / "imports").read_text()) == imports


def test_schedules_have_the_form_of_eventbridge(tmp_path: Path) -> None:
    app = f"""{APP}
from chalice import Cron, Rate

for name, when in (
    ("often", Rate(1, unit=Rate.MINUTES)),
    ("mondays", Cron(0, 8, "?", "*", "MON", "*")),
    ("daily", "rate(1 day)"),
):
    app.schedule(when, name=name)(lambda event: None)
"""
    assert described(tmp_path / "p", app).schedules == {
        "often": "rate(1 minute)",
        "mondays": "cron(0 8 ? * MON *)",
        "daily": "rate(1 day)",
    }


def test_the_app_sees_its_stages_variables_and_a_region(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("AWS_REGION", "AWS_DEFAULT_REGION"):
        monkeypatch.delenv(name, raising=False)
    asked = "[os.environ[name] for name in ('CONNECTIONS_TABLE', 'AWS_DEFAULT_REGION')]"
    app = f"import os\nraise ValueError({asked})\n"
    project = Project.load(write_project(tmp_path / "p", app), "prod")
    with pytest.raises(ProjectError, match=r"pour-prod-connections.*us-east-1"):
        describe(project)


@pytest.mark.parametrize(
    ("app", "message"),
    [
        ("def (", "app.py:1: invalid syntax"),
        ("import nowhere", "ModuleNotFoundError: No module named 'nowhere'"),
        ("x = 1", "app.py has no Chalice object named `app`"),
        ("input()", "EOFError"),
    ],
)
def test_an_app_that_cannot_be_imported_is_a_one_line_error(
    app: str, message: str, tmp_path: Path
) -> None:
    with pytest.raises(ProjectError) as caught:
        described(tmp_path / "p", app)
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


def test_an_app_that_ends_its_process_is_quoted(tmp_path: Path) -> None:
    app = "import os\nprint('farewell', flush=True)\nos._exit(7)\n"
    with pytest.raises(ProjectError, match="ended the process, status 7") as caught:
        described(tmp_path / "p", app)
    assert caught.value.detail == "farewell\n"


def test_an_app_that_hangs_is_stopped(tmp_path: Path) -> None:
    with pytest.raises(ProjectError, match="takes longer than 1 s"):
        described(tmp_path / "p", "import time\ntime.sleep(60)\n", timeout=1)


def test_a_process_that_the_app_started_does_not_block(tmp_path: Path) -> None:
    app = "import subprocess\nleft = subprocess.Popen(['sleep', '20'])\nx = left.pid\n" + APP
    assert described(tmp_path / "p", app, timeout=15).app_name == "pour"
