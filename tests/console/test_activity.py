"""The activity in a headless Chromium: an invocation's details, search, pause, the keyboard."""

import json
from collections import Counter

from tests.support.browser import SHIFT, Page, element, text, texts

ROWS = "#activity .happened"
RAN = f"{ROWS}[data-kind=ran]:is([data-route=sendmessage], [data-route='$default'])"
POSTS = f"{ROWS}[data-kind=posts]"
SHOWN = f"{texts(f'{RAN}:not([hidden])')}.length"
TIMES = "\N{MULTIPLICATION SIGN}"


def requests(rows: str) -> str:
    """An expression: the request ids of these rows."""
    return f'Array.from(document.querySelectorAll("{rows}"), row => row.dataset.request)'


def send(page: Page, message: object) -> None:
    """Send a message, and wait until its invocation is shown."""
    before = page.evaluate(f"{texts(RAN)}.length")
    page.type("#message", json.dumps(message))
    page.press("Enter")
    page.wait(f"{texts(RAN)}.length > {before}")


def test_an_invocation_shows_its_event_its_response_and_its_posts(page: Page) -> None:
    """With the keyboard: an arrow goes to the row, Enter opens it, and Enter again closes it."""
    send(page, {"message": "sendmessage", "data": "hello"})
    page.type("#activity .search", "sendmessage")
    page.evaluate(f"{element('#activity .log')}.focus()")
    page.press("ArrowDown")
    page.press("Enter")
    page.wait(f"{texts(RAN + ' .details h3')}.length > 0")
    titles = page.evaluate(texts(f"{RAN} .details h3"))
    event, response, log, posts = page.evaluate(texts(f"{RAN} .details pre"))
    assert titles == ["Event", "Response", "Log", "Posts"]
    assert json.loads(json.loads(event)["body"]) == {"message": "sendmessage", "data": "hello"}
    assert json.loads(response) == {"statusCode": 200, "body": "Data sent."}
    assert json.loads(log)["route"] == "sendmessage"
    assert posts.startswith(f"2 {TIMES} POST 200, ")
    assert page.evaluate(f"{element(RAN + ' .unfold')}.ariaExpanded") == "true"
    page.press("Enter")
    page.wait(f"{element(RAN + ' .details')}.hidden")


def test_posts_are_counted_for_each_invocation(page: Page) -> None:
    send(page, {"message": "sendmessage", "data": 1})
    send(page, {"message": "pour"})
    numbers = f"{texts(f'{POSTS} .text')}.map(each => parseInt(each))"
    page.wait(f"{numbers}.reduce((sum, each) => sum + each, 0) === 3")
    counts = Counter[str]()
    for request, number in zip(page.evaluate(requests(POSTS)), page.evaluate(numbers), strict=True):
        counts[request] += number  # the posts of a slow invocation are on several lines
    assert [counts[request] for request in page.evaluate(requests(RAN))] == [2, 1]
    assert {line[1:] for line in page.evaluate(texts(f"{POSTS} .text"))} == {f" {TIMES} POST 200"}


def test_a_search_hides_what_does_not_match(page: Page) -> None:
    """An id is found too, and later lines are searched as well."""
    send(page, {"message": "sendmessage", "data": 1})
    send(page, {"message": "pour"})
    assert page.evaluate(SHOWN) == 2
    page.type("#activity .search", "SENDM")
    page.wait(f"{SHOWN} === 1")
    send(page, {"message": "pour"})
    assert page.evaluate(SHOWN) == 1
    connection = page.evaluate(text(".connection .id"))
    page.type("#activity .search", connection)
    page.wait(f"{SHOWN} === 3")
    page.type("#activity .search", "no such text")
    page.wait(f"{SHOWN} === 0")


def test_a_paused_activity_keeps_what_comes(page: Page) -> None:
    page.click("#activity .pause")
    assert page.evaluate(f"{element('#activity .pause')}.ariaPressed") == "true"
    page.type("#message", '{"message":"pour"}')
    page.press("Enter")
    page.wait(f"/paused, [1-9]\\d* new/.test({text('#activity .count')})")
    assert page.evaluate(f"{texts(RAN)}.length") == 0
    page.wait(f"{texts('.entry[data-kind=received]')}.length > 0")
    page.click("#activity .pause")
    page.wait(f"{texts(RAN)}.length === 1")
    assert "paused" not in page.evaluate(text("#activity .count"))


def test_the_tab_key_reaches_every_control_and_leaves_it(page: Page) -> None:
    """Forwards and backwards; a group of choices is one tab stop, and so is a log."""
    page.wait(f"{texts('#roster tbody button')}.length === 2")
    page.evaluate(
        "window.stops = () => Array.from(document.querySelectorAll("
        "'button, input, select, textarea, [tabindex=\"0\"]')).filter(each =>"
        " each.checkVisibility() && !each.disabled && each.tabIndex >= 0"
        " && (each.type !== 'radio' || each.checked))"
    )
    number = page.evaluate("stops().forEach((each, at) => each.dataset.stop = at), stops().length")
    for modifiers in (0, SHIFT):
        page.evaluate("document.activeElement.blur()")
        seen = set()
        for _ in range(number + 2):
            page.press("Tab", modifiers)
            seen.add(page.evaluate("document.activeElement.dataset.stop ?? ''"))
        assert {str(each) for each in range(number)} <= seen
    outline = page.evaluate(
        "document.querySelector('#add').focus(), getComputedStyle("
        "document.activeElement).outlineStyle"
    )
    assert outline == "solid"


def test_a_connection_is_closed_by_the_keyboard_alone(page: Page) -> None:
    page.wait(f"{texts('#roster tbody button')}.length === 2")
    page.evaluate(f"{element('#roster tbody button')}.focus()")
    page.press("Enter")
    page.wait(f"{texts('#roster tbody button')}.length === 1")
    page.wait("document.activeElement.ariaLabel?.startsWith('Close ')")
