import pytest

from chalicelib.deadline import Deadline
from chalicelib.errors import BadJson, MissingData, NotAnObject, TooLarge
from chalicelib.outbox import MAX_MESSAGE_BYTES, Outbox
from chalicelib.request import Request
from chalicelib.transports import Transport
from chalicelib.workers import Workers

from .events import CONNECTED_AT, message_event
from .fakes import FakeClock, FakeConnections, FakeTransport


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


def test_a_message_that_api_gateway_gave_no_id_gets_one() -> None:
    event = message_event("{}")
    del event["requestContext"]["messageId"]
    it, other = (Request(event, None, outbox=None) for _ in "ab")  # type: ignore[arg-type]
    assert it.message_id
    assert it.message_id != other.message_id


@pytest.mark.parametrize(
    "data",
    [
        *("null", '""', "0", "[]", "false", "{}", "1.0", "1e5", "-0", "9" * 5000),
        *('"hello world !"', '"😀"', '"\\ud800"', '"\\u0000"', '{ "b": 1,\t"a": 2 }'),
        '"<script>alert(1)</script>"',
    ],
)
def test_any_json_is_data_and_raw_gives_the_clients_own_text_of_it(data: str) -> None:
    assert request(f'{{"message": "m", "data": {data}}}').raw("data") == data


def test_a_missing_member_is_told_from_null() -> None:
    with pytest.raises(MissingData, match="'data' is missing"):
        request('{"message": "m", "Data": 1}').raw("data")


@pytest.mark.parametrize("body", ["[]", "3", '"data"', "null"])
def test_what_is_no_object_has_no_members(body: str) -> None:
    with pytest.raises(NotAnObject):
        request(body).raw("data")


@pytest.mark.parametrize("body", [None, "", "None"])
def test_without_a_body_there_is_no_json(body: str | None) -> None:
    with pytest.raises(BadJson):
        _ = request(body).json


def test_reply_send_and_broadcast_post_text_as_it_is(transport: FakeTransport) -> None:
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
