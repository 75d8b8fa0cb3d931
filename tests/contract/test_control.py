"""The console and its interface: access rules and functions."""

import http.client
import json
from typing import Any
from urllib.parse import quote, urlsplit

import pytest

from tests.support.apps import NO_DATABASE
from tests.support.clients import JSON, call, connection_id, port, seen_by
from tests.support.gateways import PROJECTS, SECONDS, Running, gateway


@pytest.mark.parametrize("path", ["/", "/console.js", "/_gateway/info", "/_gateway/connections"])
@pytest.mark.parametrize(
    "host",
    ["evil.example", "evil.example:{port}", "127.0.0.1", "127.0.0.1:1", "localhost.evil:{port}"],
)
def test_another_host_is_forbidden(probe: Running, path: str, host: str) -> None:
    """After DNS rebinding, a page's request has the page's host name."""
    assert call(probe, "GET", path, headers={"Host": host.format(port=port(probe))})[0] == 403


@pytest.mark.parametrize("origin", ["http://evil.example", "null", "https://127.0.0.1:{port}"])
def test_another_origin_is_forbidden(probe: Running, origin: str) -> None:
    headers = {"Origin": origin.format(port=port(probe)), **JSON}
    assert call(probe, "GET", "/_gateway/connections", headers=headers)[0] == 403
    assert call(probe, "POST", "/_gateway/faults", b"{}", headers=headers)[0] == 403


@pytest.mark.parametrize("site", ["cross-site", "same-site"])
def test_embedding_by_another_page_is_forbidden_and_a_link_is_allowed(
    probe: Running, site: str
) -> None:
    headers = {"Sec-Fetch-Site": site, "Sec-Fetch-Mode": "no-cors"}
    assert call(probe, "GET", "/_gateway/connections", headers=headers)[0] == 403
    assert call(probe, "GET", "/", headers=headers)[0] == 200


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "LOCALHOST", "[::1]"])
def test_the_gateways_names_are_served(probe: Running, host: str) -> None:
    name = f"{host}:{port(probe)}"
    headers = {"Host": name, "Origin": f"http://{name.lower()}"}
    assert call(probe, "GET", "/_gateway/info", headers=headers)[0] == 200


@pytest.mark.parametrize("kind", ["text/plain", "application/x-www-form-urlencoded", ""])
def test_a_form_can_change_nothing(probe: Running, kind: str) -> None:
    headers = {"Content-Type": kind} if kind else {}
    body = b'{"target": "connections", "action": "500"}'
    assert call(probe, "POST", "/_gateway/faults", body, headers=headers)[0] == 415
    assert json.loads(call(probe, "GET", "/_gateway/faults")[2]) == {"faults": []}


def test_delete_closes_one_connection(probe: Running) -> None:
    with probe.connect() as client:
        path = f"/_gateway/connections/{quote(connection_id(client))}"
        assert call(probe, "DELETE", path)[0] == 415
        assert call(probe, "DELETE", path, headers={"X-Decanter": "1"})[0] == 204
        assert seen_by(client)[0] == 1000
        assert call(probe, "DELETE", path, headers=JSON)[0] == 404


def test_info_describes_the_served_app(probe: Running) -> None:
    info = json.loads(call(probe, "GET", "/_gateway/info")[2])
    assert info["websocket_url"] == probe.url
    assert info["routes"]["$default"]["handler"] == "obey"
    assert info["http_routes"] == ["/", "/items/{name}"]


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [("GET", "/_gateway/x", 404), ("PUT", "/_gateway/faults", 405), ("HEAD", "/", 200)],
)
def test_statuses_by_method_and_path(probe: Running, method: str, path: str, status: int) -> None:
    assert call(probe, method, path, headers=JSON)[0] == status


def test_the_live_view_shows_each_event(probe: Running) -> None:
    client = http.client.HTTPConnection(urlsplit(probe.url).netloc, timeout=SECONDS)
    client.request("GET", "/_gateway/events")
    stream = client.getresponse()
    assert stream.headers["Content-Type"] == "text/event-stream"
    kinds: list[str] = []
    with probe.connect() as peer:
        mine = connection_id(peer)
    while "disconnect" not in kinds:
        line = stream.readline()
        if line.startswith(b"data: "):
            entry: dict[str, Any] = json.loads(line[6:])
            if entry.get("connection") == mine:
                kinds.append(entry["kind"])
    stream.close()
    client.close()
    assert [kind for kind in kinds if kind != "ran"] == ["connect", "message", "disconnect"]


def test_an_address_other_than_loopback_causes_a_warning(public: Running) -> None:
    assert public.wait_for_line("the gateway listens on 0.0.0.0: any host that reaches it")
    assert call(public, "GET", "/_gateway/info")[0] == 200


def test_json_lines_and_verbose_events() -> None:
    with gateway(
        PROJECTS / "echo", *NO_DATABASE, "--log-format", "json", "--verbose", ready='"serving"'
    ) as it:
        about = json.loads(it.wait_for_line('"serving"'))
        assert about["websocket_url"].startswith("ws://127.0.0.1:")
        it.lines.append(f"WebSocket {about['websocket_url']}")
        with it.connect("secret=1") as client:
            client.send("payload")
            assert client.recv(timeout=SECONDS) == "payload"
        it.wait_for_line('"kind": "disconnect"')
        entries = [json.loads(line) for line in it.lines if line.startswith("{")]
    events = [entry["event"] for entry in entries if entry["kind"] == "event"]
    assert [event.get("body") for event in events] == ["payload"]


def test_the_log_has_no_payloads_and_no_query_strings(probe: Running) -> None:
    with probe.connect("token=hidden-query") as client:
        client.send('{"send": "hidden-payload"}')
        client.recv(timeout=SECONDS)
    probe.wait_for_line("disconnect")
    assert not any("hidden" in line for line in probe.lines)


def test_an_invocation_that_is_not_kept_is_not_found(probe: Running) -> None:
    assert call(probe, "GET", "/_gateway/invocations/unknown")[0] == 404
