"""Centrifugo's clients for JavaScript and Python, unmodified, through `decanter local`."""

import contextlib
import json
import socket
import time
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any

import jwt
import pytest

from tests.field_cases.apps import Done, run
from tests.support.channel_sockets import SHAPES
from tests.support.clients import JSON, call, receive, sweep
from tests.support.connection_table import Table
from tests.support.gateways import PROJECTS, SECONDS, Running, gateway, wait_until
from tests.support.marks import THOROUGH
from tests.support.sdk import IS_INSTALLED, Orders, Refused, SdkClient, everyone, running
from tests.support.tokens import BASE, HS256, SECRET

PATH = "connection/websocket"
KINDS = [
    pytest.param(
        "javascript",
        marks=pytest.mark.skipif(not IS_INSTALLED, reason="npm's packages: make node"),
    ),
    "python",
]
CHAT, FEED = "chat:lobby", "feed:any"
SHORT_SECONDS = 5
"""The life of a token that is refreshed a second before its end, not at its end."""

LATE_SECONDS = 3
"""The life of a token that is refreshed after its end."""


def rarely(*values: int) -> list[Any]:
    """Return parameters of slow variants."""
    return [pytest.param(each, marks=THOROUGH) for each in values]


@dataclass
class Lounge:
    """A gateway with an app that has channels."""

    running: Running

    @property
    def url(self) -> str:
        return self.running.banner("Mapping")

    def do(self, what: str, **arguments: Any) -> None:
        """Call a method of the app's router, in the function of its HTTP routes."""
        path = f"/v1/do/{what}"
        status, _, body = call(
            self.running, "POST", path, json.dumps(arguments).encode(), headers=JSON
        )
        assert (status, body) == (200, b"{}"), (status, body)

    def publish(self, channel: str, data: Any) -> None:
        self.do("publish", channel=channel, data=data)

    def sweep(self) -> None:
        """Run the sweep, whose schedule is an hour."""
        sweep(self.running)


@pytest.fixture(scope="module", name="lounge")
def _lounge() -> Iterator[Lounge]:
    usual = ("--path", PATH, "--no-reload")
    with gateway(PROJECTS / "lounge", *usual, environment=HS256) as it:
        yield Lounge(it)


@pytest.fixture(scope="module", params=KINDS, name="sdk")
def _sdk(request: pytest.FixtureRequest) -> Iterator[Orders]:
    with running(request.param) as orders:
        yield orders


@pytest.fixture(name="kind")
def _kind(request: pytest.FixtureRequest) -> str:
    """The name of the SDK under test."""
    return str(request.node.callspec.params["sdk"])


@pytest.fixture(name="client")
def _client(lounge: Lounge, sdk: Orders) -> Iterator[SdkClient]:
    with opened(lounge, sdk) as client:
        yield client


@contextlib.contextmanager
def opened(lounge: Lounge, sdk: Orders, **options: Any) -> Iterator[SdkClient]:
    """Yield a client that is not connected; disconnect it at the end."""
    client = sdk.client(lounge.url, **options)
    yield client
    client.order("disconnect")


def token(subject: str | None = "ann", seconds: float = 600, **claims: Any) -> str:
    """Return a token for a connection or, with `channel`, for a subscription."""
    usual = {"iss": BASE["DECANTER_JWT_ISSUER"], "aud": BASE["DECANTER_JWT_AUDIENCE"]}
    expiry = {"exp": int(time.time() + seconds)}
    return jwt.encode(usual | {"sub": subject} | expiry | claims, SECRET, algorithm="HS256")


# -- the connection ----------------------------------------------------------------------------


def test_a_client_connects_disconnects_and_connects_again(client: SdkClient) -> None:
    first = client.connect()["client"]
    assert client.order("state") == "connected"
    client.order("disconnect")
    assert client.wait("disconnected").context["code"] == 0
    second = client.connect()["client"]
    assert first != second


def test_a_loop_of_connects_and_disconnects(client: SdkClient) -> None:
    for _ in range(10):
        client.order("connect")
        client.order("disconnect")
    client.order("connect")
    client.wait("connected")
    assert client.order("rpc", method="echo", data={"still": "there"}) == {"still": "there"}


