"""Tables with damaged rows of every kind: each healthy row gets each message exactly once."""

import random
from collections import Counter
from collections.abc import Iterator

import pytest
from pynamodb.attributes import UnicodeAttribute

from decanter import IdentifiedModel, Router, connection_table
from decanter.runtime.fanout.broadcast import GRACE_MS
from decanter.runtime.fanout.report import Report
from decanter.runtime.recipients import MAX_AGE_MS
from tests.field_cases.servers import serving
from tests.soak.conftest import NOTES, size
from tests.soak.hostile_table import DAMAGED, Table
from tests.support.events import CONNECTED_AT, message_event
from tests.support.fakes import GONE, FakeClock, FakeTransport

NOW_MS = CONNECTED_AT


@connection_table(env="CONNECTIONS_TABLE")
class Connection(IdentifiedModel):
    connection_id = UnicodeAttribute(hash_key=True, attr_name="connectionID")
    nickname = UnicodeAttribute(null=True)


@pytest.fixture(name="table")
def _table(signed: None, monkeypatch: pytest.MonkeyPatch) -> Iterator[Table]:
    table = Table()
    with serving(table) as url:
        monkeypatch.setenv("AWS_ENDPOINT_URL_DYNAMODB", url)
        monkeypatch.setenv("CONNECTIONS_TABLE", "rows")
        monkeypatch.setenv("DECANTER_MANAGEMENT_ENDPOINT", "https://api.example/v1")
        yield table


class Service:
    """The service for one table; some of the connections are gone."""

    def __init__(self, table: Table, chance: random.Random) -> None:
        table.fill(chance, NOW_MS)
        self.table = table
        self.clock = FakeClock(NOW_MS)
        self.transport = FakeTransport(self.clock)
        self.gone = {name for name in table.rows if chance.random() < 0.2}
        for name in self.gone:
            self.transport.answer(name, GONE)
        self.transport.reach.reached = True
        self.router = Router(
            "$request.body.message",
            connections=Connection,
            open_transport=lambda endpoint, settings: self.transport,
            clock=self.clock,
            backoff=lambda _: 0.0,
        )
        self.reports: list[Report] = []
        say = lambda request: self.reports.append(request.broadcast("hi"))  # noqa: E731
        self.router.route("say")(say)

    def age_ms(self, name: str) -> int | None:
        """Return the age of a row's connection; None if it is unknown."""
        connected_at = self.table.rows[name].get("connected_at")
        if connected_at is None or connected_at in DAMAGED:
            return None
        return NOW_MS - int(connected_at["N"])


def broadcast(service: Service) -> Report:
    """Broadcast, and check who got the message and whose row was deleted."""
    ages = {name: service.age_ms(name) for name in service.table.rows}
    expected = {name for name, age in ages.items() if age is None or age < MAX_AGE_MS}
    young = {name for name in expected if (ages[name] or GRACE_MS) < GRACE_MS}
    response = service.router.handle(message_event('{"message": "say"}'))
    assert response == {"statusCode": 200}
    (report,) = service.reports
    posts = Counter(name for name, _ in service.transport.posts)
    assert posts == {name: 2 if name in young & service.gone else 1 for name in expected}
    assert report.sent == len(expected - service.gone)
    assert report.gone == len((expected & service.gone) - young)
    assert report.pending == len(young & service.gone)
    assert (report.failed, report.left_over, report.cursor) == (0, 0, None)
    kept = {*service.table.rows}
    assert {*ages} - kept == (expected & service.gone) - young
    return report


def sweep(service: Service) -> int:
    """Sweep, and check that every row was looked at and that only gone ones were deleted."""
    before = {name: service.age_ms(name) for name in service.table.rows}
    found = service.router.sweep()
    alive = {name for name, age in before.items() if age is None or age < MAX_AGE_MS}
    asked = [*service.transport.asked, *service.transport.closed]
    assert len(asked) == len({*asked})
    assert {*asked} == {name for name in alive if (before[name] or GRACE_MS) >= GRACE_MS}
    assert (found["complete"], found["problem"]) == (True, None)
    assert {*before} - {*service.table.rows} == {*asked} & service.gone
    return len(asked)


def test_each_healthy_row_gets_each_message_once(seed: int, table: Table) -> None:
    """No broadcast or sweep ends early."""
    rows = sent = swept = 0
    for number in range(size(10_000, 12)):
        chance = random.Random(f"{seed}/{number}")
        service = Service(table, chance)
        rows += len(table.rows)
        sent += broadcast(service).sent
        service = Service(table, chance)
        swept += sweep(service)
    NOTES.append(f"hostile tables: {number + 1:,}, {rows:,} rows, {sent:,} sent, {swept:,} swept")
    assert min(sent, swept) > number
