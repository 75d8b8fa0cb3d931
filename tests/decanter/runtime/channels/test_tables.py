"""Both tables with a DynamoDB over HTTP, and handlers of one connection that overlap."""

import itertools
import random
import threading
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import pytest
from pynamodb.attributes import UnicodeAttribute
from pynamodb.connection import Connection

from decanter import IdentifiedModel, connection_table
from decanter.runtime.channels.interfaces import Grant, Session, Welcome
from decanter.runtime.channels.memberships import Memberships, SubscriptionModel, subscription_table
from decanter.runtime.channels.pattern import identity_key
from decanter.runtime.channels.tables import AllRows, Listeners, Tables
from decanter.runtime.errors import DeclarationError
from decanter.runtime.recipients import MAX_AGE_MS
from decanter.runtime.store import tables as declared_tables
from decanter.runtime.store.tables import dispatch
from tests.support.events import CONNECTED_AT, connect_event

NOW = CONNECTED_AT + 60_000
ME = "Sender0000DoECA="


@connection_table(env="CHANNEL_CONNECTIONS")
class Row(IdentifiedModel):
    connection_id = UnicodeAttribute(hash_key=True, attr_name="connectionID")


@subscription_table(env="CHANNEL_SUBSCRIPTIONS")
class Listening(SubscriptionModel):
    """The subscriptions of these tests."""


del declared_tables.declared[-2:]  # they are not tables of an app

_numbers = itertools.count()


def one_by_one(work: Callable[[str], Any], items: list[str]) -> list[Any]:
    return [*map(work, items)]


class Clocked:
    """A time that a test sets."""

    now_ms = NOW

    def __call__(self) -> int:
        return self.now_ms


@pytest.fixture(name="time")
def _time() -> Clocked:
    return Clocked()


@pytest.fixture(name="tables")
def _tables(aws_environment: None, monkeypatch: pytest.MonkeyPatch, time: Clocked) -> Tables:
    number = next(_numbers)
    monkeypatch.setenv("CHANNEL_CONNECTIONS", f"channel-connections-{number}")
    monkeypatch.setenv("CHANNEL_SUBSCRIPTIONS", f"channel-subscriptions-{number}")
    Row.create_table()
    Listening.create_table(billing_mode="PAY_PER_REQUEST")
    return Tables(Row, Memberships(Listening, time), one_by_one)


def greeted(tables: Tables, welcome: Welcome | None = None, connection_id: str = ME) -> Session:
    """Return the session of a new connection after its connect command."""
    event = connect_event()
    event["requestContext"]["connectionId"] = connection_id
    tables.record(event)
    session = tables.read(connection_id)
    assert session is not None
    assert tables.greet(session, welcome or Welcome("ann", {"name": "Ann"}))
    found = tables.read(connection_id)
    assert found is not None
    return found


def recipients(tables: Tables, channel: str, now_ms: int = NOW) -> list[str]:
    page = Listeners(tables, channel).page("", now_ms)
    assert page.last is None
    return [each.connection_id for each in page.recipients]


def test_a_client_that_has_not_said_hello_gets_nothing(tables: Tables) -> None:
    tables.record(connect_event())
    assert tables.page("", NOW).recipients == []
    all_rows = AllRows(Row, tables.memberships, one_by_one).page("", NOW).recipients
    assert [each.identity_expires_at for each in all_rows] == [1]
    session = tables.read(ME)
    assert session is not None
    assert not session.is_greeted
    assert session.handshake
    assert tables.greet(session, Welcome("ann"))
    assert [each.connection_id for each in tables.page("", NOW).recipients] == [ME]
    assert not tables.greet(session, Welcome("bob"))
    assert [each.identity for each in tables.members(identity_key("ann"))] == ["ann"]
    assert [*tables.members(identity_key("bob"))] == []


