"""Takes the documentation's pictures of the console: `python -m tests.console.screenshots`.

Needs Chromium; writes `console-light.png`, `console-dark.png` and `console-phone.png` into
`docs/images/`.
"""

import json
import sys
import tempfile
from pathlib import Path

from tests.console.conftest import CONNECTED
from tests.support.browser import Page, chromium, find_chromium, texts
from tests.support.gateways import ROOT, gateway

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
    """What the pictures show: two connections, a few messages, JSON unfolded in one of them."""
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
    page.wait(f"{POSTS}.length === 2")
    page.wait(f"{texts('#roster tbody tr')}.length === 2")
    page.evaluate("document.activeElement.blur()")


def show(page: Page, name: str, *, theme: str) -> None:
    """Take one picture, with every log at its end."""
    scheme = {"name": "prefers-color-scheme", "value": theme}
    page.command("Emulation.setEmulatedMedia", features=[scheme])
    page.evaluate("document.querySelectorAll('.log').forEach(log => log.scrollTo(0, 1e6))")
    page.evaluate("new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)))")
    IMAGES.mkdir(parents=True, exist_ok=True)
    path = IMAGES / f"{name}.png"
    path.write_bytes(page.screenshot())
    print(f"{path.relative_to(ROOT)} {path.stat().st_size / 1024:.0f} KB")


def main() -> int:
    """Take all pictures."""
    if find_chromium() is None:
        print("no Chromium on this machine: on Debian, apt-get install chromium", file=sys.stderr)
        return 2
    profile = tempfile.TemporaryDirectory(ignore_cleanup_errors=True)
    with gateway(ROOT, "--port", PORT) as running, profile as path, chromium(Path(path)) as page:
        page.resize(1360, 820)
        page.open(f"{running.origin}/")
        page.wait(CONNECTED)
        converse(page)
        show(page, "console-light", theme="light")
        show(page, "console-dark", theme="dark")
        page.resize(390, 844, 1.5)
        show(page, "console-phone", theme="light")
        assert page.complaints == [], page.complaints
    return 0


if __name__ == "__main__":
    sys.exit(main())
