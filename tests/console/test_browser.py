"""The console in a headless Chromium, with a real gateway."""

import json
import threading
from collections.abc import Iterator
from urllib.error import HTTPError
from urllib.request import urlopen

import pytest
from websockets.sync.server import ServerConnection, serve
from websockets.typing import Subprotocol

from tests.console.conftest import CONNECTED, Service
from tests.support.browser import ALT, CTRL, Page, element, text, texts

OPEN_IDS = texts("#roster tbody .id")


def panel(name: str) -> str:
    return f".connection[aria-label='Connection {name}']"


def received(name: str) -> str:
    """An expression: the texts that this connection has received."""
    return texts(f"{panel(name)} .entry[data-kind=received] .text")


def send(page: Page, message: str) -> None:
    page.type("#message", message)
    page.press("Enter")


def broadcast(data: object) -> str:
    return json.dumps({"message": "sendmessage", "data": data})


def test_one_message_is_shown_by_both_connections(page: Page) -> None:
    """The composer begins with a message for the app's route, and says where it will go."""
    assert page.evaluate(text("#facts")) == "48 B · →\u00a0sendmessage"
    page.click("#composer [type=submit]")
    for name in "AB":
        page.wait(f"{received(name)}.includes('\"hello world !\"')")
    assert page.evaluate(text(f"{panel('A')} .count")) == "1 sent · 1 received"
    assert page.evaluate(text(f"{panel('B')} .count")) == "0 sent · 1 received"


def test_a_script_is_shown_as_text_and_does_not_run(page: Page) -> None:
    script = "<script>window.ran = 1</script><img src=x onerror='window.ran = 1'>"
    send(page, broadcast(script))
    shown = json.dumps(json.dumps(script))
    page.wait(f"{received('A')}.includes({shown}) && {received('B')}.includes({shown})")
    assert page.evaluate("document.querySelectorAll('.log script, .log img').length") == 0
    assert page.evaluate("typeof window.ran") == "undefined"


def test_json_is_indented_on_demand_as_it_was_written(page: Page) -> None:
    """With the mouse and the keyboard; numbers and repeated keys are not changed."""
    send(page, '{"message":"sendmessage","data":{"n": 1.0, "n": [1e5, {}]}}')
    page.wait(f"{received('B')}.length === 1")
    page.click(f"{panel('B')} .unfold")
    indented = '{\n  "n": 1.0,\n  "n": [\n    1e5,\n    {}\n  ]\n}'
    assert page.evaluate(received("B")) == [indented]
    page.evaluate(f"{element(panel('B') + ' .log')}.focus()")
    page.press("ArrowDown")
    page.press("Enter")
    assert page.evaluate(received("B")) == ['{"n": 1.0, "n": [1e5, {}]}']


def test_the_live_view_lists_both_connections_and_closes_one(page: Page) -> None:
    own = [page.evaluate(text(f"{panel(name)} .id")) for name in "AB"]
    page.wait(f"{OPEN_IDS}.length === 2")
    assert page.evaluate(OPEN_IDS) == own
    assert page.evaluate(texts("#roster tbody .badge")) == ["A", "B"]
    source, age, idle = page.evaluate(texts("#roster tbody tr:first-child td"))[:3]
    assert source == "127.0.0.1"
    assert [age.rpartition(" ")[2], idle.rpartition(" ")[2]] == ["s", "s"]
    page.click("#roster tbody tr:first-child button")
    page.wait(f"{OPEN_IDS}.length === 1")
    state = text(f"{panel('A')} .state")
    page.wait(f"{state} === 'closed 1000 Connection Closed Normally'")
    assert page.evaluate(OPEN_IDS) == own[1:]


def test_invocations_are_shown_as_they_happen(page: Page) -> None:
    """Route, function, duration and status; a message without a route is a 404."""
    send(page, broadcast("hello"))
    send(page, '{"message":"pour"}')
    rows = "#activity .happened[data-kind=ran]"
    routes = texts(f"{rows} .what")
    page.wait(f"{routes}.includes('sendmessage') && {routes}.includes('$default')")
    columns = [page.evaluate(texts(f"{rows} .{name}")) for name in ("what", "text", "outcome")]
    shown = {*zip(*columns, strict=True)}
    assert ("sendmessage", "websocket_message", "200") in shown
    assert ("$default", "websocket_message", "404") in shown
    assert all(took.endswith(" ms") for took in page.evaluate(texts(f"{rows} .took")))