def test_a_row_from_before_the_app_had_channels_gets_nothing(tables: Tables) -> None:
    """The sweep closes its connection, and nothing else fails because of it."""
    Row.record(connect_event(), identity="ann", identity_expires_at=NOW // 1000 + 60)
    session = tables.read(ME)
    assert session is not None
    assert (session.is_greeted, session.handshake) == (False, "")
    assert tables.page("", NOW).recipients == []
    all_rows = AllRows(Row, tables.memberships, one_by_one).page("", NOW).recipients
    assert [each.identity_expires_at for each in all_rows] == [1]
    assert not tables.join(session, {"a": Grant(2)})
    assert recipients(tables, "a") == []
    removed = tables.remove(ME)
    assert removed is not None
    assert removed.left == []


def test_a_subscription_without_newer_attributes_stays_a_subscription(tables: Tables) -> None:
    """Only the key is certain, and other programs may write anything."""
    session = greeted(tables)
    forms: dict[str, dict[str, dict[str, str]]] = {
        "bare": {},
        "damaged": {"connected_at": {"S": "soon"}, "seq": {"N": "1"}},
        "stale": {"connected_at": {"N": str(CONNECTED_AT - 10_000_000)}},
    }
    for channel, attributes in forms.items():
        item = {"channel": {"S": channel}, "connectionID": {"S": ME}, **attributes}
        dispatch(Listening, "PutItem", Item=item)
    assert {name: recipients(tables, name) for name in forms} == {
        "bare": [ME],
        "damaged": [ME],
        "stale": [],
    }
    assert [member.as_seen() for member in tables.members("bare")] == [{"client": ME}]
    tables.extend_membership(session, "bare", NOW // 1000)
    assert recipients(tables, "bare") == []
    assert tables.join(session, {"bare": Grant(2)})
    assert tables.member("bare", ME) is not None
    assert tables.leave(session, "damaged", None) is not None
    assert recipients(tables, "damaged") == []


def test_a_row_keeps_the_session(tables: Tables) -> None:
    session = greeted(tables, Welcome("ann", {"name": "Ann"}, NOW // 1000 + 60))
    assert session[:6] == (ME, CONNECTED_AT, True, "ann", '{"name":"Ann"}', NOW // 1000 + 60)
    assert session.handshake == ""
    assert tables.identify(ME) == "ann"


def test_a_connection_that_has_ended_cannot_be_greeted_or_join(tables: Tables) -> None:
    session = greeted(tables)
    tables.remove(ME)
    assert tables.read(ME) is None
    assert not tables.greet(session, Welcome("ann"))
    assert not tables.join(session, {"a": Grant(2), "b": Grant(3)})
    assert [*Listening.scan()] == []


def test_the_end_of_a_connection_ends_all_its_subscriptions(tables: Tables) -> None:
    session = greeted(tables)
    names = [f"chat:{number}" for number in range(45)]
    assert tables.join(session, {name: Grant(2 + number) for number, name in enumerate(names)})
    assert tables.join(session, {"news": Grant()})
    removed = tables.remove(ME)
    assert removed is not None
    assert sorted(name for name, _ in removed.left) == sorted([*names, "news"])
    assert {member.identity for _, member in removed.left} == {"ann"}
    assert [*Listening.scan()] == []


def test_the_latest_command_decides(tables: Tables) -> None:
    session = greeted(tables)
    assert tables.leave(session, "a", 7) is None
    assert tables.join(session, {"a": Grant(6)})
    assert tables.member("a", ME) is None
    assert tables.join(session, {"a": Grant(8)})
    assert tables.leave(session, "a", 7) is None
    assert recipients(tables, "a") == [ME]
    left = tables.leave(session, "a", 9)
    assert left is not None
    assert left.as_seen() == {"user": "ann", "client": ME, "conn_info": '{"name":"Ann"}'}
    assert recipients(tables, "a") == []


def test_the_server_keeps_the_clients_number(tables: Tables) -> None:
    session = greeted(tables)
    assert tables.join(session, {"a": Grant(5)})
    assert tables.leave(session, "a", None) is not None
    assert tables.join(session, {"a": Grant(4)})
    assert recipients(tables, "a") == []
    assert tables.join(session, {"a": Grant()})
    assert tables.leave(session, "a", 5) is None
    assert recipients(tables, "a") == [ME]
    assert tables.leave(session, "a", 6) is not None


def test_past_an_expiry_nothing_comes(tables: Tables, time: Clocked) -> None:
    end = NOW // 1000 + 100
    session = greeted(tables, Welcome("ann", expires_at=end))
    tables.join(session, {"a": Grant(2), "b": Grant(3, until=end - 50)})
    later = NOW + 60_000
    assert recipients(tables, "a", later) == [ME]
    assert recipients(tables, "b", later) == []
    time.now_ms = later
    assert tables.member("b", ME) is None
    tables.extend_membership(session, "b", end + 50)
    assert recipients(tables, "b", later) == [ME]
    assert recipients(tables, "b", NOW + 120_000) == []
    tables.extend(session, end + 1000)
    assert recipients(tables, "a", NOW + 120_000) == [ME]
    tables.extend(session, 0)
    assert recipients(tables, "a", NOW + 2_000_000) == [ME]
    assert recipients(tables, "a", CONNECTED_AT + MAX_AGE_MS) == []


def test_an_expired_client_leaves_its_channels(tables: Tables, time: Clocked) -> None:
    """Its members have heard that it joined, so they must hear that it leaves."""
    end = NOW // 1000 + 100
    session = greeted(tables, Welcome("ann", {"name": "Ann"}, expires_at=end))
    tables.join(session, {"a": Grant(2), "b": Grant(3), "c": Grant(4, until=end - 50)})
    time.now_ms = NOW + 60_000
    left = tables.leave(session, "c", None)
    assert left is not None
    assert left.as_seen() == {"user": "ann", "client": ME, "conn_info": '{"name":"Ann"}'}
    assert tables.leave(session, "c", 5) is None
    time.now_ms = NOW + 120_000
    assert [*tables.members("a"), *tables.members("b")] == []
    assert tables.leave(session, "b", 6) is not None
    removed = tables.remove(ME)
    assert removed is not None
    assert [(name, member.identity) for name, member in removed.left] == [("a", "ann")]


def test_a_refresh_reaches_a_subscription_that_was_under_way(tables: Tables) -> None:
    end = NOW // 1000 + 100
    old = greeted(tables, Welcome("ann", expires_at=end))
    tables.extend(old, end + 1000)
    tables.join(old, {"a": Grant(2)})
    assert recipients(tables, "a", NOW + 200_000) == [ME]


def test_a_channel_is_read_in_pages(tables: Tables) -> None:
    for number in range(7):
        session = greeted(tables, Welcome(f"user {number}"), f"c{number}")
        tables.join(session, {"a": Grant(2)})
    tables.leave(session, "a", None)
    listeners, found, after = Listeners(tables, "a"), list[str](), ""
    while True:
        page = listeners.page(after, NOW, 3)
        found += [each.connection_id for each in page.recipients]
        if page.last is None:
            break
        after = page.last
    assert sorted(found) == [f"c{number}" for number in range(6)]
    count = listeners.count_after("", NOW)
    assert (count.recipients, count.last) == (6, None)


@pytest.mark.parametrize("end", [NOW // 1000, NOW // 1000 + 1, 0, None])
@pytest.mark.parametrize("is_greeted", [True, False])
def test_the_clients_that_a_broadcast_reaches_are_counted(
    tables: Tables, end: int | None, *, is_greeted: bool
) -> None:
    if is_greeted:
        greeted(tables, Welcome("ann", expires_at=end))
    else:
        tables.record(connect_event())
    reached = len(tables.page("", NOW).recipients)
    assert reached == (is_greeted and end != NOW // 1000)
    assert tables.count_after("", NOW) == (reached, None)


@pytest.mark.parametrize("stored", [{"N": "-1"}, {"N": "0.5"}, {"S": "soon"}, {"NULL": True}])
def test_a_client_with_a_damaged_expiry_is_counted(tables: Tables, stored: dict[str, Any]) -> None:
    greeted(tables)
    Row._get_connection().connection.client.update_item(
        TableName=Row.Meta.table_name,
        Key={"connectionID": {"S": ME}},
        UpdateExpression="SET identity_expires_at = :value",
        ExpressionAttributeValues={":value": stored},
    )
    assert (len(tables.page("", NOW).recipients), tables.count_after("", NOW)) == (1, (1, None))


def test_a_gone_member_is_removed_even_without_a_row(tables: Tables) -> None:
    session = greeted(tables)
    tables.join(session, {"a": Grant(2)})
    (member,) = Listeners(tables, "a").page("", NOW).recipients
    Row.remove(ME)  # such as by DynamoDB's expiry, without its subscriptions
    assert Listeners(tables, "a").remove_if_unchanged(member) is None
    assert recipients(tables, "a") == []


def test_the_table_is_derived_from_the_model() -> None:
    with pytest.raises(DeclarationError, match="must be a class derived from SubscriptionModel"):
        subscription_table()(Row)  # type: ignore[type-var]


class Turns:
    """Runs handlers in threads, one call of DynamoDB at a time, in a random order."""

    def __init__(self, dice: random.Random) -> None:
        self._dice = dice
        self._turn = threading.Condition()
        self._waiting: list[int] = []
        self._chosen = -1
        self._local = threading.local()

    def run(self, handlers: list[Callable[[], object]]) -> None:
        errors: list[BaseException] = []
        left = len(handlers)

        def handler(number: int) -> None:
            nonlocal left
            self._local.number = number
            try:
                handlers[number]()
            except BaseException as error:  # noqa: BLE001 - the test raises it
                errors.append(error)
            with self._turn:
                left -= 1
                self._turn.notify_all()

        threads = [threading.Thread(target=handler, args=(each,)) for each in range(len(handlers))]
        for thread in threads:
            thread.start()
        with self._turn:
            while left:
                self._turn.wait_for(lambda: self._chosen < 0 and len(self._waiting) == left)
                if left:
                    self._chosen = self._dice.choice(self._waiting)
                    self._turn.notify_all()
        for thread in threads:
            thread.join()
        if errors:
            raise errors[0]

    def gated(self, call: Callable[..., Any]) -> Callable[..., Any]:
        """Return a function that waits for its thread's turn, and then makes the call."""

        def gated(*arguments: Any, **named: Any) -> Any:
            number = getattr(self._local, "number", None)
            if number is None:
                return call(*arguments, **named)
            with self._turn:
                self._waiting.append(number)
                self._turn.notify_all()
                self._turn.wait_for(lambda: self._chosen == number)
                self._waiting.remove(number)
                self._chosen = -1
                return call(*arguments, **named)

        return gated


def overlapping(tables: Tables, seed: int) -> Iterator[str]:
    """Yield what is wrong after some handlers of one connection have run in a random order."""
    dice, me = random.Random(seed), f"c{seed}"
    session = greeted(tables, connection_id=me)
    commands = dice.sample(range(2, 12), dice.randint(2, 5))
    joins = {number: dice.random() < 0.6 for number in commands}
    handlers: list[Callable[[], object]] = [
        partial(tables.join, session, {"a": Grant(number)})
        if is_join
        else partial(tables.leave, session, "a", number)
        for number, is_join in joins.items()
    ]
    ends = dice.random() < 0.5
    if ends:
        handlers.append(lambda: tables.remove(me))
    turns = Turns(dice)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Connection, "dispatch", turns.gated(Connection.dispatch))
        turns.run(handlers)
    is_live, row = tables.member("a", me) is not None, tables.read(me)
    if is_live is not (joins[max(joins)] and not ends):
        yield f"seed {seed}: {joins}, ends: {ends}, live: {is_live}"
    if is_live and (row is None or "a" not in row.channels):
        yield f"seed {seed}: {joins}: the row does not name the channel"
    tables.remove(me)
    if tables.member("a", me) is not None:
        yield f"seed {seed}: {joins}: a subscription outlives its connection"


@pytest.mark.parametrize(
    "seeds", [range(8), pytest.param(range(8, 10_008), marks=[pytest.mark.thorough])]
)
@pytest.mark.timeout(3600)
def test_handlers_may_run_in_any_order(tables: Tables, seeds: range) -> None:
    """Live is what the highest id says; nothing is live after the end."""
    for seed in seeds:
        fresh = Tables(Row, Memberships(Listening, lambda: NOW), one_by_one)
        assert [*overlapping(fresh, seed)] == []
