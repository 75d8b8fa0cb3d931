"""A session's commands: replies, errors and the end of a connection, without any network."""

import json
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from decanter.runtime.channels import codec
from decanter.runtime.channels.codes import Disconnect, ReplyError
from decanter.runtime.channels.declaration import Channel, Channels, Publication, Subscription
from decanter.runtime.channels.interfaces import Grant, Welcome
from decanter.runtime.channels.pattern import MOST_CHANNELS
from decanter.runtime.errors import Flooding, Forbidden, MessageError, RateLimited
from tests.support.channels import NOW, Stage, greeted


class TooLate(MessageError):
    code = "too_late"
    number = 417


def _channels() -> Channels:
    channels = Channels()
    chat = Channel("chat:{room}", lambda subscription, room: room != "cellar", presence=True,
                   join_leave=True)  # fmt: skip
    raising: dict[str, Callable[[], Exception]] = {
        "forbidden": Forbidden,
        "late": lambda: TooLate("too late"),
        "broken": lambda: ZeroDivisionError("x"),
        "flood": Flooding,
    }

    @chat.on_publish
    def say(publication: Publication[Any], room: str) -> Any:
        if isinstance(publication.data, str) and publication.data in raising:
            raise raising[publication.data]()
        return publication.data

    channels.add(chat)
    channels.add(Channel("user:{identity}", lambda s, identity: s.identity == identity))
    channels.add(Channel("secret:{x}", _with_token))
    return channels


def _with_token(subscription: Subscription, x: str) -> bool:
    subscription.expires_at = NOW + 100
    subscription.data = {"x": x}
    return subscription.has_token


@pytest.fixture(name="stage")
def _stage() -> Stage:
    stage = Stage(_channels(), "A", "B")
    greeted(stage, "A")
    return stage


def sent(stage: Stage, number: int, method: str, /, **fields: Any) -> Any:
    """Send one command and return its reply."""
    answer = stage.send("A", json.dumps({"id": number, method: fields}))
    assert answer.end is None
    return json.loads(answer.frames[0])


def test_connect_names_the_client() -> None:
    stage = Stage(_channels(), "A")
    stage.app.welcome = Welcome(
        "a:b", {"name": "Ann"}, NOW + 100, [1], channels=["user:a%3Ab", "chat:1"]
    )
    assert sent(stage, 1, "connect", token="t", name="js") == {
        "id": 1,
        "connect": {
            "client": "A",
            "version": "decanter",
            "expires": True,
            "ttl": 90,
            "data": [1],
            "subs": {"user:a%3Ab": {}, "chat:1": {}},
        },
    }
    assert stage.app.told == [("chat:1", "join", "A")]


def test_a_client_without_a_token_is_not_asked_to_refresh() -> None:
    """An SDK without a token would disconnect. Later, code 3005 makes it reconnect."""
    stage = Stage(_channels(), "A")
    stage.app.welcome = Welcome("ann", expires_at=NOW + 100)
    assert sent(stage, 1, "connect")["connect"] == {"client": "A", "version": "decanter"}
    stage.now = NOW + 100
    answer = stage.send("A", '{"id":2,"rpc":{"method":"m"}}')
    assert answer.end is not None
    assert answer.end.code == 3005


def test_a_client_that_floods_is_closed(stage: Stage) -> None:
    stage.app.refusal = Flooding()
    answer = stage.send("A", '{"id":2,"subscribe":{"channel":"chat:1"}}')
    assert answer.end is not None
    assert answer.end.code == 3503


@pytest.mark.parametrize("refusal", [None, RateLimited(), Flooding()])
@pytest.mark.parametrize("command", ['"connect":{}', '"subscribe":{"channel":"chat:1"}'])
def test_a_client_without_a_row_reconnects(
    stage: Stage, refusal: Exception | None, command: str
) -> None:
    """The row is lost, such as after a replaced table, or the connection has already ended.

    Without a row, no count of messages exists, so the client is not known to flood.
    """
    stage.app.refusal = refusal
    del stage.store.rows["A"]
    answer = stage.send("A", f'{{"id":2,{command}}}')
    assert answer.end is not None
    assert answer.end.code == 3011
    (frame,) = answer.frames
    assert json.loads(frame)["push"]["disconnect"]["code"] == 3011
    assert stage.store.memberships == {}


