"""Apps of this repository under their own `@uses`: no denial, and no right that is not used."""

import importlib
import sys
from collections.abc import Callable
from typing import Any

import pytest

from decanter.testing import WebSocketClient
from tests.docs.snippets import ROOT, Section, load, sections
from tests.support.used_rights import Recorder

Play = Callable[[WebSocketClient], object]

GUIDES = [
    section
    for name in ("rights", "send", "send-from-anywhere", "tables", "routes", "authenticate", "test")
    for section in sections(ROOT / "docs/guides" / f"{name}.md")
]
APP = next(each for each in GUIDES if each.title == "The app")
DECLARING = [
    section for section in GUIDES if any("@uses(" in block.text for block in section.code())
]


def recording(recorder: Recorder) -> type[WebSocketClient]:
    class Recording(WebSocketClient):
        def __exit__(self, *error: Any) -> None:
            recorder.add(self)
            super().__exit__(*error)

    return Recording


def play_own(client: WebSocketClient) -> None:
    alice, bob = client.connect(), client.connect()
    alice.send_json({"message": "sendmessage", "data": 1})
    assert (alice.receive(), bob.receive()) == ("1", "1")
    bob.close()


def play_guide(client: WebSocketClient) -> None:
    """Play what the test of docs/guides/rights.md leaves out."""
    alice, bob = client.connect(), client.connect()
    alice.send_json({"action": "rename", "name": "al"})
    alice.close()
    assert bob.receive_json() == {"left": alice.connection_id}


def test_this_repositorys_app_uses_each_right(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(sys.modules, "app", raising=False)
    recorder = Recorder()
    with recording(recorder)(importlib.import_module("app").app) as client:
        play_own(client)
    assert recorder.report() == {"denied": [], "uses": ["app.send_message"], "unused": []}


@pytest.mark.parametrize("section", DECLARING, ids=lambda it: f"{it.page} {it.title}")
def test_an_app_of_the_guides_uses_each_right(
    section: Section, monkeypatch: pytest.MonkeyPatch
) -> None:
    name = "docs_used_rights"
    monkeypatch.setitem(sys.modules, name, sys)  # restored at the end
    alone = section.page.endswith("rights.md")
    module: Any = load(name, [*([] if alone else APP.code()), *section.code()])
    recorder = Recorder()
    module.WebSocketClient = recording(recorder)
    for test in [value for key, value in vars(module).items() if key.startswith("test_")]:
        if "websocket_client" in test.__code__.co_varnames:
            with module.WebSocketClient(module.app) as client:
                test(client)
        else:
            test()
    if alone:
        with module.WebSocketClient(module.app) as client:
            play_guide(client)
    report = recorder.report()
    assert (report["denied"], report["unused"]) == ([], [])
    assert report["uses"]
