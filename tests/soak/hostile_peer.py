"""A peer in place of @connections. It may answer anything, and records its answers in a ledger."""

import json
import random
import socket
import struct
import threading
import time
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from typing import NamedTuple
from urllib.parse import unquote

from tests.support.peer import Peer, Play, run_peer

TYPES = [
    "GoneException",
    "BadRequestException",
    "LimitExceededException",
    "Other",
    "aws.api#GoneException",
]
BODIES = [
    b"",
    b"",
    b"{}",
    b"<html>no</html>",
    b"\xff\xfe",
    b"[" * 9000,
    b"x" * 700,
    b'{"code":"GoneException"}',
]
STATUSES = [
    200,
    200,
    200,
    204,
    202,
    301,
    404,
    410,
    410,
    410,
    400,
    400,
    413,
    418,
    429,
    500,
    502,
    503,
    505,
]
REFUSALS = [401, 403]
NOT_HTTP = [
    b"HTTP/2 200\r\n\r\n",
    b"\r\n\r\n",
    b"SSH-2.0-x\r\n",
    b"HTTP/1.1 OK\r\n\r\n",
    b"\0" * 40,
]
IDS = ["L0SM9cOFvHcCIhw=", "a/b", "é", "x y", "%2F", "a?b#c", '"', "..=", "+&=", "z" * 300]
"""Connection ids; a row may have been written by another program."""


class Answer(NamedTuple):
    """The answer to one request.

    Attributes:
        data: the bytes that it sends.
        status: the status; 0 if the data is not a whole answer.
        error_type: of the header or the body, as botocore reads it.
        closes: True if the connection is closed after it.
        resets: True if it is closed by a reset.
        seconds: the delay before each piece of data.
        pieces: the number of pieces.
        hangs: True if nothing is sent until the client leaves.
        cut: the whole answer of which the data is a part.
    """

    data: bytes
    status: int = 0
    error_type: str = ""
    closes: bool = True
    resets: bool = False
    seconds: float = 0.0
    pieces: int = 1
    hangs: bool = False
    cut: "Answer | None" = None

    @property
    def gone(self) -> bool:
        """True if this answer, or the answer that it is a part of, proves that the id is gone."""
        return (
            self.cut.gone
            if self.cut
            else (self.status, self.error_type)
            in (
                (410, "GoneException"),
                (400, "BadRequestException"),
            )
        )


class Mood:
    """One run's behaviour, chosen at random.

    Args:
        chance: chooses.
        cuts_heads: False for a client that accepts an incomplete head, as botocore does.

    Attributes:
        polite: True if the peer reads all that a client sends, until it announces that it closes
            the connection. Otherwise the ledger may lack requests.
        patient: True if it never hangs.
    """

    def __init__(self, chance: random.Random, *, cuts_heads: bool) -> None:
        self.chance = chance
        self._cuts_heads = cuts_heads
        self.polite = chance.random() < 0.6
        self.patient = chance.random() < 0.98
        self._faults = chance.choice([0.0, 0.2, 0.5, 0.9])
        self._refuses = chance.random() < 0.05
        self._statuses = chance.choice([STATUSES, STATUSES, [200], [410], [200, 410]])

    def answer(self) -> Answer:
        if self.chance.random() >= self._faults:
            return self._whole()
        if not self.patient and self.chance.random() < 0.2:
            return Answer(b"", hangs=True)
        resets = self.chance.random() < 0.3
        if self.chance.random() < 0.2:
            return Answer(self.chance.choice(NOT_HTTP), resets=resets)
        whole = self._whole()
        return Answer(whole.data[: self._cut(whole)], resets=resets, cut=whole)

    def _cut(self, whole: Answer) -> int:
        """Return a place where the answer is not whole yet."""
        end = whole.data.index(b"\r\n\r\n") + 4 if self._cuts_heads else len("HTTP/1.1 20")
        return self.chance.randrange(end)

    def _whole(self) -> Answer:
        chance = self.chance
        status = chance.choice(
            REFUSALS if self._refuses and chance.random() < 0.1 else self._statuses
        )
        body = (
            b""
            if status == 204 or (status < 300 and chance.random() < 0.8)
            else chance.choice(BODIES)
        )
        named = chance.choice(TYPES) if status >= 400 and chance.random() < 0.7 else None
        lines = [f"HTTP/1.{chance.choice('1111111110')} {status} Any".encode()]
        closes = lines[0].startswith(b"HTTP/1.0") or chance.random() < 0.1
        if named is not None:
            name = chance.choice(["x-amzn-ErrorType", "X-AMZN-ERRORTYPE", "x-amzn-errortype"])
            lines.append(f"{name}: {named}{chance.choice(['', ':http://x', '  '])}".encode())
        if closes:
            lines.append(b"Connection: close")
        if status != 204 and chance.random() < 0.2 and lines[0].startswith(b"HTTP/1.1"):
            lines.append(b"Transfer-Encoding: chunked")
            data = b"%x;a=b\r\n%b\r\n" % (len(body), body) if body else b""
            data += b"0\r\n\r\n"
        else:
            lines.append(b"Content-Length: %d" % len(body))
            data = body
        chance.shuffle(rest := lines[1:])
        head = b"\r\n".join([lines[0], *rest, b"", b""])
        return Answer(
            head + data,
            status,
            _type(named, body) if status >= 300 else "",
            closes,
            seconds=chance.choice([0.0] * 12 + [0.002, 0.01]),
            pieces=chance.choice([1] * 8 + [2, 5]),
        )


