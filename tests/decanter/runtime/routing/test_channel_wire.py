"""An app with channels in the test client: API Gateway's rules, its tables, its rights."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pynamodb.attributes import UnicodeAttribute

from decanter.runtime.channels.codes import ReplyError
from decanter.runtime.channels.interfaces import Member
from decanter.runtime.channels.tables import Tables
from decanter.runtime.errors import Forbidden, PostingRefusedError, SettingError
from decanter.runtime.fanout.outbox import Outbox
from decanter.runtime.routing.channel_wire import MOST_TOLD, ChannelWire
from decanter.runtime.routing.request import Request
from decanter.runtime.store.connections import IdentifiedModel
from decanter.runtime.transports import Outcome
from decanter.testing import WebSocket, WebSocketClient
from tests.field_cases.apps import imported
from tests.support.channel_app import APP
from tests.support.fakes import FakeClock
from tests.support.fixtures import LogLines
from tests.support.projects import write_project

CONFIG = {"version": "2.0", "app_name": "rooms", "stages": {"dev": {"lambda_timeout": 28}}}


class Connection(IdentifiedModel):
    connection_id = UnicodeAttribute(hash_key=True)


@pytest.fixture(name="project", scope="module")
def _project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_project(tmp_path_factory.mktemp("rooms") / "rooms", APP, CONFIG)


@pytest.fixture(name="client")
def _client(project: Path) -> Iterator[WebSocketClient]:
    with imported(project) as app, WebSocketClient(app, project_dir=project) as client:
        yield client
        for peer in app.peers:
            peer.heard()


class Peer:
    """A client of the protocol."""

    def __init__(self, client: WebSocketClient, token: str = "", data: Any = None) -> None:
        self.socket: WebSocket = client.connect(headers={"X-From": "home"})
        self.pushes: list[Any] = []
        self.number = 0
        client.app.peers.append(self)
        self.hello = self.ask("connect", token=token, data=data)

    def ask(self, command: str, /, **fields: Any) -> Any:
        self.number += 1
        self.socket.send_json({"id": self.number, command: fields})
        return self.reply()

    def reply(self) -> Any:
        """Return the next frame with an id."""
        while True:
            frame = self.socket.receive_json()
            if "id" in frame:
                return frame.get("error") or next(it for name, it in frame.items() if name != "id")
            self.pushes.append(frame["push"])

    def heard(self) -> list[Any]:
        """Return all pushes since the last call."""
        for frame in self.socket.unread:
            self.pushes += [json.loads(line)["push"] for line in frame.split("\n")]
        self.socket.inbox.frames.clear()
        found, self.pushes = self.pushes, []
        return found


def member(client: WebSocketClient, token: str, channel: str = "chat:1") -> Peer:
    peer = Peer(client, token)
    assert "code" not in peer.ask("subscribe", channel=channel)
    peer.heard()
    return peer


def data_of(pushes: list[Any]) -> list[Any]:
    return [it["pub"]["data"] for it in pushes if "pub" in it]


def test_the_connect_command_authenticates(client: WebSocketClient) -> None:
    ann = Peer(client, "ann")
    assert ann.hello == {
        "client": ann.socket.connection_id,
        "version": "decanter",
        "subs": {"user:ann": {}},
        "data": ["home", "127.0.0.1"],
    }
    assert Peer(client, "expired").hello["code"] == 109
    stranger = client.connect()
    stranger.send_json({"id": 1, "connect": {"token": "bad"}})
    assert stranger.receive_json()["push"]["disconnect"]["code"] == 3500
    assert stranger.closed


@pytest.mark.parametrize("frame", ['"hello world !"', '{"action":"echo"}', "hi", "[]"])
def test_a_raw_frame_ends_the_connection(client: WebSocketClient, frame: str) -> None:
    ann = Peer(client, "ann")
    ann.socket.send(frame)
    assert ann.socket.receive_json()["push"]["disconnect"]["code"] == 3501
    assert ann.socket.closed


def test_members_get_publications_and_strangers_do_not(client: WebSocketClient) -> None:
    ann, bob, eve = member(client, "ann"), member(client, "bob"), Peer(client, "eve")
    silent = client.connect()
    assert ann.ask("publish", channel="chat:1", data={"text": "hi"}) == {}
    assert data_of(bob.heard()) == [{"by": "ann", "text": "hi"}]
    assert eve.ask("publish", channel="chat:cellar", data={"text": "hi"})["code"] == 103
    report = client.invoke("do", {"call": "publish", "channel": "chat:1", "data": 5})
    assert report[0] == 2
    client.invoke("do", {"call": "broadcast", "frame": {"all": True}})
    assert bob.heard()[1:] == [{"message": {"data": {"all": True}}}]
    assert eve.heard() == [{"message": {"data": {"all": True}}}]
    assert silent.unread == []
    assert ann.ask("unsubscribe", channel="chat:1") == {}
    client.invoke("do", {"call": "publish", "channel": "chat:1", "data": 6})
    assert 6 not in data_of(ann.heard())


@pytest.mark.parametrize(
    ("command", "code"),
    [
        ({"subscribe": {"channel": "chat:cellar"}}, 103),
        ({"subscribe": {"channel": "chat:full"}}, 420),
        ({"subscribe": {"channel": "user:bob"}}, 103),
        ({"subscribe": {"channel": "nothing"}}, 102),
        ({"publish": {"channel": "chat:1", "data": {"text": 7}}}, 107),
        ({"publish": {"channel": "user:ann", "data": 1}}, 103),
        ({"rpc": {"method": "nothing", "data": {}}}, 104),
        ({"rpc": {"method": "$default", "data": {}}}, 104),
        ({"rpc": {"method": "fails", "data": {}}}, 107),
        ({"rpc": {"method": "fails", "data": {"text": "x"}}}, 100),
        ({"history": {"channel": "chat:1"}}, 108),
        ({"presence": {"channel": "user:ann"}}, 108),
    ],
)
def test_an_error_answers_its_command(
    client: WebSocketClient, command: dict[str, Any], code: int
) -> None:
    ann = member(client, "ann")
    ((name, fields),) = command.items()
    assert ann.ask(name, **fields)["code"] == code
    assert [type(each) for each in client.errors] == [ZeroDivisionError] * (code == 100)


def test_the_log_says_which_function_refused_without_an_answer(
    client: WebSocketClient, log_lines: LogLines
) -> None:
    ann = Peer(client, "ann")
    channel = client.app.router.wire.channels.find("raw")[0]
    channel.authorize = lambda subscription: None
    assert ann.ask("subscribe", channel="raw")["code"] == 103
    assert log_lines()[-1]["reason"] == f"<lambda> ({__name__}) returned None, not True or False"


@pytest.mark.parametrize(
    ("answer", "code", "errors"),
    [
        ({"statusCode": 429, "body": "later"}, 429, 0),
        (Forbidden(), 103, 0),
        (ReplyError(418), 418, 0),
        (None, 100, 1),
        (RuntimeError(), 100, 1),
    ],
)
def test_on_error_handles_exceptions_of_message_hooks(
    client: WebSocketClient, answer: Any, code: int, errors: int, log_lines: LogLines
) -> None:
    ann, router, handled = Peer(client, "ann"), client.app.router, []

    def fail(_: object) -> None:
        raise KeyError("hook")

    def on_error(request: Request, error: Exception) -> Any:
        handled.append((request.connection_id, str(error)))
        if isinstance(answer, Exception):
            raise answer
        return answer

    router.message_hooks.append(fail)
    assert ann.ask("rpc", method="echo", data=1)["code"] == 100
    router.error_handlers[LookupError] = on_error
    assert ann.ask("rpc", method="echo", data=1)["code"] == code
    assert handled == [(ann.socket.connection_id, "'hook'")]
    assert log_lines()[-1]["answered"] == "KeyError"
    assert len(client.errors) == 1 + errors


def is_allowed(_: object) -> bool:
    return False


@pytest.mark.parametrize("declared", ["message_hooks", "authenticator", "check_subscription"])
def test_a_hook_that_returns_false_accepts_nothing(
    client: WebSocketClient, declared: str, log_lines: LogLines
) -> None:
    ann, router = Peer(client, "ann"), client.app.router
    hooks: dict[str, Any] = {"message_hooks": [is_allowed], "authenticator": is_allowed}
    if declared == "check_subscription":
        router.authenticator.check_subscription = is_allowed
    else:
        setattr(router, declared, hooks[declared])
    refused = (
        Peer(client, "bob").hello
        if declared == "authenticator"
        else ann.ask("subscribe", channel="chat:1", token="t")
    )
    assert refused["code"] == 100
    assert "is_allowed" in log_lines()[-1]["error"]


def test_routes_answer_calls(client: WebSocketClient) -> None:
    ann = Peer(client, "ann")
    assert ann.ask("rpc", method="echo", data={"n": 1.0}) == {"data": {"got": {"n": 1.0}}}
    assert ann.ask("rpc", method="replies", data=None) == {"data": "first"}
    assert ann.heard() == [{"message": {"data": "second"}}]
    ann.socket.send('{"send":{"data":{"action":"shout","data": {"a" : 1.0}}}}')
    assert ann.socket.receive() == '{"push":{"message":{"data":{"a" : 1.0}}}}'
    ann.socket.send('{"send":{"data":{"action":"nothing"}}}')
    assert ann.socket.unread == []


def test_presence_lists_the_members(client: WebSocketClient) -> None:
    ann, bob = member(client, "ann"), member(client, "bob")
    assert [it["join"]["info"]["user"] for it in ann.heard()] == ["bob"]
    seen = ann.ask("presence", channel="chat:1")["presence"]
    assert seen[bob.socket.connection_id] == {
        "user": "bob",
        "client": bob.socket.connection_id,
        "conn_info": {"name": "bob"},
    }
    assert ann.ask("presence_stats", channel="chat:1") == {"num_clients": 2, "num_users": 2}
    bob.socket.close()
    assert [it["leave"]["info"]["user"] for it in ann.heard()] == ["bob"]
    assert client.app.ended == [("bob", 1000)]


def test_a_member_that_has_vanished_is_cleaned_up(client: WebSocketClient) -> None:
    ann, bob = member(client, "ann"), member(client, "bob")
    ann.heard()
    bob.socket.vanish()
    client.clock.advance(60)
    report = client.invoke("do", {"call": "publish", "channel": "chat:1", "data": 1})
    assert report[:2] == [1, 1]
    pub, leave = ann.heard()
    assert (pub["pub"]["data"], leave["leave"]["info"]["user"]) == (1, "bob")
    assert client.app.ended == [("bob", None)]
    assert client.invoke("do", {"call": "publish", "channel": "user:bob", "data": 1})[:2] == [0, 0]


def test_the_server_subscribes_and_ends_subscriptions(client: WebSocketClient) -> None:
    ann, phone, bob = Peer(client, "ann"), Peer(client, "ann"), Peer(client, "bob")
    client.invoke("do", {"call": "subscribe", "identity": "ann", "channel": "raw"})
    client.invoke("do", {"call": "publish", "channel": "raw", "data": 1})
    client.invoke("do", {"call": "unsubscribe", "identity": "ann", "channel": "raw"})
    client.invoke("do", {"call": "publish", "channel": "raw", "data": 2})
    for each in (ann, phone):
        kinds = [next(name for name in it if name != "channel") for it in each.heard()]
        assert kinds == ["subscribe", "pub", "unsubscribe"]
    client.invoke("do", {"call": "kick", "identity": "ann", "code": 4500, "reason": "late"})
    assert ann.heard() == [{"disconnect": {"code": 4500, "reason": "late"}}]
    assert ann.socket.closed
    assert phone.socket.closed
    assert (bob.heard(), bob.socket.closed) == ([], None)


def test_the_sweep_closes_stale_and_expired_clients(client: WebSocketClient) -> None:
    end = int(client.clock.time()) + 100
    ann, silent, bob = Peer(client, "ann", end), client.connect(), Peer(client, "bob")
    assert ann.hello["expires"] is True
    client.clock.advance(120)
    client.invoke("do", {"call": "publish", "channel": "user:ann", "data": 1})
    client.invoke("do", {"call": "broadcast", "frame": 2})
    ids = [each.connection_id for each in (ann.socket, silent, bob.socket)]
    report = client.invoke("do", {"call": "send", "connection_ids": ids, "frame": 3})
    assert report[:3] == [1, 0, 2]
    assert client.invoke("do", {"call": "send", "connection_ids": ids[0], "frame": 3})[0] == 0
    body = {"method": "send", "payload": {"connection_ids": ids, "data": 4}}
    client.http.signed.post("/publish", body=json.dumps(body).encode())
    client.drain()
    client.invoke("sweep")
    assert [it["disconnect"]["code"] for it in ann.heard()] == [3005]
    assert silent.receive_json()["push"]["disconnect"]["code"] == 3502
    assert (ann.socket.closed, silent.closed) == ((1000, "Connection Closed Normally"),) * 2
    assert bob.heard() == [{"message": {"data": data}} for data in (2, 3, 4)]


def test_an_expired_client_cannot_refresh(client: WebSocketClient) -> None:
    """It has missed messages, and must know."""
    ann = Peer(client, "ann", int(client.clock.time()) + 100)
    client.clock.advance(120)
    ann.socket.send_json({"id": 2, "refresh": {"token": "ann"}})
    assert [it["disconnect"]["code"] for it in ann.heard()] == [3005]
    assert ann.socket.closed is not None


def test_members_hear_that_an_expired_client_leaves(client: WebSocketClient) -> None:
    ann, bob = member(client, "ann"), Peer(client, "bob", int(client.clock.time()) + 100)
    bob.ask("subscribe", channel="chat:1")
    assert [it["join"]["info"]["user"] for it in ann.heard()] == ["bob"]
    client.clock.advance(120)
    client.invoke("sweep")
    assert [it["leave"]["info"]["user"] for it in ann.heard()] == ["bob"]


def test_members_hear_nothing_that_is_already_over(client: WebSocketClient) -> None:
    """API Gateway may run the handlers of a connection in any order."""
    ann, bob = member(client, "ann"), Peer(client, "bob")
    bob.number = 8
    bob.ask("unsubscribe", channel="chat:1")
    bob.number = 7
    bob.ask("subscribe", channel="chat:1")
    assert ann.heard() == []
    bob.number = 9
    bob.ask("subscribe", channel="chat:1")
    assert [it["join"]["info"]["user"] for it in ann.heard()] == ["bob"]
    router, mine = client.app.router, Member(bob.socket.connection_id, 1, "bob")
    router.wire.tell("chat:1", "leave", mine, router.outboxes.of({"requestContext": {}}, None))
    assert ann.heard() == []


def test_a_client_whose_row_is_lost_reconnects(client: WebSocketClient) -> None:
    """Such as after a replaced table: without a row it would get no messages."""
    ann = member(client, "ann")
    client.app.Connection(ann.socket.connection_id).delete()
    ann.socket.send_json({"id": 7, "rpc": {"method": "echo", "data": 1}})
    assert [it["disconnect"]["code"] for it in ann.heard()] == [3011]
    assert ann.socket.closed is not None


@pytest.mark.parametrize(
    ("call", "values"),
    [
        ("kick", {"identity": "ann"}),
        ("subscribe", {"identity": "ann", "channel": "raw"}),
        ("unsubscribe", {"identity": "ann", "channel": "raw"}),
        ("send", {"connection_ids": ["a="], "frame": 1}),
        ("publish", {"channel": "raw", "data": 1}),
    ],
)
def test_the_error_for_missing_rights_names_the_declaration(
    client: WebSocketClient, call: str, values: dict[str, Any]
) -> None:
    with pytest.raises(PostingRefusedError, match=r"as @uses\(sends=True\) on the function does"):
        client.invoke("cannot", {"call": call, **values})


def test_another_program_publishes_through_the_queue(client: WebSocketClient) -> None:
    ann, bob = member(client, "ann"), member(client, "bob", "raw")
    for body in (
        {"method": "publish", "payload": {"channel": "chat:1", "data": {"n": 1.5}}},
        {"method": "broadcast", "payload": {"channels": ["chat:1", "raw"], "data": "both"}},
        {"method": "subscribe", "payload": {"user": "bob", "channel": "chat:1"}},
        {"method": "everyone", "payload": {"text": '"}}}'}},
    ):
        answer = client.http.signed.post("/publish", body=json.dumps(body).encode())
        assert answer.status_code == 202, answer.body
    client.drain()
    assert sorted(map(str, data_of(ann.heard()))) == ["both", "{'n': 1.5}"]
    heard = bob.heard()
    assert "both" in data_of(heard)
    assert [it for it in heard if "message" in it] == [{"message": {"data": '"}}}'}}]
    assert [it["channel"] for it in heard if "subscribe" in it] == ["chat:1"]
    durable = {"call": "publish", "channel": "chat:1", "data": 3, "durable": True}
    assert client.invoke("do", durable)[-1]
    client.drain()
    assert data_of(ann.heard()) == [3]
    bad = {"method": "publish", "payload": {"channel": "nothing", "data": 1}}
    refused = client.http.signed.post("/publish", body=json.dumps(bad).encode())
    assert refused.status_code == 400


HOSTILE: st.SearchStrategy[Any] = st.sampled_from(
    [
        {"push": {"disconnect": {"code": 3500, "reason": "x"}}},
        {"push": {"channel": "user:ann", "pub": {"data": 1}}},
        {"id": 1, "error": {"code": 109}},
        {},
        '{"push":{"disconnect":{"code":3500}}}',
        '}}}\n{"push":{"disconnect":{"code":3500}}}',
        "\n",
        [{"push": {}}],
        None,
        "\u2028",
    ]
)


@settings(
    max_examples=10, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(values=st.lists(HOSTILE, min_size=1, max_size=5))
def test_values_that_look_like_pushes_stay_data(client: WebSocketClient, values: list[Any]) -> None:
    """Whatever a client chooses arrives as the data of a publication, a message or an answer."""
    ann, bob = member(client, "ann", "raw"), member(client, "bob", "raw")
    for value in values:
        assert ann.ask("publish", channel="raw", data=value) == {}
        assert ann.ask("rpc", method="echo", data=value) == {"data": {"got": value}}
        ann.socket.send_json({"send": {"data": {"action": "shout", "data": value}}})
    expected: list[Any] = []
    for value in values:
        expected += [("raw", "pub", value), ("", "message", value)]
    found = [
        (push.get("channel", ""), kind, push[kind]["data"])
        for push in bob.heard()
        for kind in push
        if kind != "channel"
    ]
    assert found == expected
    assert bob.socket.closed is None
    ann.heard()
    for peer in (ann, bob):
        peer.socket.close()


def test_the_counts_of_a_small_channel_are_never_old(client: WebSocketClient) -> None:
    """The SDKs' own suites ask for the presence of a channel that they have just left."""
    ann, bob = member(client, "ann"), member(client, "bob")
    assert ann.ask("presence_stats", channel="chat:1")["num_clients"] == 2
    bob.ask("unsubscribe", channel="chat:1")
    assert bob.ask("presence_stats", channel="chat:1") == {"num_clients": 1, "num_users": 1}
    assert [*bob.ask("presence", channel="chat:1")["presence"]] == [ann.socket.connection_id]