def test_a_call_waits_until_the_client_is_connected(client: SdkClient) -> None:
    client.begin("connect")
    calls = [client.begin("rpc", method="echo", data={"number": each}) for each in range(3)]
    assert [client.orders.result(each)["number"] for each in calls] == [0, 1, 2]


# -- channels ----------------------------------------------------------------------------------


def test_a_client_subscribes_publishes_and_receives(
    lounge: Lounge, sdk: Orders, client: SdkClient
) -> None:
    client.connect()
    assert client.subscribe(CHAT)["data"] == {"room": "lobby"}
    with opened(lounge, sdk, data={"name": "bob", "info": {"color": "blue"}}) as bob:
        me = bob.connect()["client"]
        bob.subscribe(CHAT)
        bob.order("publish", channel=CHAT, data={"text": "hi"})
        for each in (client, bob):
            seen = each.wait("publication", CHAT).context
            assert seen["data"] == {"by": "bob", "text": "hi"}
            assert (seen["info"]["client"], seen["info"]["user"]) == (me, "bob")
            assert seen["info"]["connInfo"] == {"color": "blue"}


def test_the_server_publishes_from_another_function(lounge: Lounge, client: SdkClient) -> None:
    client.connect()
    client.subscribe(FEED)
    lounge.publish(FEED, [1, "zwei", {"drei": None}])
    seen = client.wait("publication", FEED).context
    assert seen["data"] == [1, "zwei", {"drei": None}]
    assert not seen.get("info")


def test_a_command_publishes(lounge: Lounge, client: SdkClient) -> None:
    """A channel that the app does not declare, or an empty variable, never means everyone."""
    client.connect()
    client.subscribe(FEED)

    def publish(channel: str) -> Done:
        return run("publish", "--url", lounge.running.origin, "--channel", channel, '{"n": 1}')

    for channel in ("", "feeds:any", "$identity:ann"):
        done = publish(channel)
        assert done.refused
        assert f"channel {channel!r} matches no declared pattern: user:{{identity}}" in done.reason
    done = publish(FEED)
    assert done.out.startswith("sent 1, gone 0, pending 0")
    assert client.wait("publication", FEED).context["data"] == {"n": 1}
    assert client.have("publication", FEED) == client.have("message") == []


def test_a_command_sends_nothing_before_the_connect_command(lounge: Lounge) -> None:
    table = Table(lounge.running)
    before = table.ids()
    with lounge.running.connect() as raw:
        (connection_id,) = table.ids() - before
        done = run("publish", "--url", lounge.running.origin, "--to", connection_id, "1")
        assert "sent 0, gone 0, pending 1" in done.out
        raw.send('{"id":1,"connect":{}}')
        assert '"id":1' in receive(raw)


@pytest.mark.parametrize(
    ("channel", "code"), [("chat:closed", 103), ("unknown:x", 102), ("news:almost", 103)]
)
def test_a_refused_subscription_ends(client: SdkClient, channel: str, code: int) -> None:
    client.connect()
    client.start(channel)
    assert client.wait("unsubscribed", channel).context["code"] == code


@pytest.mark.parametrize(
    ("channel", "data", "code"),
    [
        ("news:all", {}, 103),
        (CHAT, "text", 107),
        (CHAT, {"full": True}, 418),
        ("unknown:x", {}, 102),
    ],
)
def test_a_refused_publication_is_an_error_of_the_call(
    client: SdkClient, channel: str, data: Any, code: int
) -> None:
    client.connect()
    if code != 102:
        client.subscribe(channel)
    with pytest.raises(Refused) as refusal:
        client.order("publish", channel=channel, data=data)
    assert refusal.value.code == code


def test_an_unsubscribed_client_receives_nothing_more(lounge: Lounge, client: SdkClient) -> None:
    client.connect()
    client.subscribe(FEED)
    client.subscribe("feed:other")
    client.order("unsubscribe", channel=FEED)
    assert client.wait("unsubscribed", FEED).context["code"] == 0
    assert client.order("rpc", method="echo", data=1) == 1  # the command before it is handled
    client.order("subscribe", channel=FEED)
    client.wait("subscribed", FEED)
    client.order("unsubscribe", channel=FEED)
    lounge.publish("feed:other", "marker")
    client.wait("publication", "feed:other")
    client.order("subscribe", channel=FEED)
    client.wait("subscribed", FEED)
    lounge.publish(FEED, "second")
    assert client.wait("publication", FEED).context["data"] == "second"