@pytest.mark.parametrize("frame", ['{"id":2,"subscribe":{"channel":"chat:1"}}', '{"send":{}}'])
def test_nothing_is_done_before_connect(frame: str) -> None:
    stage = Stage(_channels(), "A")
    answer = stage.send("A", frame)
    assert answer.end is not None
    assert answer.end.code == 3501
    assert stage.store.memberships == {}
    assert stage.app.called == []


def test_a_client_from_before_the_app_had_channels_reconnects() -> None:
    """Its row lacks the request that the authenticate hook would check."""
    stage = Stage(_channels(), "A")
    stage.store.rows["A"] = stage.store.rows["A"]._replace(handshake="")
    answer = stage.send("A", '{"id":1,"connect":{"token":"ann"}}')
    assert answer.end is not None
    assert answer.end.code == 3011
    assert not stage.store.rows["A"].is_greeted


def test_a_client_leaves_a_channel_that_the_app_no_longer_declares(stage: Stage) -> None:
    sent(stage, 2, "subscribe", channel="chat:1")
    stage.app.told.clear()
    stage.channels = Channels()
    assert sent(stage, 3, "subscribe", channel="chat:1")["error"]["code"] == 102
    assert sent(stage, 4, "unsubscribe", channel="chat:1") == {"id": 4, "unsubscribe": {}}
    assert stage.store.member("chat:1", "A") is None
    assert sent(stage, 5, "unsubscribe", channel="chat:2")["error"]["code"] == 102
    assert stage.app.told == []
    assert stage.app.errors == []


def test_a_second_connect_ends_the_connection(stage: Stage) -> None:
    answer = stage.send("A", '{"id":2,"connect":{"token":"bob"}}')
    assert answer.end is not None
    assert answer.end.code == 3501
    assert json.loads(answer.frames[-1])["push"]["disconnect"]["code"] == 3501


def test_an_expired_identity_is_an_error_or_the_end(stage: Stage) -> None:
    other = Stage(_channels(), "A")
    other.app.welcome = Welcome("ann", expires_at=NOW)
    assert sent(other, 1, "connect")["error"]["code"] == 110
    assert sent(other, 1, "connect", token="t")["error"]["code"] == 109
    stage.app.welcome = Welcome("ann", expires_at=NOW + 50)
    assert sent(stage, 2, "refresh", token="t")["refresh"] == {
        "client": "A", "version": "decanter", "expires": True, "ttl": 40
    }  # fmt: skip
    stage.now += 49.9
    assert "rpc" in sent(stage, 3, "rpc", method="m")
    stage.now = NOW + 50
    answer = stage.send("A", '{"id":3,"rpc":{"method":"m"}}')
    assert answer.end is not None
    assert answer.end.code == 3005
    stage.app.welcome = Welcome("ann", expires_at=NOW + 500)
    late = stage.send("A", '{"id":4,"refresh":{"token":"t"}}')  # messages are missing
    assert late.end is not None
    assert late.end.code == 3005


def test_a_refresh_keeps_the_identity(stage: Stage) -> None:
    stage.app.welcome = Welcome("bob")
    answer = stage.send("A", '{"id":2,"refresh":{"token":"t"}}')
    assert answer.end is not None
    assert answer.end.code == 3500


@pytest.mark.parametrize(
    ("channel", "code"),
    [("chat:cellar", 103), ("user:bob", 103), ("other", 102), ("", 102), ("$identity:ann", 102)],
)
def test_a_subscribe_that_is_refused(stage: Stage, channel: str, code: int) -> None:
    assert sent(stage, 2, "subscribe", channel=channel)["error"]["code"] == code
    assert stage.store.memberships == {}


def test_a_subscribe_with_a_token(stage: Stage) -> None:
    assert sent(stage, 2, "subscribe", channel="secret:x", token="bad")["error"]["code"] == 103
    reply = sent(stage, 3, "subscribe", channel="secret:x", token="good")
    assert reply["subscribe"] == {"expires": True, "ttl": 90, "data": {"x": "x"}}
    assert sent(stage, 4, "subscribe", channel="secret:x", token="good")["id"] == 4
    assert "sub_refresh" in sent(stage, 5, "sub_refresh", channel="secret:x", token="good")


