"""The console's list of functions in a headless Chromium."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.apps import NO_DATABASE, replace
from tests.support.browser import CTRL, Page, element, text, texts
from tests.support.gateways import gateway
from tests.support.projects import write_project

APP = """
from chalice import Chalice

app = Chalice(app_name="pour")
app.experimental_feature_flags.update(["WEBSOCKETS"])

@app.on_ws_message()
def message(event):
    pass

@app.on_sqs_message(queue="jobs")
def work(event):
    return [record.body for record in event]

@app.lambda_function()
def broken(event, context):
    raise ValueError("<b>no</b>")
"""
EVENT, RESULT = element("#event"), "#functions .result"


@pytest.fixture(name="project", scope="module")
def _project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_project(tmp_path_factory.mktemp("functions") / "pour", APP)


@pytest.fixture(name="page", scope="module")
def _page(browser: Page, project: Path) -> Iterator[Page]:
    with gateway(project, *NO_DATABASE) as running:
        browser.complaints.clear()
        browser.resize(1280, 800)
        browser.open(f"{running.origin}/")
        browser.wait(f"!{element('#functions')}.hidden")
        yield browser
    browser.open("about:blank")


def choose(page: Page, name: str) -> None:
    script = f"(each => {{ each.value = '{name}'; each.dispatchEvent(new Event('change')) }})"
    page.evaluate(f"{script}({element('#function')})")


def result(page: Page) -> str:
    page.wait(f"{element(RESULT)}.dataset.state !== 'busy'")
    return str(page.evaluate(text(RESULT)))


def test_functions_of_other_sources_are_listed(page: Page) -> None:
    names = page.evaluate(texts("#function option"))
    assert sorted(names) == ["broken \N{MIDDLE DOT} lambda", "work \N{MIDDLE DOT} sqs jobs"]


def test_the_keyboard_opens_the_list_edits_the_event_and_runs_it(page: Page) -> None:
    page.evaluate(f"{element('#functions summary')}.focus()")
    page.press("Enter")
    choose(page, "work")
    event = json.loads(page.evaluate(f"{EVENT}.value"))
    event["Records"][0]["body"] = "paint it"
    page.type("#event", json.dumps(event))
    page.press("Enter", CTRL)
    page.wait(f"{text(RESULT)}.includes('paint it')")
    assert page.evaluate(f"{element(RESULT)}.dataset.state") == "good"
    page.wait(f"{texts('#activity [data-kind=ran] .what')}.includes('by hand')")
    choose(page, "broken")
    choose(page, "work")
    assert json.loads(page.evaluate(f"{EVENT}.value")) == event
    page.click("#functions .example")
    assert "hello world !" in page.evaluate(f"{EVENT}.value")


def test_a_traceback_is_text(page: Page) -> None:
    choose(page, "broken")
    page.click("#functions .primary")
    page.wait(f"{element(RESULT)}.dataset.state === 'bad'")
    assert result(page).endswith("ValueError: <b>no</b>")


def test_an_event_that_is_not_json_is_refused(page: Page) -> None:
    choose(page, "broken")
    page.type("#event", "{")
    page.click("#functions .primary")
    page.wait(f"{text(RESULT)}.startsWith('the event is not JSON')")
    page.click("#functions .example")


def test_a_changed_app_changes_the_list(page: Page, project: Path) -> None:
    """The last test: it changes the app."""
    replace(project / "app.py", APP.replace("def work", "def toil"))
    page.wait(f"{texts('#function option')}.some(each => each.startsWith('toil'))")
    assert page.evaluate(text("#functions .total")) == "2"
