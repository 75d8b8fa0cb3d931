"""Scheduled functions of an app, in their own processes: listed, and run on request."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.support.apps import NO_DATABASE, replace
from tests.support.clients import JSON, call
from tests.support.gateways import Running, gateway, wait_until
from tests.support.projects import write_project

APP = """
from chalice import Chalice, Rate

app = Chalice(app_name="pour")
app.experimental_feature_flags.update(["WEBSOCKETS"])


@app.on_ws_message()
def message(event):
    pass


@app.schedule(Rate(2, unit=Rate.HOURS))
def report(event):
    print("reporting")
    left = event.context.get_remaining_time_in_millis()
    return {"event": event.to_dict(), "left": left, "function": event.context.function_name}


@app.schedule("cron(0 3 * * ? *)")
def broken(event):
    raise ValueError("no report")
"""


@pytest.fixture(name="project", scope="module")
def _project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_project(tmp_path_factory.mktemp("scheduled") / "pour", APP)


@pytest.fixture(name="running", scope="module")
def _running(project: Path) -> Iterator[Running]:
    with gateway(project, *NO_DATABASE) as running:
        yield running


def run(running: Running, name: str, **headers: str) -> tuple[int, Any]:
    path = f"/_gateway/schedules/{name}"
    status, _, body = call(running, "POST", path, headers={**JSON, **headers})
    return status, json.loads(body)


def test_a_schedule_gets_eventbridges_event_and_its_functions_timeout(running: Running) -> None:
    status, answer = run(running, "report")
    assert (status, answer["function"], answer["outcome"]) == (200, "report", "returned")
    result = answer["result"]
    assert result["event"]["source"] == "aws.events"
    assert result["event"]["resources"][0].endswith(":rule/pour-dev-report-event")
    assert result["function"] == "pour-dev-report"
    assert 50_000 < result["left"] <= 60_000
    running.wait_for_line(f"report {result['event']['id']} | reporting")
    running.wait_for_line(r" ran .* report schedule returned \d+ ms")


def test_a_failing_schedule_logs_its_traceback(running: Running) -> None:
    assert run(running, "broken")[1]["outcome"] == "raised"
    running.wait_for_line(r"broken .* \| ValueError: no report")
    running.wait_for_line(r" ran .* broken schedule raised")


def test_schedules_are_listed_and_a_cron_causes_a_notice(running: Running) -> None:
    answer = json.loads(call(running, "GET", "/_gateway/schedules")[2])
    assert answer["schedules"] == [
        {"function": "broken", "schedule": "cron(0 3 * * ? *)", "runs": False},
        {"function": "report", "schedule": "rate(2 hours)", "runs": True},
    ]
    info = json.loads(call(running, "GET", "/_gateway/info")[2])
    assert info["schedules"] == {"broken": "cron(0 3 * * ? *)", "report": "rate(2 hours)"}
    assert "Schedule      report: rate(2 hours)" in running.lines
    running.wait_for_line("broken does not run at its schedule here")


def test_another_page_cannot_run_a_schedule(running: Running) -> None:
    assert run(running, "report", Host="evil.example")[0] == 403
    assert run(running, "report", Origin="http://evil.example")[0] == 403
    assert call(running, "POST", "/_gateway/schedules/report")[0] == 415
    assert run(running, "message")[0] == 404


def test_a_reload_follows_the_app(project: Path, running: Running) -> None:
    changed = APP.replace("Rate(2, unit=Rate.HOURS)", '"rate(1 day)"')
    replace(project / "app.py", changed.replace("def broken", "def fixed"))
    wait_until(lambda: run(running, "broken")[0] == 404, "the old one is gone")
    answer = json.loads(call(running, "GET", "/_gateway/schedules")[2])
    assert [each["schedule"] for each in answer["schedules"]] == [
        "cron(0 3 * * ? *)",
        "rate(1 day)",
    ]
    assert run(running, "fixed")[1]["outcome"] == "raised"
    replace(project / "app.py", APP)
    wait_until(lambda: run(running, "broken")[0] == 200, "the old one is back")
