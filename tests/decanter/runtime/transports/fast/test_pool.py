"""The number of connections, and their addresses."""

import socket
from collections.abc import Iterator

import pytest

from decanter.runtime.transports.fast.connection import Address
from decanter.runtime.transports.fast.http1 import Endpoint
from decanter.runtime.transports.fast.pool import OPENING_AT_ONCE, RESOLVED_MS, Pool
from tests.support.fakes import FakeClock


class Names:
    """Resolves every name to its current addresses."""

    def __init__(self, *addresses: tuple[str, int]) -> None:
        self.addresses = list(addresses)
        self.asked = 0

    def __call__(self, host: str, port: int) -> list[Address]:
        self.asked += 1
        return [(socket.AF_INET, socket.SOCK_STREAM, 0, "", each) for each in self.addresses]


@pytest.fixture(name="listeners")
def _listeners() -> Iterator[list[socket.socket]]:
    with socket.create_server(("127.0.0.1", 0)) as one, socket.create_server(("127.0.0.1", 0)) as b:
        yield [one, b]


def pool_to(names: Names, clock: FakeClock, most: int = 100) -> Pool:
    return Pool(Endpoint.parse("http://host/v1"), most, clock, names)


def test_all_addresses_of_a_name_are_used_in_turn(listeners: list[socket.socket]) -> None:
    names = Names(*(each.getsockname() for each in listeners))
    pool = pool_to(names, FakeClock())
    for _ in range(4):
        pool.get()
    for listener in listeners:
        for _ in range(2):
            listener.settimeout(5)
            listener.accept()[0].close()
    assert names.asked == 1
    pool.close()


NO_WAY = ("255.255.255.255", 1)


def test_an_unreachable_address_is_skipped(listeners: list[socket.socket]) -> None:
    pool = pool_to(Names(NO_WAY, listeners[0].getsockname()), FakeClock())
    for _ in range(3):
        pool.get()
    pool.close()


def test_without_a_reachable_address_opening_fails() -> None:
    with pytest.raises(OSError, match="the name has no address"):
        pool_to(Names(), FakeClock()).get()
    with pytest.raises(OSError, match=r"unreachable|denied"):
        pool_to(Names(NO_WAY), FakeClock()).get()


def test_checking_an_idle_connection_keeps_it(
    listeners: list[socket.socket],
) -> None:
    pool = pool_to(Names(listeners[0].getsockname()), FakeClock())
    connection = pool.get()
    assert pool.poll(5) == [connection]
    connection.proceed()
    pool.keep(connection)
    pool.check_idle(connection)
    assert pool.get() is connection
    pool.close()


def test_a_name_is_resolved_again_after_a_minute(listeners: list[socket.socket]) -> None:
    names, clock = Names(listeners[0].getsockname()), FakeClock()
    pool = pool_to(names, clock)
    pool.get()
    clock.elapsed += RESOLVED_MS / 1000 + 1
    pool.get()
    assert names.asked == 2
    pool.close()


def test_only_some_open_at_the_same_time_and_never_more_than_allowed(
    listeners: list[socket.socket],
) -> None:
    names = Names(listeners[0].getsockname())
    for most, opened in ((100, OPENING_AT_ONCE), (3, 3)):
        pool = pool_to(names, FakeClock(), most)
        count = 0
        assert not pool.has_room(may_open=False)
        while pool.has_room(may_open=True):
            pool.get()
            count += 1
        assert count == opened
        pool.close()
