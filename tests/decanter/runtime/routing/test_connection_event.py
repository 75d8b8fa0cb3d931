import pytest

from decanter.runtime.routing.connection_event import Handshake, Refused
from tests.support.events import connect_event


def handshake(*offers: str) -> Handshake:
    event = connect_event()
    if offers:
        event["multiValueHeaders"]["Sec-Websocket-Protocol"] = [*offers]
        event["headers"]["Sec-Websocket-Protocol"] = offers[-1]
    return Handshake(event)


def test_a_handshake_has_headers_query_and_address() -> None:
    it = handshake()
    assert it.connection_id == "Sender0000DoECA="
    assert it.query == {"token": "s3cret"}
    assert it.headers["host"].startswith("a1b2c3d4e5.execute-api")
    assert (it.source_ip, it.subprotocols) == ("127.0.0.1", [])


def test_an_event_may_lack_headers_and_query() -> None:
    it = Handshake({"requestContext": {"connectionId": "a"}})
    assert (it.headers, it.query, it.source_ip, it.subprotocols) == ({}, {}, "", [])


@pytest.mark.parametrize("offers", [("v2, v1",), ("v2", "v1"), (" v2 ,,v1 ",)])
def test_subprotocols_come_from_all_headers_in_order(offers: tuple[str, ...]) -> None:
    assert handshake(*offers).subprotocols == ["v2", "v1"]


def test_without_multi_value_headers_the_single_header_counts() -> None:
    event = {"requestContext": {"connectionId": "a"}, "headers": {"sec-websocket-protocol": "v1"}}
    assert Handshake(event).subprotocols == ["v1"]


def test_only_a_selected_subprotocol_is_in_the_response() -> None:
    it = handshake("v2, v1")
    assert it.response == {"statusCode": 200}
    it.subprotocol = "v1"
    assert it.response == {"statusCode": 200, "headers": {"Sec-WebSocket-Protocol": "v1"}}
    it.subprotocol = None
    assert it.response == {"statusCode": 200}


def test_a_subprotocol_must_be_offered() -> None:
    with pytest.raises(ValueError, match="the client did not offer subprotocol 'v3'"):
        handshake("v2, v1").subprotocol = "v3"


@pytest.mark.parametrize("status", [200, 302, 399, 600])
def test_a_refusal_needs_an_error_status(status: int) -> None:
    with pytest.raises(ValueError, match=f"400 to 599, not {status}"):
        Refused(status)


def test_a_refusals_text_is_its_reason_or_its_status() -> None:
    assert [str(Refused(401, "no token")), str(Refused())] == ["no token", "status 403"]