def test_a_client_unsubscribes_before_the_reply(lounge: Lounge, client: SdkClient) -> None:
    """The two handlers may run in any order; the last command wins."""
    client.connect()
    for number in range(5):
        channel = f"chat:early{number}"
        client.start(channel)
        client.order("unsubscribe", channel=channel)
        client.wait("unsubscribed", channel)
    client.subscribe("chat:early0again")
    assert {*client.order("presence", channel="chat:early0again")} != set()
    with opened(lounge, client.orders) as other:
        other.connect()
        other.subscribe("chat:early0")
        (mine,) = other.order("presence", channel="chat:early0")
        assert other.order("state") == "connected"
        assert mine


def test_a_client_subscribes_to_many_channels_in_one_frame(
    lounge: Lounge, client: SdkClient, kind: str
) -> None:
    """Before it is connected: then npm's client has all subscribes in one frame."""
    channels = [f"feed:many{number}" for number in range(100 if kind == "javascript" else 30)]
    for channel in channels:
        client.start(channel)
    client.order("connect")
    for channel in channels:
        client.wait("subscribed", channel)
    for channel in channels[::9]:
        lounge.publish(channel, channel)
        assert client.wait("publication", channel).context["data"] == channel


def test_a_loop_of_subscribes_and_unsubscribes(lounge: Lounge, client: SdkClient) -> None:
    client.connect()
    client.start("feed:loop")
    for _ in range(10):
        client.order("unsubscribe", channel="feed:loop")
        client.order("subscribe", channel="feed:loop")
    client.wait("subscribed", "feed:loop")
    lounge.publish("feed:loop", "last")
    assert client.wait("publication", "feed:loop").context["data"] == "last"


# -- routes ------------------------------------------------------------------------------------


def test_an_rpc_runs_a_route(client: SdkClient) -> None:
    client.connect()
    data = {"text": "é\n", "numbers": [1, 2.5, None]}
    assert client.order("rpc", method="echo", data=data) == data


@pytest.mark.parametrize(("method", "code"), [("nothing", 104), ("fail", 418), ("crash", 100)])
def test_an_rpc_fails_with_the_routes_error(client: SdkClient, method: str, code: int) -> None:
    client.connect()
    with pytest.raises(Refused) as refusal:
        client.order("rpc", method=method, data={})
    assert refusal.value.code == code
    assert client.order("state") == "connected"


def test_a_send_runs_a_route_and_a_message_comes_back(
    lounge: Lounge, client: SdkClient, kind: str
) -> None:
    """PyPI's client has no `send`, and ignores messages."""
    client.connect()
    lounge.do("broadcast", frame={"push": {"disconnect": {"code": 3500}}})
    if kind == "javascript":
        client.order("send", data={"message": "note", "data": 7})
        found = [client.wait("message").context["data"] for _ in range(2)]
        assert found == [{"push": {"disconnect": {"code": 3500}}}, {"noted": 7}]
    assert client.order("rpc", method="echo", data=1) == 1


def test_a_value_shaped_like_a_push_stays_data(lounge: Lounge, client: SdkClient) -> None:
    client.connect()
    client.subscribe(FEED)
    for value in SHAPES:
        client.order("publish", channel=FEED, data=value)
        assert client.wait("publication", FEED).context["data"] == value
        assert client.order("rpc", method="echo", data=value) == value
    lounge.do("broadcast", frame=SHAPES)
    assert client.order("state") == "connected"
    assert client.order("state", channel=FEED) == "subscribed"
    seen = {(each.name, each.channel) for each in client.seen} - {("message", None)}
    assert seen == {("connecting", None), ("subscribing", FEED)}


# -- presence ----------------------------------------------------------------------------------


def test_presence_joins_and_leaves(lounge: Lounge, sdk: Orders, client: SdkClient) -> None:
    channel = "chat:presence"
    mine = client.connect()["client"]
    client.subscribe(channel, join_leave=True)
    with opened(lounge, sdk, data={"name": "bob", "info": {"color": "red"}}) as bob:
        his = bob.connect()["client"]
        bob.subscribe(channel)
        while (joined := client.wait("join", channel).context["info"])["client"] == mine:
            pass
        assert joined["user"] == "bob"
        assert joined["connInfo"] == {"color": "red"}
        found = client.order("presence", channel=channel)
        assert {*found} == {mine, his}
        assert found[his]["user"] == "bob"
        assert client.order("presence_stats", channel=channel)["clients"] == 2
    assert client.wait("leave", channel).context["info"]["client"] == his
    assert {*client.order("presence", channel=channel)} == {mine}