def test_a_refused_refresh_ends_the_subscription(stage: Stage) -> None:
    sent(stage, 3, "subscribe", channel="secret:x", token="good")
    answer = stage.send("A", '{"id":4,"sub_refresh":{"channel":"secret:x","token":"bad"}}')
    push, error = map(json.loads, answer.frames[0].split("\n"))
    assert push["push"]["unsubscribe"]["code"] == 2000
    assert error["error"]["code"] == 103
    assert stage.store.member("secret:x", "A") is None


def test_a_subscription_that_has_expired_begins_again(stage: Stage) -> None:
    sent(stage, 3, "subscribe", channel="secret:x", token="good")
    stage.store.memberships["secret:x", "A"] = 3, None
    for number, data in enumerate(('"token":"good"', '"token":"bad"'), 4):
        answer = stage.send("A", f'{{"id":{number},"sub_refresh":{{"channel":"secret:x",{data}}}}}')
        push, error = map(json.loads, answer.frames[0].split("\n"))
        assert push["push"] == {
            "channel": "secret:x", "unsubscribe": {"code": 2501, "reason": "subscription expired"}
        }  # fmt: skip
        assert error["error"]["code"] == 110
    other = sent(stage, 6, "sub_refresh", channel="secret:y", token="good")
    assert other["error"]["code"] == 103


def test_members_hear_who_comes_and_goes(stage: Stage) -> None:
    sent(stage, 2, "subscribe", channel="chat:1")
    sent(stage, 3, "unsubscribe", channel="chat:1")
    sent(stage, 4, "unsubscribe", channel="chat:1")
    assert stage.app.told == [("chat:1", "join", "A"), ("chat:1", "leave", "A")]


def test_a_client_that_may_not_listen_cannot_publish_or_ask(stage: Stage) -> None:
    for number, method in enumerate(("publish", "presence", "presence_stats"), 2):
        error = sent(stage, number, method, channel="chat:cellar", data="hi")["error"]
        assert error["code"] == 103
    assert stage.app.published == []


@pytest.mark.parametrize("is_member", [True, False])
def test_a_client_that_may_listen_may_publish(stage: Stage, *, is_member: bool) -> None:
    """As Centrifugo's `allow_publish_for_client`: the SDKs publish without a subscription too."""
    if is_member:
        sent(stage, 3, "subscribe", channel="chat:1")
    assert sent(stage, 4, "publish", channel="chat:1", data={"push": {}})["publish"] == {}
    ((channel, push),) = stage.app.published
    assert channel == "chat:1"
    assert json.loads(push) == {
        "push": {
            "channel": "chat:1",
            "pub": {"data": {"push": {}}, "info": {"user": "ann", "client": "A"}},
        }
    }
    sent(stage, 5, "publish", channel="chat:1", data=None)
    assert len(stage.app.published) == 1
    assert stage.app.notes == [f"say ({__name__}) returned None, so nothing is published"]


@pytest.mark.parametrize(
    ("data", "code", "temporary"),
    [("forbidden", 103, None), ("late", 417, None), ("broken", 100, True)],
)
def test_an_error_of_the_app_is_answered(
    stage: Stage, data: str, code: int, temporary: bool | None
) -> None:
    sent(stage, 3, "subscribe", channel="chat:1")
    error = sent(stage, 4, "publish", channel="chat:1", data=data)["error"]
    assert (error["code"], error.get("temporary")) == (code, temporary)
    assert [type(each) for each in stage.app.errors] == [ZeroDivisionError] * (code == 100)


def test_an_error_that_closes_ends_the_connection(stage: Stage) -> None:
    sent(stage, 3, "subscribe", channel="chat:1")
    answer = stage.send("A", '{"id":4,"publish":{"channel":"chat:1","data":"flood"}}')
    assert answer.end is not None
    assert answer.end.code == 3503