def test_a_request_to_an_unknown_address_is_shown_with_the_right_address(
    page: Page, service: Service
) -> None:
    with pytest.raises(HTTPError, match="403") as refused:
        urlopen(f"{service.origin}/v2")
    refused.value.close()
    row = "#activity .happened[data-kind=refused]"
    page.wait(f"{texts(row)}.length === 1")
    shown = [page.evaluate(text(f"{row} .{name}")) for name in ("what", "text", "outcome")]
    address = service.origin.replace("http:", "ws:") + "/v1"
    assert shown == ["refused", f"GET /v2: the WebSocket API is at {address}", "403"]


def test_a_failed_invocation_is_shown_with_its_output(page: Page) -> None:
    """Other lines are shown only in the view of all lines."""
    entries = [
        {"kind": "log", "time": 1, "function": "f", "request": "other", "line": "fine"},
        {"kind": "log", "time": 2, "function": "f", "request": "this", "line": "Traceback"},
        {"kind": "log", "time": 2, "function": "f", "request": "this", "line": "  File"},
        {"kind": "ran", "time": 3, "function": "f", "request": "this", "outcome": "raised"}
        | {"route": "$default", "milliseconds": 5, "cold": False, "error": True},
    ]
    page.evaluate(
        "import('/activity.js').then(({Activity}) => { const section ="
        f" {element('#activity')}; const activity = new Activity(section);"
        f" {json.dumps(entries)}.forEach(entry => activity.add(entry)) }})"
    )
    shown = f"{element('#activity .log')}.innerText.match(/fine|Traceback|raised/g)"
    page.wait(f"{shown}?.join(' ') === 'Traceback raised'")
    assert page.evaluate(texts("#activity [data-kind=log] .text"))[-1] == "Traceback\n  File"
    page.click("#activity .choice:nth-of-type(2) span")
    page.wait(f"{shown}?.join(' ') === 'fine Traceback raised'")


@pytest.fixture(name="elsewhere")
def _elsewhere() -> Iterator[str]:
    """Another WebSocket server: it chooses `v2`, sends a binary frame, and echoes."""

    def talk(peer: ServerConnection) -> None:
        peer.send(b"\x00\xff")
        for message in peer:
            peer.send(message)

    with serve(talk, "127.0.0.1", 0, subprotocols=[Subprotocol("v2")]) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"ws://127.0.0.1:{server.socket.getsockname()[1]}/any?path"
        server.shutdown()
        thread.join()


def test_a_connection_to_any_url_is_added_and_removed(page: Page, elsewhere: str) -> None:
    """Only a WebSocket URL is accepted. Enter connects, Escape disconnects."""
    state, url, protocols = (f"{panel('C')} .{name}" for name in ("state", "url", "protocols"))
    page.click("#add")
    page.type(url, "http://example.com/")
    page.press("Enter")
    page.wait(f"{text(state)}.startsWith('not a WebSocket URL')")
    page.type(url, elsewhere)
    page.type(protocols, "no token: (")
    page.press("Enter")
    page.wait(f"{text(state)}.includes('subprotocol')")
    page.type(protocols, "v1, v2")
    page.press("Enter")
    page.wait(f"{text(state)} === 'connected, v2'")
    page.click("#senders label:nth-of-type(3) span")
    send(page, "plain text")
    page.wait(f"{received('C')}.length === 2")
    assert page.evaluate(received("C")) == ["binary 00 ff", "plain text"]
    page.evaluate(f"{element(url)}.focus()")
    page.press("Escape")
    page.wait(f"{text(state)} === 'closed 1000'")
    page.click(f"{panel('C')} .remove")
    assert page.evaluate(texts(".connection .badge")) == ["A", "B"]
    assert page.evaluate(f"{element('#senders input:checked')}.value") == "A"