def _type(named: str | None, body: bytes) -> str:
    if named is None:
        named = str(json.loads(body).get("code", "")) if body[:2] == b'{"' else ""
    return named.rpartition("#")[2]


class HostilePeer:
    """Answers in the mood of the current run; all runs use the same port.

    Attributes:
        ledger: the answers to completely read requests, by the message and connection id.
    """

    def __init__(self) -> None:
        self.ledger: dict[tuple[str, str], list[Answer]] = defaultdict(list)
        self._mood = Mood(random.Random(0), cuts_heads=True)
        self._lock = threading.Lock()

    def begin(self, mood: Mood) -> None:
        """Start a run; forget the answers of earlier runs."""
        with self._lock:
            self._mood = mood
            self.ledger.clear()

    def answers(self, message: str) -> dict[str, list[Answer]]:
        """Return the answers to each connection's requests in a run."""
        with self._lock:
            return {each: [*done] for (run, each), done in self.ledger.items() if run == message}

    def __call__(self, peer: Peer) -> Play:
        def serve(connection: socket.socket, number: int) -> None:
            with self._lock:
                rude = not self._mood.polite and self._mood.chance.random() < 0.3
                some = self._mood.chance.randrange(1, 500)
            if rude:
                connection.recv(some)
                return
            while request := peer.request(connection):
                peer.received.clear()
                answer = self._note(request)
                if not self._send(connection, answer):
                    return

        return serve

    def _note(self, request: bytes) -> Answer:
        head, _, body = request.partition(b"\r\n\r\n")
        connection_id = unquote(head.split(b" ", 2)[1].partition(b"/@connections/")[2].decode())
        with self._lock:
            answer = self._mood.answer()
            if not self._mood.polite and self._mood.chance.random() < 0.1:
                answer = answer._replace(closes=True)  # without announcing it
            self.ledger[body.decode(), connection_id].append(answer)
        return answer

    def _send(self, connection: socket.socket, answer: Answer) -> bool:
        """Send an answer; return True if the connection stays open."""
        if answer.hangs:
            connection.recv(1)  # until the client gives up
        step = -(-len(answer.data) // answer.pieces) or 1
        for start in range(0, len(answer.data), step):
            if answer.seconds:
                time.sleep(answer.seconds)
            connection.sendall(answer.data[start : start + step])
        if answer.resets:
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        return not answer.closes


@contextmanager
def run_hostile_peer() -> Iterator[tuple[HostilePeer, str]]:
    """Run a hostile peer; yield it and the URL of its @connections."""
    hostile = HostilePeer()
    with run_peer(hostile) as peer:
        yield hostile, f"http://127.0.0.1:{peer.port}/v1"