def test_presence_needs_the_right_to_listen_and_a_declaration(stage: Stage) -> None:
    assert sent(stage, 2, "presence", channel="chat:1")["presence"] == {"presence": {}}
    assert sent(stage, 3, "presence", channel="user:ann")["error"]["code"] == 108
    sent(stage, 4, "subscribe", channel="chat:1")
    assert sent(stage, 5, "presence", channel="chat:1")["presence"] == {
        "presence": {"A": {"user": "ann", "client": "A"}}
    }
    assert sent(stage, 6, "presence_stats", channel="chat:1")["presence_stats"]["num_clients"] == 1
    assert sent(stage, 7, "history", channel="chat:1")["error"]["code"] == 108


def test_a_connection_has_a_limited_number_of_channels(stage: Stage) -> None:
    for number in range(MOST_CHANNELS):
        assert "subscribe" in sent(stage, number + 2, "subscribe", channel=f"chat:{number}")
    assert sent(stage, 200, "subscribe", channel="chat:one-more")["error"]["code"] == 106
    assert "subscribe" in sent(stage, 201, "subscribe", channel="chat:5")


def test_channels_that_the_server_has_ended_do_not_count(stage: Stage) -> None:
    """Their names stay in the row, such as of a player whom the server moves from room to room."""
    for number in range(MOST_CHANNELS):
        session = stage.store.rows["A"]
        stage.store.join(session, {f"chat:{number}": Grant()})
        stage.store.leave(session, f"chat:{number}", None)
    frame = "\n".join(
        json.dumps({"id": number, "subscribe": {"channel": f"chat:{number}"}})
        for number in range(200, 201 + MOST_CHANNELS)
    )
    replies = [json.loads(it) for it in stage.send("A", frame).frames[0].split("\n")]
    assert [it["id"] for it in replies if "error" in it] == [200 + MOST_CHANNELS]


def test_the_names_of_channels_have_a_limited_size(stage: Stage) -> None:
    for number in range(16):
        sent(stage, number + 2, "subscribe", channel=f"chat:{number:0250}")
    assert sent(stage, 200, "subscribe", channel=f"chat:{99:0250}")["error"]["code"] == 106


def test_commands_before_the_end_are_answered(stage: Stage) -> None:
    answer = stage.send("A", '{"id":2,"rpc":{"method":"m","data":5}}\n{"send":{"data":1}}\nraw')
    first, push = map(json.loads, answer.frames[0].split("\n"))
    assert (first["rpc"]["data"], push["push"]["disconnect"]["code"]) == (5, 3501)
    assert stage.app.called == [("m", "5"), ("", "1")]


VALUES: st.SearchStrategy[Any] = st.none() | st.booleans() | st.integers() | st.text(max_size=8)
FIELDS = st.dictionaries(
    st.sampled_from(["channel", "token", "data", "method", "recover", "offset", "epoch", "subs"]),
    VALUES | st.sampled_from(["chat:1", "user:ann", "secret:x", "good", "forbidden", "broken"]),
    max_size=4,
)
METHODS = st.sampled_from([*codec.METHODS, "ping"])
COMMANDS = st.fixed_dictionaries({}, optional={"id": st.integers(-1, 2**33) | VALUES}).flatmap(
    lambda head: st.dictionaries(METHODS, FIELDS | VALUES, max_size=2).map(lambda b: head | b)
)


@settings(deadline=None)  # the machine may be busy
@given(lines=st.lists(COMMANDS.map(json.dumps) | st.text(max_size=10), max_size=6))
def test_hostile_commands_are_answered_or_end_the_connection(lines: list[str]) -> None:
    """Each gets a reply, an error or the end; only the app's own bug is logged."""
    stage = Stage(_channels(), "A")
    greeted(stage, "A")
    answer = stage.send("A", "\n".join(lines))
    for frame in answer.frames:
        for line in frame.split("\n"):
            reply = json.loads(line)
            assert "push" in reply or reply["id"] > 0
    assert {type(each) for each in stage.app.errors} <= {ZeroDivisionError}
    assert answer.end is None or isinstance(answer.end, Disconnect)


def test_an_unexpected_error_code_has_a_text() -> None:
    assert str(ReplyError(499)) == "499 error"
    with pytest.raises(ValueError, match="3000 to 4999"):
        Disconnect(1000)