def test_the_last_payloads_are_kept_for_the_next_visit(page: Page) -> None:
    """Alt and the arrows show them; Escape goes back to what was being written."""
    message = f"{element('#message')}.value"
    send(page, broadcast("first"))
    page.type("#message", broadcast("second"))
    page.press("Enter", CTRL)
    page.reload()
    page.wait(CONNECTED)
    assert page.evaluate(message) == broadcast("second"), "the last that went to the first route"
    page.type("#message", "a draft")
    for shown in ("second", "first"):
        page.press("ArrowUp", ALT)
        assert page.evaluate(message) == broadcast(shown)
    page.press("Escape")
    assert page.evaluate(message) == "a draft"
    page.click("#forget")
    assert page.evaluate("Object.values(localStorage)") == ["[]"]


@pytest.mark.parametrize("width", [320, 1280])
def test_nothing_is_wider_than_the_screen(page: Page, width: int) -> None:
    """Long frames and URLs wrap or scroll inside their own box."""
    page.resize(width, 844)
    send(page, broadcast("unbroken" * 200))
    page.wait(f"{received('B')}.length === 1")
    assert page.evaluate("document.documentElement.scrollWidth") == width
    page.click(f"{panel('B')} .remove")
    assert page.evaluate(texts(".connection .badge")) == ["A"], "the message's form covers it"


def test_a_log_keeps_the_last_500_entries(modules: Page) -> None:
    """It keeps at most a megabyte of text, and says how many entries it has dropped."""
    made = (
        "const {BoundedList} = await import('/list.js'); const ol = document.createElement('ol');"
    )
    filled = "const list = new BoundedList(ol); for (let n = 0; n < %d; n++)"
    add = "{ const li = document.createElement('li'); li.textContent = n; list.add(li, %d) }"
    end = "list.show(); return [ol.children.length, ol.firstChild.textContent, list.dropped]"
    script = f"(async () => {{ {made} {filled} {add} {end} }})()"
    assert modules.evaluate(script % (620, 5)) == [500, "120", 120]
    assert modules.evaluate(script % (20, 128 * 1024)) == [8, "12", 12]


def test_delays_double_up_to_half_a_minute_with_jitter(modules: Page) -> None:
    script = (
        "import('/backoff.js').then(({Backoff}) => [0, 0.999999].map(share => {"
        " const backoff = new Backoff({random: () => share});"
        " return Array.from({length: 8}, () => backoff.next()) }))"
    )
    shortest, longest = modules.evaluate(script)
    assert shortest == [0.25, 0.5, 1, 2, 4, 8, 15, 15]
    assert [round(each, 3) for each in longest] == [0.5, 1, 2, 4, 8, 16, 30, 30]


def test_a_handshake_is_taken_for_ones_own_only_if_it_was_alone(modules: Page) -> None:
    """A browser does not get its connection's id; the panel must not show the id of another."""
    script = (
        "import('/identity.js').then(({Handshakes}) => {"
        " const handshakes = new Handshakes(); const settle = handshakes.watch();"
        " %s.forEach(status => handshakes.saw({status})); return settle() })"
    )
    assert modules.evaluate(script % [403]) == {"status": 403}
    assert modules.evaluate(script % [101, 101]) is None


HOLD_THE_NEXT_LIST = """{
  const real = window.fetch;
  window.fetch = async (...request) => {
    const answer = await real(...request);
    if (!String(request[0]).endsWith("/connections")) return answer;
    window.fetch = real;
    const list = await answer.json();
    await new Promise((release) => { window.release = release });
    return new Response(JSON.stringify(list));
  };
}"""


def test_a_stopped_gateway_is_shown_and_come_back_to(page: Page, service: Service) -> None:
    """The live view and both connections come back by themselves, on the same port.

    A list that was requested before the end, and arrives after it, is not shown.
    """
    page.evaluate(HOLD_THE_NEXT_LIST)
    send(page, broadcast("a change of the list"))
    page.wait("window.release")
    with service.stopped():
        page.wait("document.body.dataset.gateway === 'down'")
        page.wait(f"/^next try in \\d+ s$/.test({text('#next')})")
        page.wait(f"{texts('.connection[data-state=waiting]')}.length === 2")
        assert "does not answer" in page.evaluate(f"{element('#stopped')}.innerText")
        page.evaluate("release()")
        assert page.evaluate(OPEN_IDS) == []
    page.wait(CONNECTED)
    page.wait(f"{OPEN_IDS}.length === 2")
    assert page.evaluate("document.body.dataset.gateway") == "up"
    page.complaints[:] = [each for each in page.complaints if "net::ERR_" not in each]