def test_presence_where_it_is_not_declared_is_not_available(client: SdkClient) -> None:
    client.connect()
    client.subscribe(FEED)
    for order in ("presence", "history"):
        with pytest.raises(Refused) as refusal:
            client.order(order, channel=FEED)
        assert refusal.value.code == 108


# -- server-side subscriptions -----------------------------------------------------------------


def test_the_server_subscribes_a_user_on_all_devices(lounge: Lounge, sdk: Orders) -> None:
    ann = {"name": "ann"}
    with opened(lounge, sdk, data=ann) as phone, opened(lounge, sdk, data=ann) as laptop:
        for device in (phone, laptop):
            device.connect()
            device.wait("subscribed", "user:ann")
        lounge.publish("user:ann", {"for": "ann"})
        for device in (phone, laptop):
            assert device.wait("publication", "user:ann").context["data"] == {"for": "ann"}


def test_the_server_subscribes_and_unsubscribes_while_connected(
    lounge: Lounge, sdk: Orders
) -> None:
    with opened(lounge, sdk, data={"name": "eve"}) as client:
        client.connect()
        lounge.do("subscribe", identity="eve", channel="feed:eve")
        client.wait("subscribed", "feed:eve")
        lounge.publish("feed:eve", 1)
        assert client.wait("publication", "feed:eve").context["data"] == 1
        lounge.do("unsubscribe", identity="eve", channel="feed:eve")
        client.wait("unsubscribed", "feed:eve")


def test_the_server_ends_a_clients_own_subscription(lounge: Lounge, sdk: Orders) -> None:
    with opened(lounge, sdk, data={"name": "dan"}) as client:
        client.connect()
        client.subscribe("feed:dan")
        lounge.do("unsubscribe", identity="dan", channel="feed:dan")
        assert 2000 <= client.wait("unsubscribed", "feed:dan").context["code"] < 2500
        assert client.order("state") == "connected"


# -- tokens ------------------------------------------------------------------------------------


def test_a_token_names_the_user_and_its_channels(lounge: Lounge, sdk: Orders) -> None:
    claims: dict[str, Any] = {"info": {"color": "green"}, "channels": ["feed:given"]}
    with opened(lounge, sdk, token=token("tom", **claims)) as client:
        client.connect()
        client.wait("subscribed", "user:tom")
        client.wait("subscribed", "feed:given")
        assert client.order("rpc", method="whoami", data={}) == {"identity": "tom"}
        mine = client.subscribe(CHAT)
        assert mine
        (info,) = [
            each
            for each in client.order("presence", channel=CHAT).values()
            if each["user"] == "tom"
        ]
        assert info["connInfo"] == {"color": "green"}


@pytest.mark.parametrize("changes", [{"iss": "other"}, {"aud": "other"}, {"sub": None}])
def test_an_invalid_token_ends_the_client(
    lounge: Lounge, sdk: Orders, changes: dict[str, Any]
) -> None:
    with opened(lounge, sdk, token=token(**changes)) as client:
        client.order("connect")
        assert client.wait("disconnected").context["code"] == 3500


def test_a_refusal_of_the_app_ends_the_client(lounge: Lounge, sdk: Orders) -> None:
    with opened(lounge, sdk, data={"refused": True}) as client:
        client.order("connect")
        assert client.wait("disconnected").context["code"] == 3500


def test_an_expired_token_is_replaced(lounge: Lounge, sdk: Orders) -> None:
    script = [{"token": token("tim")}]
    with opened(lounge, sdk, token=token("tim", -600), script=script) as client:
        client.order("connect")
        client.wait("connected")
        assert client.wait("token").context == {"call": 1}
        assert client.order("rpc", method="whoami", data={}) == {"identity": "tim"}


def test_a_failing_function_for_tokens_is_called_again(lounge: Lounge, sdk: Orders) -> None:
    script = [{"error": "no network"}, {"error": "no network"}, {"token": token("ted")}]
    with opened(lounge, sdk, script=script) as client:
        client.order("connect")
        client.wait("connected")
        assert [client.wait("token").context["call"] for _ in range(3)] == [1, 2, 3]


