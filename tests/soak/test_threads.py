"""Threads of one process that broadcast at the same time."""

import socket
import threading
from collections import Counter

import pytest

from decanter.runtime.clock import Clock
from decanter.runtime.fanout.outbox import Outboxes
from decanter.runtime.fanout.report import Report
from decanter.runtime.settings import Settings
from decanter.runtime.transports import open_transport
from tests.soak.conftest import EACH_TRANSPORT, NOTES, size
from tests.support.events import message_event
from tests.support.fakes import FakeConnections
from tests.support.peer import OK, Peer, Play, run_peer

THREADS, RECIPIENTS = 8, 50
CLOSING = OK.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n")


class Count:
    """A peer that counts the messages of each recipient, and sometimes closes a connection."""

    def __init__(self) -> None:
        self.posts: list[tuple[bytes, bytes]] = []

    def __call__(self, peer: Peer) -> Play:
        def serve(connection: socket.socket, number: int) -> None:
            left = 3 + 7 * number % 90
            while left and (request := peer.request(connection)):
                peer.received.clear()
                left -= 1
                self.posts.append((request.split(b" ", 2)[1], request.rpartition(b"\r\n")[2]))
                connection.sendall(OK if left else CLOSING)

        return serve


@pytest.mark.parametrize("name", EACH_TRANSPORT)
def test_broadcasts_of_threads_reach_everyone_once(name: str, signed: None) -> None:
    broadcasts, at, count = size(200, 4), Clock().time_ms() - 60_000, Count()
    rows = {f"c{number:02}": at for number in range(RECIPIENTS)}
    reports: list[Report] = []
    with run_peer(count) as peer:
        outboxes = Outboxes(open_transport, FakeConnections(rows, 20), Clock(), lambda _: 0.0)
        outboxes.settings = Settings(
            management_endpoint=f"http://127.0.0.1:{peer.port}/v1",
            region="eu-west-1",
            transport=name,
            post_timeout_seconds=20,  # no post is late, however busy the machine is
            deadline_seconds=600,
        )

        def run(thread: int) -> None:
            for number in range(broadcasts):
                outbox = outboxes.of(message_event(""), None)
                reports.append(outbox.broadcast(f"{thread}.{number}"))

        threads = [threading.Thread(target=run, args=(number,)) for number in range(THREADS)]
        for each in threads:
            each.start()
        for each in threads:
            each.join()
    assert [report.sent for report in reports] == [RECIPIENTS] * THREADS * broadcasts
    assert sum(report.repeated for report in reports) == 0
    assert Counter(count.posts).most_common(1)[0][1] == 1
    assert len(count.posts) == THREADS * broadcasts * RECIPIENTS
    NOTES.append(f"{THREADS} threads, {name}: {len(count.posts):,} posts, none twice")
