import gc

import pytest

from decanter.runtime.clock import Clock
from decanter.runtime.fanout.outbox import Outboxes
from decanter.runtime.settings import Settings
from decanter.runtime.transports import Outcome, Transport
from decanter.runtime.transports.base import UNANSWERED, UNTRIED
from tests.support.events import message_event
from tests.support.fakes import GONE, OK, FakeClock, FakeConnections, FakeTransport


class Closing(FakeTransport):
    def __init__(self, closed: list[str], name: str) -> None:
        super().__init__()
        self.closed = closed
        self.name = name

    def shutdown(self) -> None:
        self.closed.append(self.name)


def test_transports_are_kept_by_endpoint_and_closed_when_unused() -> None:
    closed: list[str] = []

    def open_transport(endpoint: str, settings: Settings) -> Transport:
        return Closing(closed, endpoint)

    outboxes = Outboxes(open_transport, FakeConnections(), Clock(), lambda _: 0.0)
    for stage in ("v1", "v2", "v1"):
        outboxes.of(message_event("{}", stage=stage), None).post("a", "text")
    assert closed == []
    del outboxes
    gc.collect()
    host = "https://a1b2c3d4e5.execute-api.eu-west-1.amazonaws.com"
    assert closed == [f"{host}/v1", f"{host}/v2"]


def test_transports_to_one_endpoint_share_their_reach() -> None:
    """A sweep has its own transport."""
    outboxes = Outboxes(
        lambda endpoint, settings: FakeTransport(), FakeConnections(), Clock(), lambda _: 0.0
    )
    one, another = (
        outboxes.transport("https://a/v1", Settings(concurrency=number)) for number in (1, 2)
    )
    elsewhere = outboxes.transport("https://a/v2", Settings())
    one.call("POST", "a", b"text", 0)
    assert (another.reach.reached, elsewhere.reach.reached) == (True, False)


@pytest.mark.parametrize(
    ("outcome", "name"),
    [(OK, "sent"), (GONE, "gone"), (UNANSWERED, "failed"), (UNTRIED, "left_over")],
)
def test_a_connection_is_in_one_class_of_a_sends_report(outcome: Outcome, name: str) -> None:
    transport = FakeTransport(FakeClock())
    transport.answer("a", outcome)
    outboxes = Outboxes(lambda *_: transport, FakeConnections(), FakeClock(), lambda _: 0.0)
    found = outboxes.of(message_event("{}"), None).send("a", "text")._asdict()
    classes = ("sent", "gone", "pending", "failed", "left_over")
    assert [each for each in classes if found[each]] == [name]
    ids = [found[f"{each}_ids"] for each in ("gone", "failed", "left_over")]
    assert sum(ids, ()) == (() if name == "sent" else found[f"{name}_ids"])
    assert name == "sent" or found[f"{name}_ids"] == ("a",)
