"""Ordinary apps run unchanged on this machine and in tests."""

import json
from pathlib import Path

import pytest

from decanter.project.config import Project
from decanter.project.declaration import LambdaFunction
from decanter.project.describe import describe
from tests.support.gateways import gateway
from tests.support.ordinary_apps import MESSAGE, ORDINARY_APPS, arguments_of, copy_app, daily
from tests.support.projects import decanter_here
from tests.support.pytests import run_pytest


def functions_of(project: Path, stage: str) -> list[LambdaFunction]:
    """Return the app's functions, after writing the template if the app declares tables."""
    declared = describe(Project.load(project, stage))
    if declared.tables:
        done = decanter_here("template", "--project-dir", project, "--stage", stage)
        assert done.returncode == 0, done.stderr
    return [*declared.lambdas.values()]


@pytest.mark.parametrize("name", daily("named"))
def test_the_local_gateway_runs_every_function(name: str, tmp_path: Path) -> None:
    project, stage = copy_app(name, tmp_path), ORDINARY_APPS[name]
    functions = functions_of(project, stage)
    with gateway(project, "--no-reload", "--no-schedules", "--stage", stage) as running:
        with running.connect() as alice:
            alice.send(MESSAGE)
            ran = running.wait_for_line(r"\bran +.* websocket_message ")
        running.wait_for_line(r"\bdisconnect +")
        assert " 200 " in ran
        for function in functions:
            if function.kind == "websocket":
                continue
            (tmp_path / "event.json").write_text(json.dumps(arguments_of(function)))
            event = [tmp_path / "event.json"] if arguments_of(function) else []
            done = decanter_here("invoke", function.name, *event, "--url", running.origin)
            assert done.returncode == 0, done.stdout + done.stderr


TEST = """
def test_every_function(websocket_client):
    alice = websocket_client.connect()
    alice.send({message!r})
    while alice.unread:
        alice.receive()
    for name, event in {events!r}.items():
        websocket_client.invoke(name, event)
    alice.close()
    assert websocket_client.errors == []
"""


@pytest.mark.parametrize("name", daily("tutorial"))
def test_its_own_tests_run_every_function(name: str, tmp_path: Path) -> None:
    project, stage = copy_app(name, tmp_path), ORDINARY_APPS[name]
    functions = functions_of(project, stage)
    events = {each.name: arguments_of(each) for each in functions if each.kind != "websocket"}
    (project / "tests").mkdir()
    (project / "tests" / "test_it.py").write_text(TEST.format(message=MESSAGE, events=events))
    done = run_pytest(
        project, "--rootdir", ".", "-p", "no:cacheprovider", "-o", f"decanter_stage={stage}"
    )
    assert "1 passed" in done.stdout, done.stdout