def test_a_large_channel_is_counted_every_five_seconds(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = FakeClock()
    found = [Member(f"{number}=", 1, f"user {number % 9}") for number in range(MOST_TOLD)]
    reads: list[str] = []

    def members(_: Tables, channel: str) -> list[Member]:
        reads.append(channel)
        return found

    monkeypatch.setattr(Tables, "members", members)
    wire = ChannelWire(None, clock, Connection, None)
    counts = {"num_clients": MOST_TOLD, "num_users": 9}
    assert [wire.statistics("chat:1"), wire.statistics("chat:1")] == [counts, counts]
    assert reads == ["chat:1"]
    clock.elapsed += 5
    wire.statistics("chat:1")
    assert reads == ["chat:1"] * 2


def test_an_answer_that_cannot_be_posted_is_a_logged_error(
    client: WebSocketClient, monkeypatch: pytest.MonkeyPatch, log_lines: LogLines
) -> None:
    """The announcements of the frame are still made."""
    ann, bob = member(client, "ann"), member(client, "bob", "raw")

    def cannot_post(outbox: Outbox, connection_id: str, frame: object) -> Outcome:
        raise SettingError("AWS_REGION", None, "set it to the API's region")

    with monkeypatch.context() as patched:
        patched.setattr(Outbox, "post", cannot_post)
        bob.socket.send_json({"id": 7, "subscribe": {"channel": "chat:1"}})
    assert [line["outcome"] for line in log_lines() if "AWS_REGION" in str(line)] == ["internal"]
    assert [push for push in ann.heard() if "join" in push]