def test_a_client_without_authority_ends(lounge: Lounge, sdk: Orders) -> None:
    with opened(lounge, sdk, script=[{"unauthorized": "yes"}]) as client:
        client.order("connect")
        assert client.wait("disconnected").context["code"] == 1


def test_a_token_is_refreshed_while_connected(lounge: Lounge, sdk: Orders) -> None:
    script = [{"token": token("tia")}]
    with opened(lounge, sdk, token=token("tia", SHORT_SECONDS), script=script) as client:
        mine = client.connect()["client"]
        client.wait("token")
        client.subscribe(CHAT)
        assert mine in client.order("presence", channel=CHAT)
        assert client.have("connecting")[1:] == []


def test_a_subscription_token_opens_its_channel(lounge: Lounge, sdk: Orders) -> None:
    with opened(lounge, sdk, data={"name": "sue"}) as client:
        client.connect()
        client.subscribe("private:sue", token=token("sue", channel="private:sue"))
        lounge.publish("private:sue", "secret")
        assert client.wait("publication", "private:sue").context["data"] == "secret"


@pytest.mark.parametrize(
    ("subject", "claims"),
    [
        ("sue", {}),
        ("sue", {"channel": "private:other"}),
        ("ann", {"channel": "private:a"}),
        ("sue", {"channel": "private:a", "iss": "other"}),
    ],
)
def test_a_foreign_subscription_token_opens_nothing(
    lounge: Lounge, sdk: Orders, subject: str, claims: dict[str, Any]
) -> None:
    """Without `channel` it is a token for connections."""
    with opened(lounge, sdk, data={"name": "sue"}) as client:
        client.connect()
        client.start("private:a", token=token(subject, **claims))
        assert client.wait("unsubscribed", "private:a").context["code"] == 103


def test_an_expired_subscription_token_is_replaced(lounge: Lounge, sdk: Orders) -> None:
    good = token("sam", channel="private:sam")
    script = [{"error": "no network"}, {"token": good}]
    expired = token("sam", -600, channel="private:sam")
    with opened(lounge, sdk, data={"name": "sam"}) as client:
        client.connect()
        client.start("private:sam", token=expired, script=script)
        client.wait("subscribed", "private:sam")
        client.wait("token", "private:sam")


def test_a_subscription_token_is_refreshed(lounge: Lounge, sdk: Orders) -> None:
    channel = "private:kim"
    script = [{"token": token("kim", channel=channel)}]
    with opened(lounge, sdk, data={"name": "kim"}) as client:
        client.connect()
        client.subscribe(channel, token=token("kim", SHORT_SECONDS, channel=channel), script=script)
        client.wait("token", channel)
        assert client.order("rpc", method="echo", data=1) == 1
        lounge.publish(channel, "after")
        assert client.wait("publication", channel).context["data"] == "after"
        assert client.have("unsubscribed", channel) == []


def test_a_client_that_refreshes_too_late_connects_again(lounge: Lounge, sdk: Orders) -> None:
    """It got no messages since its token expired, so it must know that some are missing."""
    late = {"token": token("lea"), "at": time.time() + LATE_SECONDS}
    with opened(lounge, sdk, token=token("lea", LATE_SECONDS), script=[late]) as client:
        first = client.connect()["client"]
        client.subscribe(CHAT)
        client.wait("connecting")
        assert client.wait("connecting").context["code"] == 3005
        assert client.wait("connected").context["client"] != first
        client.wait("subscribed", CHAT)
        assert client.order("rpc", method="whoami", data={}) == {"identity": "lea"}


def test_a_client_without_a_token_connects_again_after_the_expiry(
    lounge: Lounge, sdk: Orders
) -> None:
    """Such as a client with a cookie, whose SDK has no function that gets tokens."""
    with opened(lounge, sdk, data={"name": "pam", "seconds": LATE_SECONDS}) as client:
        first = client.connect()["client"]
        client.wait("connecting")
        deadline = time.monotonic() + SECONDS
        while not (seen := client.have("connecting")):
            assert time.monotonic() < deadline
            with contextlib.suppress(Refused):
                client.order("rpc", method="echo", data=1)
        assert seen[0].context["code"] == 3005
        assert client.wait("connected").context["client"] != first
        assert client.have("disconnected") == []


