"""Rules 1 to 17: the handshake."""

import http.client
import json
import socket
from urllib.parse import quote, urlsplit

import pytest
from websockets.exceptions import InvalidStatus
from websockets.sync.client import ClientConnection, connect

from tests.contract.conftest import MAPPING, Events, Serve, source_of
from tests.support.clients import ask, call, connection_id, handshake, own_event, receive
from tests.support.gateways import SECONDS, Running, wait_until


def refused(probe: Running, query: str) -> InvalidStatus:
    """Return the refusal of a handshake."""
    with pytest.raises(InvalidStatus) as refusal, probe.connect(query):
        pass
    return refusal.value


def returning(value: object) -> str:
    """Return the query that makes the connect handler return a value."""
    return "return=" + quote(json.dumps(value))


@pytest.mark.rule(1)
@pytest.mark.parametrize("slash", ["", "/"])
def test_the_socket_is_at_the_stage(probe: Running, slash: str) -> None:
    with connect(probe.url + slash, open_timeout=SECONDS) as client:
        assert ask(client, send="here") == "here"


@pytest.mark.rule(94)
@pytest.mark.parametrize("slash", ["", "/"])
def test_the_socket_is_also_at_the_mapping_of_a_custom_domain(probe: Running, slash: str) -> None:
    """Events and @connections still have the stage."""
    url = probe.banner("Mapping") + slash
    assert urlsplit(url).path == f"/{MAPPING}{slash}"
    with connect(url, open_timeout=SECONDS) as client:
        event = own_event(client)
        assert event["requestContext"]["stage"] == "api"
        probe.management().post_to_connection(
            ConnectionId=event["requestContext"]["connectionId"], Data=b"posted"
        )
        assert receive(client) == "posted"


@pytest.mark.rule(94)
def test_at_a_mapping_of_several_levels_header_names_are_in_lower_case(
    probe: Running, events: Events
) -> None:
    url = probe.banner("Mapping")
    with connect(url, additional_headers={"X-Mine": "1"}, open_timeout=SECONDS) as client:
        seen = events.of("CONNECT", connection_id(client))
    assert seen["headers"]["x-mine"] == "1"
    assert {*seen["headers"]} == {*seen["multiValueHeaders"]}
    assert all(name == name.lower() for name in seen["headers"])


@pytest.mark.rule(2, 3)
@pytest.mark.parametrize(
    "path", ["/", "/other", "/api/more", "/apix", "/API", "//api", f"/{MAPPING}/more"]
)
def test_another_path_is_forbidden(probe: Running, path: str) -> None:
    parts = urlsplit(probe.url)
    with pytest.raises(InvalidStatus) as refusal:
        connect(f"ws://{parts.netloc}{path}", open_timeout=SECONDS)
    assert refusal.value.response.status_code == 403
    body = json.loads(refusal.value.response.body or b"")
    assert body == {"message": "Forbidden", "hint": f"the WebSocket API is at {probe.url}"}
    assert probe.wait_for_line(f"refused +GET {path} 403: the WebSocket API is at {probe.url}")


@pytest.mark.parametrize("has_routes", [True, False])
def test_a_plain_request_to_another_path_gets_the_urls_of_both_apis(
    probe: Running, serve: Serve, has_routes: bool
) -> None:
    served = probe if has_routes else serve(source_of("bare"))
    http = f"the HTTP routes are at {served.url.replace('ws:', 'http:')}, and "
    status, _, body = call(served, "POST", "/other/items/x")
    hint = f"{http if has_routes else ''}the WebSocket API is at {served.url}"
    assert (status, json.loads(body)["hint"]) == (403, hint)


@pytest.mark.rule(4)
def test_a_plain_request_is_answered_upgrade_required(serve: Serve) -> None:
    bare = serve(source_of("bare"))
    client = http.client.HTTPConnection(urlsplit(bare.url).netloc, timeout=SECONDS)
    client.request("GET", urlsplit(bare.url).path)
    assert client.getresponse().status == 426
    client.close()


@pytest.mark.rule(5)
def test_the_client_opens_only_after_its_connect_handler(probe: Running, events: Events) -> None:
    parts = urlsplit(probe.url)
    before = events.count("CONNECT")
    with socket.create_connection((parts.hostname, parts.port), SECONDS) as raw:
        raw.sendall(handshake(probe, f"{parts.path}?sleep=0.3"))
        wait_until(lambda: events.count("CONNECT") > before, "the handler has begun")
        raw.setblocking(False)
        with pytest.raises(BlockingIOError):
            raw.recv(1)
        raw.settimeout(SECONDS)
        assert raw.recv(12) == b"HTTP/1.1 101"


@pytest.mark.rule(6)
def test_without_a_connect_handler_every_client_is_accepted(serve: Serve) -> None:
    with serve(source_of("bare")).connect() as client:
        client.send("anything")
        assert receive(client) == "bare got anything"


@pytest.mark.rule(7)
@pytest.mark.parametrize("status", [200, 201, 299])
def test_a_2xx_opens(probe: Running, status: int) -> None:
    with probe.connect(returning({"statusCode": status})) as client:
        assert ask(client, send="in") == "in"


@pytest.mark.rule(8)
@pytest.mark.parametrize("status", [301, 400, 401, 501])
def test_another_status_refuses_with_it(probe: Running, status: int) -> None:
    assert refused(probe, returning({"statusCode": status})).response.status_code == status


@pytest.mark.rule(9)
@pytest.mark.parametrize("query", ["raise=1", "exit=1"])
def test_a_connect_handler_that_raises_or_dies_is_a_502(probe: Running, query: str) -> None:
    assert refused(probe, query).response.status_code == 502


