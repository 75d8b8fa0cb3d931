import gc

from chalicelib.clock import Clock
from chalicelib.outboxes import Outboxes
from chalicelib.settings import Settings
from chalicelib.transports import Transport

from .events import message_event
from .fakes import FakeConnections, FakeTransport


class Closing(FakeTransport):
    def __init__(self, closed: list[str], name: str) -> None:
        super().__init__()
        self.closed = closed
        self.name = name

    def shutdown(self) -> None:
        self.closed.append(self.name)


def test_transports_are_kept_by_endpoint_and_closed_when_nobody_needs_them() -> None:
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
