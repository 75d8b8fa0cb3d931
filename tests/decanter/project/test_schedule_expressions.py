"""A schedule that EventBridge refuses is refused before it is packaged."""

from pathlib import Path

import pytest

from decanter.errors import ProjectError
from decanter.project.config import Project
from decanter.project.describe import describe
from decanter.project.schedule_expressions import rate_seconds, refuse_invalid
from decanter.testing import WebSocketClient
from tests.support.apps import ANSWER, HEAD, SmallProject, load_app


@pytest.mark.parametrize(
    "expression",
    [
        "rate(1 minute)",
        "rate(5 minutes)",
        "rate(1 hour)",
        "rate(12 hours)",
        "rate(1 day)",
        "rate(100 days)",
        "cron(0 3 * * ? *)",
        "cron(0/15 * * * ? *)",
        "cron(*/90 * * * ? *)",
        "cron(0 9 ? * MON-FRI *)",
        "cron(15 10 ? * 6L 2027-2030)",
        "cron(0 8 1,15 JAN,jul ? *)",
        "cron(0 8 LW * ? *)",
        "cron(0 8 3W 1-12/3 ? 2199)",
        "cron(0 8 ? * 3#2 *)",
        "cron( 0  10 * * ?  * )",
        "{{resolve:ssm:/small/rate}}",
        "rate({{resolve:ssm:/small/minutes}} minutes)",
    ],
)
def test_a_valid_schedule_is_accepted(expression: str) -> None:
    refuse_invalid({"sweep": expression})


ANY_FORM = "write rate(5 minutes) or cron(0 3 * * ? *), for example"
DAYS = "write ? as the day of the month or as the day of the week"


@pytest.mark.parametrize(
    ("expression", "remedy"),
    [
        ("rate(1 minutes)", "write rate(1 minute)"),
        ("rate(5 minute)", "write rate(5 minutes)"),
        ("rate(1 hours)", "write rate(1 hour)"),
        ("rate(2 day)", "write rate(2 days)"),
        ("rate(0 minutes)", "write 1 or more, as in rate(1 minute)"),
        ("rate(30 seconds)", ANY_FORM),
        ("rate(1.5 hours)", ANY_FORM),
        ("Rate(5 minutes)", ANY_FORM),
        ("every minute", ANY_FORM),
        ("at(2027-01-01T00:00:00)", ANY_FORM),  # only of EventBridge Scheduler
        ("5 minutes", ANY_FORM),
        ("", ANY_FORM),
        ("cron(0 3 * * *)", "cron has 6 fields, not 5: minutes, hours, day of the month, month"),
        ("cron(0 0 3 * * ? *)", "cron has 6 fields, not 7"),
        ("cron()", "cron has 6 fields, not 0"),
        ("cron(0 3 * * * *)", DAYS),
        ("cron(0 3 1 * MON *)", DAYS),
        ("cron(60 3 * * ? *)", "minutes has numbers from 0 to 59"),
        ("cron(0 0-24 * * ? *)", "hours has numbers from 0 to 23"),
        ("cron(0 3 0 * ? *)", "day of the month has numbers from 1 to 31"),
        ("cron(0 3 1 1,13 ? *)", "month has numbers from 1 to 12"),
        ("cron(0 3 ? * 0 *)", "day of the week has numbers from 1 to 7"),
        ("cron(0 3 ? * 8#1 *)", "day of the week has numbers from 1 to 7"),
        ("cron(0 3 * * ? 27)", "year has numbers from 1970 to 2199"),
    ],
)
def test_an_invalid_schedule_names_function_value_and_form(expression: str, remedy: str) -> None:
    with pytest.raises(ProjectError) as refused:
        refuse_invalid({"good": "rate(1 day)", "sweep": expression})
    start = f"the schedule of sweep is {expression!r}, which EventBridge refuses: {remedy}"
    assert str(refused.value).startswith(start)


@pytest.mark.parametrize(
    ("expression", "seconds"),
    [
        ("rate(1 minute)", 60),
        ("rate(2 hours)", 7200),
        ("rate(3 days)", 259_200),
        ("cron(0 3 * * ? *)", None),
    ],
)
def test_the_interval_of_a_rate(expression: str, seconds: int | None) -> None:
    assert rate_seconds(expression) == seconds


def test_every_command_and_a_test_of_the_app_refuse_it(tmp_path: Path) -> None:
    small = SmallProject(tmp_path)
    schedule = "@app.schedule('rate(1 minutes)', name='hourly')\ndef work(event): ...\n"
    small.write(HEAD + ANSWER.format(answer=0) + schedule)
    with pytest.raises(ProjectError, match="the schedule of hourly is"):
        describe(Project.load(small.folder))
    with pytest.raises(ProjectError, match="the schedule of hourly is"):
        WebSocketClient(load_app(small.folder), project_dir=small.folder)