@pytest.mark.rule(10)
@pytest.mark.parametrize(
    "value",
    [
        {"statusCode": "200"},
        {"statusCode": True},
        {"statusCode": None},
        {"statusCode": 200, "extra": 1},
        {"statusCode": 200, "headers": []},
        {"statusCode": 101},
        {"statusCode": 600},
    ],
)
def test_a_malformed_result_is_a_502(probe: Running, value: object) -> None:
    assert refused(probe, returning(value)).response.status_code == 502


@pytest.mark.rule(11)
def test_a_connect_handler_past_the_integration_timeout_is_a_504(hasty: Running) -> None:
    assert refused(hasty, "sleep=1.5").response.status_code == 504


@pytest.mark.rule(12)
def test_only_the_subprotocol_of_the_handlers_headers_reaches_the_client(probe: Running) -> None:
    value = {
        "statusCode": 200,
        "body": "b",
        "headers": {"X-Mine": "1", "sec-websocket-protocol": "b"},
    }
    with probe.connect(returning(value), subprotocols=["a", "b"]) as client:
        response = client.response
        assert response is not None
        assert response.headers["Sec-WebSocket-Protocol"] == "b"
        assert "X-Mine" not in response.headers
        assert not response.body


@pytest.mark.rule(12)
def test_the_subprotocol_may_be_in_the_multi_value_headers(probe: Running) -> None:
    value = {"statusCode": 200, "multiValueHeaders": {"Sec-WebSocket-Protocol": ["a"]}}
    with probe.connect(returning(value), subprotocols=["a"]) as client:
        assert client.subprotocol == "a"


@pytest.mark.rule(13)
def test_the_gateway_picks_no_subprotocol_itself(probe: Running) -> None:
    with probe.connect(subprotocols=["a", "b"]) as client:
        assert client.response is not None
        assert "Sec-WebSocket-Protocol" not in client.response.headers


@pytest.mark.rule(14)
def test_compression_is_not_negotiated(probe: Running) -> None:
    with connect(probe.url, compression="deflate", open_timeout=SECONDS) as client:
        assert client.response is not None
        assert "Sec-WebSocket-Extensions" not in client.response.headers


@pytest.mark.rule(16)
@pytest.mark.parametrize(("length", "status"), [(4096, 101), (4097, 414)])
def test_a_url_above_4096_bytes_is_refused(probe: Running, length: int, status: int) -> None:
    parts = urlsplit(probe.url)
    target = f"{parts.path}?a=".ljust(length, "x")
    with socket.create_connection((parts.hostname, parts.port), SECONDS) as raw:
        raw.sendall(handshake(probe, target))
        assert raw.recv(12) == f"HTTP/1.1 {status}".encode()


@pytest.mark.rule(17)
def test_a_refusal_has_the_connection_and_request_ids(probe: Running, events: Events) -> None:
    refusal = refused(probe, returning({"statusCode": 401}))
    body = json.loads(refusal.response.body or b"")
    context = events.of("CONNECT", body["connectionId"])["requestContext"]
    assert body == {
        "message": "Unauthorized",
        "connectionId": context["connectionId"],
        "requestId": context["requestId"],
    }


@pytest.mark.rule(43)
def test_a_refused_handshake_has_no_disconnect_event(probe: Running, events: Events) -> None:
    body = json.loads(refused(probe, returning({"statusCode": 403})).response.body or b"")
    with probe.connect() as client:
        other = connection_id(client)
    events.of("DISCONNECT", other)  # later events have been handled
    assert not (events.folder / f"DISCONNECT-{body['connectionId']}.json").exists()


@pytest.mark.rule(77)
def test_a_post_while_the_connect_handler_runs_is_gone_and_so_a_502(probe: Running) -> None:
    assert refused(probe, "self=1").response.status_code == 502


def test_a_client_that_gives_up_during_the_handshake_is_disconnected(
    probe: Running, events: Events
) -> None:
    parts = urlsplit(probe.url)
    before = events.count("CONNECT")
    with socket.create_connection((parts.hostname, parts.port), SECONDS) as raw:
        raw.sendall(handshake(probe, f"{parts.path}?sleep=0.3&return=%7B%7D"))
        wait_until(lambda: events.count("CONNECT") > before, "the handler has begun")
    newest = max(events.folder.glob("CONNECT-*.json"), key=lambda path: path.stat().st_mtime)
    context = events.of("DISCONNECT", newest.stem.removeprefix("CONNECT-"))["requestContext"]
    assert context["disconnectStatusCode"] == 1006


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        (["Sec-WebSocket-Version: 8"], 400),
        (["Sec-WebSocket-Key: short"], 400),
        (["User-Agent: a\x01b"], 400),
        (["X-Large: " + "x" * 20000], 431),
        (["not a header"], 400),
    ],
)
def test_a_bad_handshake_is_refused_and_reaches_no_handler(
    probe: Running, events: Events, headers: list[str], status: int
) -> None:
    parts = urlsplit(probe.url)
    before = events.count("CONNECT")
    with socket.create_connection((parts.hostname, parts.port), SECONDS) as raw:
        raw.sendall(handshake(probe, parts.path, *headers))
        assert raw.recv(12) == f"HTTP/1.1 {status}".encode()
    assert events.count("CONNECT") == before


def still_serves(client: ClientConnection) -> bool:
    """Return True if a connection's messages are answered."""
    return bool(own_event(client)["requestContext"]["eventType"] == "MESSAGE")


@pytest.mark.rule(9)
def test_a_handler_that_dies_ends_no_other_connection(probe: Running) -> None:
    with probe.connect() as other:
        assert refused(probe, "exit=1").response.status_code == 502
        assert still_serves(other)
