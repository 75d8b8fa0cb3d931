import json
from collections.abc import Collection

import pytest

from decanter.runtime.errors import (
    BadJson,
    MissingData,
    NotAnObject,
    PostingRefusedError,
    TooLarge,
    UnknownRoute,
)
from decanter.runtime.fanout.deadline import Deadline
from decanter.runtime.fanout.outbox import Outbox
from decanter.runtime.fanout.workers import Workers
from decanter.runtime.recipients import Removed
from decanter.runtime.routing.connection_event import Disconnection
from decanter.runtime.routing.request import MAX_REF_BYTES, Request, error_frame
from decanter.runtime.settings import MAX_MESSAGE_BYTES
from decanter.runtime.transports import Outcome, Result, Transport, outcome_of
from tests.support.events import CONNECTED_AT, disconnect_event, message_event
from tests.support.fakes import GONE, FakeClock, FakeConnections, FakeTransport
from tests.support.fixtures import LogLines


@pytest.fixture(name="transport")
def _transport() -> FakeTransport:
    return FakeTransport(FakeClock())


def request(body: str | None, transport: Transport | None = None) -> Request:
    clock = FakeClock()
    now = clock.monotonic()
    outbox = Outbox(
        transport=lambda: transport or FakeTransport(clock),
        connections=FakeConnections({"a": CONNECTED_AT, "b": CONNECTED_AT}),
        deadline=Deadline(now + 20, now + 21),
        clock=clock,
        workers=Workers(clock),
        backoff=lambda _: 0.0,
    )
    return Request(message_event(body), "the context", outbox)


def test_it_has_the_ids_of_its_event() -> None:
    it = request("{}")
    assert (it.connection_id, it.request_id, it.message_id, it.connected_at, it.context) == (
        *("Sender0000DoECA=", "Rq1xYz0wDoEFbQg=", "Ms1xYz0wDoECJpw="),
        *(CONNECTED_AT, "the context"),
    )


def test_a_message_without_an_id_gets_one() -> None:
    event = message_event("{}")
    del event["requestContext"]["messageId"]
    it, other = (Request(event, None, outbox=None) for _ in "ab")  # type: ignore[arg-type]
    assert it.message_id
    assert it.message_id != other.message_id


@pytest.mark.parametrize(
    "data",
    [
        *("null", '""', "0", "[]", "false", "{}", "1.0", "1e5", "-0", "9" * 4300),
        *('"hello world !"', '"😀"', '"\\ud83d\\ude00"', '"\\u0000"', '{ "b": 1,\t"a": 2 }'),
        '"<script>alert(1)</script>"',
    ],
)
def test_raw_returns_the_clients_own_text_of_any_json(data: str) -> None:
    assert request(f'{{"message": "m", "data": {data}}}').raw("data") == data


def test_the_senders_identity_is_read_once() -> None:
    connections = FakeConnections()
    it = request("{}")
    it.outbox.connections = connections
    assert it.identity is None
    connections.rows[it.connection_id] = CONNECTED_AT
    assert it.identity is None
    again = request("{}")
    again.outbox.connections = connections
    assert again.identity == "somebody"


def test_a_missing_member_differs_from_null() -> None:
    with pytest.raises(MissingData, match="'data' is missing"):
        request('{"message": "m", "Data": 1}').raw("data")


@pytest.mark.parametrize("body", ["[]", "3", '"data"', "null"])
def test_a_message_that_is_not_an_object_has_no_members(body: str) -> None:
    with pytest.raises(NotAnObject):
        request(body).raw("data")


@pytest.mark.parametrize("body", [None, "", "None"])
def test_an_empty_body_is_not_valid_json(body: str | None) -> None:
    with pytest.raises(BadJson):
        _ = request(body).json


def test_reply_send_and_broadcast_post_text_unchanged(transport: FakeTransport) -> None:
    it = request("{}", transport)
    it.reply("one")
    it.send("b", "two")
    it.broadcast('"drei \u00fc"')
    it.broadcast("rest", after="a")
    assert transport.posts == [
        *(("Sender0000DoECA=", "one"), ("b", "two")),
        *(("a", '"drei ü"'), ("b", '"drei ü"'), ("b", "rest")),
    ]