def test_a_subscription_that_is_refreshed_too_late_is_renewed(lounge: Lounge, sdk: Orders) -> None:
    channel = "private:lou"
    with opened(lounge, sdk, data={"name": "lou"}) as client:
        client.connect()
        late = {"token": token("lou", channel=channel), "at": time.time() + LATE_SECONDS}
        first = token("lou", LATE_SECONDS, channel=channel)
        client.subscribe(channel, token=first, script=[late])
        client.wait("subscribing", channel)
        assert client.wait("subscribing", channel).context["code"] == 2501
        client.wait("subscribed", channel)
        lounge.publish(channel, "after")
        assert client.wait("publication", channel).context["data"] == "after"
        assert client.have("unsubscribed", channel) == []


# -- ends --------------------------------------------------------------------------------------


@pytest.mark.parametrize("code", [3000, 3499, 4000, 4499, *rarely(3005, 3011)])
def test_after_these_codes_a_client_reconnects(lounge: Lounge, sdk: Orders, code: int) -> None:
    name = f"back{code}"
    with opened(lounge, sdk, data={"name": name}) as client:
        first = client.connect()["client"]
        client.subscribe(FEED)
        client.wait("connecting")
        lounge.do("kick", identity=name, code=code)
        assert client.wait("connecting").context["code"] == code
        assert client.wait("connected").context["client"] != first
        client.wait("subscribed", FEED)
        lounge.publish(FEED, code)
        assert client.wait("publication", FEED).context["data"] == code


@pytest.mark.parametrize("code", [3500, 3999, 4500, 4999, *rarely(3501, 3503)])
def test_after_these_codes_a_client_stays_away(lounge: Lounge, sdk: Orders, code: int) -> None:
    name = f"away{code}"
    with opened(lounge, sdk, data={"name": name}) as client:
        client.connect()
        client.subscribe("chat:kicked")
        with opened(lounge, sdk) as other:
            other.connect()
            other.subscribe("chat:kicked", join_leave=True)
            lounge.do("kick", identity=name, code=code)
            assert client.wait("disconnected").context["code"] == code
            assert other.wait("leave", "chat:kicked").context["info"]["user"] == name


@THOROUGH
def test_the_sweep_ends_a_client_whose_identity_has_expired(lounge: Lounge, sdk: Orders) -> None:
    """The client cannot get a token, and connects again. The sweep keeps rows younger than 30 s."""
    script = [{"error": "no network"}]
    with opened(lounge, sdk, token=token("old", 2), script=script) as client:
        client.connect()
        client.wait("connecting")
        client.wait("token")
        deadline = time.monotonic() + 30 + SECONDS
        while not (seen := client.have("connecting")):
            assert time.monotonic() < deadline
            lounge.sweep()
        assert seen[0].context["code"] == 3005


# -- the gateway and the network ---------------------------------------------------------------


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as sock:
        return int(sock.getsockname()[1])


def receive_all(lounge: Lounge, clients: list[SdkClient], data: Any) -> None:
    lounge.publish(FEED, data)
    for client in clients:
        assert client.wait("publication", FEED).context["data"] == data


def publish_to(lounge: Lounge, client: SdkClient, data: Any) -> bool:
    """Publish, and return True if the client has received it. A client that connects misses it."""
    lounge.publish(FEED, data)
    return any(each.context["data"] == data for each in client.have("publication", FEED))


def test_clients_go_on_after_the_gateway_was_killed_and_after_it_closed_them() -> None:
    """The maximum age closes with 1001, a kill without a close frame."""
    port = str(free_port())
    usual = ("--path", PATH, "--no-reload", "--port", port)
    url = f"ws://127.0.0.1:{port}/{PATH}"

    def start(*options: str) -> Any:
        return gateway(PROJECTS / "lounge", *usual, *options, environment=HS256)

    def come_back(clients: list[SdkClient]) -> None:
        for client in clients:
            client.wait("connected")
            client.wait("subscribed", FEED)

    with everyone(url) as clients:
        with start() as first:
            for client in clients:
                client.connect()
                client.subscribe(FEED)
            receive_all(Lounge(first), clients, 1)
            first.process.kill()
            first.process.wait()
        with start("--max-age", "3") as second:
            come_back(clients)
            come_back(clients)
            for client in clients:
                wait_until(partial(publish_to, Lounge(second), client, 2), "a client receives")
