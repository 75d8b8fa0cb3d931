"""Take the documentation's pictures of the console: `python -m tests.console.screenshots`.

Needs Chromium. Writes into `docs/images/`, each view as `-light.png`, `-dark.png` and `-phone.png`:
`console` (two connections and what they sent), `console-invocation` (a route that raised, with
its event and traceback), `console-functions` (a function that was run with an edited event) and
`console-stopped` (the gateway has ended).
"""

import contextlib
import json
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from decanter import cli
from tests.console.conftest import CONNECTED
from tests.field_cases.apps import AUCTION, PLAIN, framework_project, stage
from tests.support.apps import FRAMEWORK
from tests.support.browser import CTRL, Page, chromium, element, find_chromium, texts
from tests.support.gateways import ROOT, gateway
from tests.support.projects import write_project

IMAGES = ROOT / "docs" / "images"
PORT = "8000"
POSTS = texts("#activity [data-kind=posts]")
WINE = {"table": 7, "wine": "Barolo", "price": 48.0, "notes": ["tar", "roses"]}


def frames(name: str) -> str:
    return f".connection[aria-label='Connection {name}'] .entry[data-kind=received]"


def send(page: Page, data: object) -> None:
    message = {"message": "sendmessage", "data": data}
    page.type("#message", json.dumps(message, ensure_ascii=False, separators=(",", ":")))
    page.press("Enter")


def converse(page: Page) -> None:
    """Make the content of the pictures: two connections, a few messages, one unfolded."""
    send(page, "hello world !")
    page.wait(f"{texts(frames('B'))}.length === 1 && {POSTS}.length === 1")
    send(page, WINE)
    page.wait(f"{texts(frames('B'))}.length === 2")
    page.click("#senders label:nth-of-type(2) span")
    page.type("#message", '{"message":"pour"}')
    page.press("Enter")
    page.wait(f"{texts(frames('B'))}.length === 3")
    send(page, "santé")
    page.wait(f"{texts(frames('A'))}.length === 3 && {texts(frames('B'))}.length === 4")
    page.click(f"{frames('A')} .unfold")
    page.wait(f"{POSTS}.length === 4")
    page.wait(f"{texts('#roster tbody tr')}.length === 2")
    page.evaluate("document.activeElement.blur()")


RAN = "#activity .happened[data-kind=ran][data-route=bid]"


def fail(page: Page) -> None:
    """Make the content of the pictures: a route that raised, its invocation unfolded."""
    page.type("#message", '{"action":"bid","item":"vase","amount":-1}')
    page.press("Enter")
    page.wait(f"{texts(RAN)}.length === 1")
    page.evaluate(f"{element(RAN + ' .unfold')}.click()")
    trace = element(f"{RAN} [data-part=traceback] pre")
    page.wait(f"{trace} !== null")
    # Paths of the machine that takes the pictures are not for the docs.
    here = f"{trace}.textContent.replaceAll({json.dumps(str(ROOT))}, '/home/you/decanter')"
    page.evaluate(rf"{trace}.textContent = {here}.replace(/\/tmp\/\w+/g, '/home/you')")
    page.evaluate("document.activeElement.blur()")


RESULT = "#functions .result"
BODY = '"body": "hello world !"'


def work(page: Page) -> None:
    """Make the content of the pictures: a queue's function, run with an edited event."""
    page.click("#functions summary")
    event = str(page.evaluate(f"{element('#event')}.value"))
    assert BODY in event
    page.type("#event", event.replace(BODY, '"body": "order 17"'))
    page.press("Enter", CTRL)
    page.wait(f"{element(RESULT)}.dataset.state === 'good'")
    page.evaluate("document.activeElement.blur()")


def show(page: Page, name: str, scroll: str) -> None:
    """Take a view in a light and a dark theme and on a phone."""
    for kind, theme in (("light", "light"), ("dark", "dark"), ("phone", "light")):
        page.resize(*((390, 844, 1.5) if kind == "phone" else (1360, 820, 1)))
        scheme = {"name": "prefers-color-scheme", "value": theme}
        page.command("Emulation.setEmulatedMedia", features=[scheme])
        page.evaluate(scroll)
        page.evaluate("new Promise(end => requestAnimationFrame(() => requestAnimationFrame(end)))")
        IMAGES.mkdir(parents=True, exist_ok=True)
        path = IMAGES / f"{name}-{kind}.png"
        path.write_bytes(page.screenshot())
        print(f"{path.relative_to(ROOT)} {path.stat().st_size / 1024:.0f} KB")


ENDS = "document.querySelectorAll('.log').forEach(log => log.scrollTo(0, 1e6)), scrollTo(0, 0)"
QUEUE = f"""
{PLAIN}
@app.on_ws_message()
def message(event):
    pass

@app.on_sqs_message(queue="paid-orders")
def paid(event):
    return [record.body for record in event]
"""
FUNCTIONS = f"{element('#functions')}.scrollIntoView(), {element('#event')}.scrollTo(0, 0)"
DETAILS = f"{element(RAN)}.scrollIntoView({{block: 'start'}})"


def main() -> int:
    """Take all pictures."""
    if find_chromium() is None:
        print("no Chromium on this machine: on Debian, apt-get install chromium", file=sys.stderr)
        return 2
    folders = tempfile.TemporaryDirectory(ignore_cleanup_errors=True)
    with folders as folder, chromium(Path(folder, "profile")) as page:
        with served(page, ROOT):
            converse(page)
            show(page, "console", ENDS)
        page.wait("document.body.dataset.gateway === 'down'")
        show(page, "console-stopped", ENDS)
        project = framework_project(
            Path(folder, "pour"), FRAMEWORK + AUCTION, stage(CONNECTIONS_TABLE="a")
        )
        with contextlib.redirect_stdout(None):
            assert cli.main(["template", "--project-dir", str(project)]) == 0
        with served(page, project):
            fail(page)
            show(page, "console-invocation", DETAILS)
        with served(page, write_project(Path(folder, "jobs"), QUEUE)):
            work(page)
            show(page, "console-functions", FUNCTIONS)
    return 0


@contextlib.contextmanager
def served(page: Page, project: Path) -> Iterator[None]:
    """Open the console of a project, with two connections."""
    with gateway(project, "--port", PORT) as running:
        page.resize(1360, 820)
        page.open(f"{running.origin}/")
        page.wait(CONNECTED)
        page.complaints.clear()  # of the previous page, whose gateway has ended
        yield
        assert page.complaints == [], page.complaints


if __name__ == "__main__":
    sys.exit(main())