def test_the_limit_is_counted_in_bytes_and_checked_before_anything_is_sent(
    transport: FakeTransport,
) -> None:
    it = request("{}", transport)
    for send in (it.reply, it.broadcast):
        with pytest.raises(TooLarge) as caught:
            send("é" * (MAX_MESSAGE_BYTES // 2) + "x")
        assert caught.value.size == MAX_MESSAGE_BYTES + 1
    assert transport.posts == []
    it.reply("é" * (MAX_MESSAGE_BYTES // 2))
    assert len(transport.posts) == 1


def test_a_broadcast_can_have_a_lower_size_limit_than_a_reply(
    transport: FakeTransport,
) -> None:
    it = request("{}", transport)
    it.outbox.max_broadcast_bytes = 10
    for send in (it.broadcast, lambda frame: it.send(["a", "b"], frame)):
        with pytest.raises(TooLarge, match="11 bytes are more than the 10"):
            send("\u00e9" * 5 + "x")
    assert transport.posts == []
    it.broadcast("\u00e9" * 5)
    it.reply("x" * 11)
    assert len(transport.posts) == 3


def test_other_values_are_sent_as_json(transport: FakeTransport) -> None:
    it = request("{}", transport)
    it.reply({"a": [1, "\u00fc\ud800"]})
    it.broadcast(["b"], exclude="a")
    it.send(["a", "c"], {})
    assert [text for _, text in transport.posts] == [
        *('{"a":[1,"\\u00fc\\ud800"]}', '["b"]', "{}", "{}"),
    ]


@pytest.mark.parametrize(("exclude", "rest"), [("a", "b"), (["a", "b"], ""), (("c",), "ab")])
def test_a_broadcast_skips_excluded_connections(
    transport: FakeTransport, exclude: str | Collection[str], rest: str
) -> None:
    report = request("{}", transport).broadcast("text", exclude=exclude)
    assert [connection_id for connection_id, _ in transport.posts] == [*rest]
    assert (report.sent, report.left_over) == (len(rest), 0)


def test_a_send_goes_to_the_given_connections(transport: FakeTransport) -> None:
    assert request("{}", transport).send(["b", "x"], "text").sent == 2
    assert transport.posts == [("b", "text"), ("x", "text")]


def test_a_disconnect_hooks_broadcast_skips_the_ended_connection(transport: FakeTransport) -> None:
    outbox = request("{}", transport).outbox
    removed = Removed("a", CONNECTED_AT, lambda: {"identity": "ann"})
    ended = Disconnection(disconnect_event(connectionId="a"), None, outbox, removed)
    assert (ended.identity, ended.connected_at) == ("ann", CONNECTED_AT)
    assert (ended.code, ended.reason) == (1001, "Going away")
    ended.broadcast("left")
    ended.broadcast("left", exclude="b")
    assert transport.posts == [("b", "left")]


@pytest.mark.parametrize(
    ("outcome", "level"),
    [(outcome_of(403, "ForbiddenException"), "ERROR"), (outcome_of(500), "WARNING")],
)
def test_a_failed_reply_is_logged(
    transport: FakeTransport, log_lines: LogLines, outcome: Outcome, level: str
) -> None:
    transport.answer("Sender0000DoECA=", outcome)
    if outcome.result is Result.REFUSED:
        with pytest.raises(PostingRefusedError, match="ForbiddenException"):
            request("{}", transport).reply("text")
    else:
        report = request("{}", transport).reply("text")
        assert (report.failed, report.failed_ids) == (1, ("Sender0000DoECA=",))
    (line,) = log_lines()
    assert (line["event"], line["level"], line["result"]) == (
        *("post_failed", level),
        outcome.result.value,
    )


def test_a_reply_to_a_gone_client_is_not_an_error(
    transport: FakeTransport, log_lines: LogLines
) -> None:
    transport.answer("Sender0000DoECA=", GONE)
    request("{}", transport).reply("text")
    assert log_lines() == []


def bare_request(body: str) -> Request:
    return Request(message_event(body), None, outbox=None)  # type: ignore[arg-type]


def test_a_frame_has_the_shape_that_clients_rely_on() -> None:
    assert error_frame(bare_request('{"ref": 7}'), UnknownRoute(["sendmessage"])) == (
        '{"error": {"code": "unknown_route", "message": "no such route; there are: sendmessage", '
        '"temporary": false, "known_routes": ["sendmessage"], "ref": 7}, '
        '"connectionId": "Sender0000DoECA=", "requestId": "Rq1xYz0wDoEFbQg="}'
    )


@pytest.mark.parametrize(
    "ref", ["1e5", "null", '"\\u0000"', '{"a":  [1.0]}', "9" * 256, '"é"', "1e-999"]
)
def test_the_clients_ref_is_echoed_unchanged(ref: str) -> None:
    frame = error_frame(bare_request(f'{{"ref": {ref}}}'), NotAnObject())
    assert f', "ref": {ref}}}, "connectionId"' in frame
    json.loads(frame)


@pytest.mark.parametrize(
    "body",
    [
        *("", "[]", "{}", '{"ref": NaN}', '{"ref": 1e999}'),
        *(f'{{"ref": "{ref}"}}' for ref in ("x" * (MAX_REF_BYTES - 1), "é" * (MAX_REF_BYTES // 2))),
    ],
)
def test_a_missing_or_too_long_ref_is_not_echoed(body: str) -> None:
    assert "ref" not in json.loads(error_frame(bare_request(body), NotAnObject()))["error"]
