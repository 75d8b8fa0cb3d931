"""Cases of only the fast transport: connections that die, hang, answer in pieces or lie."""

import selectors
import socket
import ssl
import struct
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from itertools import count
from pathlib import Path

import pytest

from decanter.runtime.clock import Clock
from decanter.runtime.errors import SettingError, StoreError
from decanter.runtime.recipients import Recipient
from decanter.runtime.session import session
from decanter.runtime.settings import Settings
from decanter.runtime.transports import Outcome, Result
from decanter.runtime.transports.base import UNTRIED, Method
from decanter.runtime.transports.fast import pool
from decanter.runtime.transports.fast.connection import Connection
from decanter.runtime.transports.fast.sigv4 import SignedRequests
from decanter.runtime.transports.fast.transport import FastTransport
from tests.support.certificates import server_context
from tests.support.peer import OK, Peer, Play, run_peer

ID = "L0SM9cOFvHcCIhw="
GONE = b"HTTP/1.1 410 Gone\r\nContent-Length: 2\r\nx-amzn-ErrorType: GoneException\r\n\r\n{}"
FORBIDDEN = b"HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n"


class ShiftedClock(Clock):
    """The machine's clocks, shifted by a test."""

    shift = 0.0

    def time_ms(self) -> int:
        return super().time_ms() + int(self.shift * 1000)

    def monotonic(self) -> float:
        return super().monotonic() + self.shift


@pytest.fixture(name="keys", autouse=True)
def _keys(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "OLD")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret")
    session.cache_clear()
    yield
    session.cache_clear()


@contextmanager
def transport_to(
    peer: Peer, scheme: str = "http", clock: Clock | None = None, **limits: float
) -> Iterator[FastTransport]:
    settings = Settings(region="eu-west-1", **limits)  # type: ignore[arg-type]
    host = "localhost" if scheme == "https" else "127.0.0.1"
    url = f"{scheme}://{host}:{peer.port}/v1"
    transport = FastTransport(url, settings, clock or Clock(), lambda _: 0.0)
    try:
        yield transport
    finally:
        transport.shutdown()


@contextmanager
def playing(play: Callable[[Peer], Play], **limits: float) -> Iterator[tuple[FastTransport, Peer]]:
    with run_peer(play) as peer, transport_to(peer, "http", None, **limits) as transport:
        yield transport, peer


def answering(*answers: bytes) -> Callable[[Peer], Play]:
    """Play these answers on every connection, the last one repeatedly, then close normally."""

    def play(peer: Peer) -> Play:
        def serve(connection: socket.socket, number: int) -> None:
            rest = list(answers)
            while peer.request(connection):
                connection.sendall(rest.pop(0) if len(rest) > 1 else rest[0])

        return serve

    return play


def soon(seconds: float = 20.0) -> float:
    return Clock().monotonic() + seconds


def people(number: int) -> list[Recipient]:
    return [Recipient(f"c{each}", 0) for each in range(number)]


def results(transport: FastTransport, recipients: Iterable[Recipient]) -> list[Result]:
    return [each.outcome.result for each in transport.call_all("POST", recipients, b"x", soon())]


def test_without_a_region_nothing_can_be_signed() -> None:
    with pytest.raises(SettingError, match="AWS_REGION is not set: set it to the API's region"):
        FastTransport("https://host/v1", Settings(), Clock(), lambda _: 0.0)


def test_a_post_that_another_thread_delays_too_long_is_untried() -> None:
    with playing(answering(OK), post_timeout_seconds=0.1) as (transport, peer):
        busy, go = threading.Event(), threading.Event()

        def hold() -> None:
            with transport._turn:
                busy.set()
                go.wait(20)

        holder = threading.Thread(target=hold)
        holder.start()
        busy.wait(20)
        assert transport.call("POST", ID, b"x", soon(0)) == UNTRIED
        go.set()
        holder.join()
        assert peer.received == []


def test_one_connection_serves_successive_posts() -> None:
    with playing(answering(OK)) as (transport, peer):
        for _ in range(3):
            assert transport.call("POST", ID, b"x", soon()).result is Result.OK
        assert (len(peer.received), peer.accepted) == (3, 1)


def test_an_answer_may_arrive_in_pieces() -> None:
    def play(peer: Peer) -> Play:
        def serve(connection: socket.socket, number: int) -> None:
            while peer.request(connection):
                for byte in GONE:
                    connection.sendall(bytes([byte]))

        return serve

    with playing(play) as (transport, _):
        assert results(transport, people(3)) == [Result.GONE] * 3


def test_a_connection_closed_by_the_peer_is_not_reused() -> None:
    closing = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
    with playing(answering(closing), concurrency=1) as (transport, peer):
        assert results(transport, people(3)) == [Result.OK] * 3
        assert peer.accepted == 3


def test_a_closed_idle_connection_costs_no_attempt() -> None:
    def play(peer: Peer) -> Play:
        def serve(connection: socket.socket, number: int) -> None:
            peer.request(connection)
            connection.sendall(OK)

        return serve

    with playing(play) as (transport, peer):
        assert transport.call("POST", "a", b"x", soon()) == Outcome(Result.OK, 200)
        outcome = transport.call("POST", "b", b"x", soon())
        assert outcome._replace(repeated=0) == Outcome(Result.OK, 200)  # it may have been sent
        assert (peer.ids, peer.accepted) == (["a", "b"], 2)


def test_a_closed_idle_connection_is_dropped_during_a_broadcast() -> None:
    closed, go = threading.Event(), threading.Event()

    def play(peer: Peer) -> Play:
        def serve(connection: socket.socket, number: int) -> None:
            if peer.request(connection).startswith(b"POST /v1/@connections/c0 "):
                connection.sendall(OK)
                connection.close()
                closed.set()
            else:
                go.wait()
                connection.sendall(OK)
                peer.over.wait()

        return serve

    with playing(play, concurrency=2) as (transport, _):
        posts = transport.call_all("POST", people(2), b"x", soon())
        assert next(posts).recipient.connection_id == "c0"
        assert closed.wait(5)
        go.set()
        assert next(posts).outcome.result is Result.OK
        assert list(posts) == []
        assert len(transport._pool._all) == 1


@pytest.mark.parametrize("reset", [True, False])
def test_a_dead_kept_connection_costs_a_reconnect_and_no_attempt(reset: bool) -> None:
    """As after a freeze: the request is sent, but the peer is gone."""

    def play(peer: Peer) -> Play:
        def serve(connection: socket.socket, number: int) -> None:
            peer.request(connection)
            connection.sendall(OK)
            if number:
                peer.over.wait()
            peer.request(connection)
            if reset:
                linger = struct.pack("ii", 1, 0)
                connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)

        return serve

    with playing(play) as (transport, peer):
        assert transport.call("POST", "a", b"x", soon()).result is Result.OK
        assert transport.call("POST", "b", b"x", soon()) == Outcome(Result.OK, 200, repeated=1)
        assert (peer.ids, peer.accepted) == (["a", "b", "b"], 2)


def test_a_connection_dead_before_sending_costs_no_attempt() -> None:
    dead = threading.Event()

    def play(peer: Peer) -> Play:
        def serve(connection: socket.socket, number: int) -> None:
            peer.request(connection)
            connection.sendall(OK)
            if number:
                peer.over.wait()
            linger = struct.pack("ii", 1, 0)
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
            connection.close()
            dead.set()

        return serve

    with playing(play, concurrency=1) as (transport, peer):
        posts = transport.call_all("POST", people(2), b"x", soon())
        assert next(posts).outcome == Outcome(Result.OK, 200)
        assert dead.wait(5)
        outcome = next(posts).outcome
        assert outcome._replace(repeated=0) == Outcome(Result.OK, 200)  # it may have been sent
        assert (peer.ids, peer.accepted) == (["c0", "c1"], 2)
        assert list(posts) == []


def test_a_connection_that_dies_during_an_answer_costs_an_attempt() -> None:
    def play(peer: Peer) -> Play:
        def serve(connection: socket.socket, number: int) -> None:
            peer.request(connection)
            connection.sendall(OK)
            peer.request(connection)
            connection.sendall(OK[:20] if number == 0 else OK)

        return serve

    with playing(play) as (transport, _):
        assert transport.call("POST", "a", b"x", soon()).attempts == 1
        assert transport.call("POST", "b", b"x", soon()) == Outcome(
            Result.OK, 200, attempts=2, repeated=1
        )


def test_an_idle_connection_that_sends_data_is_dropped() -> None:
    def play(peer: Peer) -> Play:
        def serve(connection: socket.socket, number: int) -> None:
            while peer.request(connection):
                connection.sendall(OK)
                if number == 0:
                    peer.request(connection)
                    connection.sendall(OK + OK)

        return serve

    with playing(play, concurrency=1) as (transport, peer):
        assert results(transport, people(3)) == [Result.OK] * 3
        assert peer.accepted == 2


def test_connections_idle_for_half_a_minute_are_not_reused() -> None:
    clock = ShiftedClock()
    with run_peer(answering(OK)) as peer, transport_to(peer, clock=clock) as transport:
        transport.call("POST", "a", b"x", clock.monotonic() + 20)
        clock.shift += 31
        assert transport.call("POST", "b", b"x", clock.monotonic() + 20).attempts == 1
        assert peer.accepted == 2


@pytest.mark.parametrize("scheme", ["http", "https"])
def test_a_large_message_reaches_a_slow_reader_completely(
    scheme: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def play(peer: Peer) -> Play:
        def serve(connection: socket.socket, number: int) -> None:
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 65536)
            while peer.request(connection):
                connection.sendall(OK)

        return serve

    file, tls = server_context(tmp_path, "localhost")
    monkeypatch.setenv("AWS_CA_BUNDLE", str(file))
    data = bytes(range(256)) * 20_000
    with (
        run_peer(play, tls if scheme == "https" else None) as peer,
        transport_to(peer, scheme, post_timeout_seconds=20) as transport,
    ):
        for each in (data, b"short", data):
            assert transport.call("POST", ID, each, soon()).result is Result.OK
            assert peer.received[-1].endswith(each)
        assert peer.accepted == 1


def test_an_answer_before_the_whole_request_ends_the_connection() -> None:
    def play(peer: Peer) -> Play:
        def serve(connection: socket.socket, number: int) -> None:
            connection.recv(1000)
            connection.sendall(b"HTTP/1.1 413 Too Large\r\nContent-Length: 0\r\n\r\n")
            peer.over.wait()

        return serve

    with playing(play) as (transport, _):
        assert transport.call("POST", ID, bytes(20_000_000), soon()).result is Result.TOO_LARGE
        assert not transport._pool._all


def test_tls_verifies_that_the_peer_has_the_hosts_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file, tls = server_context(tmp_path, "localhost")
    monkeypatch.setenv("AWS_CA_BUNDLE", str(file))
    with run_peer(answering(OK), tls) as peer, transport_to(peer, "https") as transport:
        assert results(transport, people(5)) == [Result.OK] * 5


@pytest.mark.parametrize("trusted", [True, False])
def test_nothing_is_sent_to_a_peer_with_another_name_or_from_an_unknown_authority(
    trusted: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file, tls = server_context(tmp_path, "elsewhere")
    if trusted:
        monkeypatch.setenv("AWS_CA_BUNDLE", str(file))
    with run_peer(answering(OK), tls) as peer, transport_to(peer, "https") as transport:
        outcome = transport.call("POST", ID, b"x", soon())
        assert (outcome.result, outcome.reason) == (Result.FAILED, "SSLCertVerificationError")
        assert peer.received == []


def test_a_refused_request_is_signed_again_with_current_credentials() -> None:
    def play(peer: Peer) -> Play:
        def serve(connection: socket.socket, number: int) -> None:
            while request := peer.request(connection):
                session().set_credentials("NEW", "secret", "token")
                connection.sendall(OK if b"Credential=NEW/" in request else FORBIDDEN)

        return serve

    with playing(play, concurrency=4) as (transport, peer):
        assert results(transport, people(20)) == [Result.OK] * 20
        assert len(peer.received) <= 24


def test_a_refusal_at_the_deadline_is_reported_as_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = ShiftedClock()
    with run_peer(answering(FORBIDDEN)) as peer, transport_to(peer, clock=clock) as transport:
        signed: list[SignedRequests] = []

        def sign(method: Method, data: bytes) -> SignedRequests:
            clock.shift = 100.0 * len(signed)  # the second one lasts until after the deadline
            signed.append(FastTransport._sign(transport, method, data))
            return signed[-1]

        monkeypatch.setattr(transport, "_sign", sign)
        (delivery,) = transport.call_all("POST", people(1), b"x", clock.monotonic() + 50)
        assert delivery.outcome.result is Result.REFUSED
        assert (len(signed), len(peer.received)) == (2, 1)


def test_without_credentials_every_post_is_refused_until_the_caller_stops(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for variable in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.delenv(variable)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", "/nonexistent")
    with playing(answering(OK)) as (transport, peer):
        outcome = transport.call("POST", ID, b"x", soon())
        assert (outcome.result, outcome.reason) == (Result.REFUSED, "NoCredentialsError")
        assert list(transport.call_all("POST", people(2), b"x", soon(-1))) == []
        assert results(transport, people(2)) == [Result.REFUSED] * 2
        assert peer.received == []


def test_credentials_that_vanish_make_a_refusal_final() -> None:
    def play(peer: Peer) -> Play:
        def serve(connection: socket.socket, number: int) -> None:
            while peer.request(connection):
                session()._credentials = None
                session().get_component("credential_provider").providers.clear()
                connection.sendall(FORBIDDEN)

        return serve

    with playing(play) as (transport, peer):
        assert transport.call("POST", ID, b"x", soon()).status == 403
        assert len(peer.received) == 1


def test_a_signature_is_never_older_than_a_minute() -> None:
    clock = ShiftedClock()
    with (
        run_peer(answering(OK)) as peer,
        transport_to(peer, clock=clock, concurrency=1) as transport,
    ):
        for _ in transport.call_all("POST", people(3), b"x", clock.monotonic() + 1000):
            clock.shift += 61
        dates = [each.partition(b"x-amz-date: ")[2][:16] for each in peer.received]
        assert len(set(dates)) == 3


def test_a_name_without_an_address_is_a_failure() -> None:
    settings = Settings(region="eu-west-1")
    transport = FastTransport("http://nowhere.invalid/v1", settings, Clock(), lambda _: 0.0)
    outcome = transport.call("POST", ID, b"x", soon())
    assert (outcome.result, outcome.reason, outcome.attempts) == (Result.FAILED, "gaierror", 3)
    transport.shutdown()


def test_a_connection_that_never_answers_is_dropped_after_the_timeout() -> None:
    def play(peer: Peer) -> Play:
        def serve(connection: socket.socket, number: int) -> None:
            peer.over.wait()

        return serve

    with playing(play, post_timeout_seconds=0.1) as (transport, peer):
        outcome = transport.call("POST", ID, b"x", soon())
        assert (outcome.reason, outcome.attempts, peer.accepted) == ("TimeoutError", 3, 3)


def test_at_the_deadline_the_last_attempts_outcome_is_reported() -> None:
    busy = b"HTTP/1.1 503 Busy\r\nContent-Length: 0\r\n\r\n"
    with run_peer(answering(busy)) as peer, transport_to(peer) as transport:
        transport._backoff = lambda attempt: 0.0 if attempt == 1 else 1000.0
        (delivery,) = transport.call_all("POST", people(1), b"x", soon())
        assert delivery.outcome == Outcome(Result.FAILED, 503, "503", attempts=2)


def test_connections_in_use_are_closed_when_the_caller_stops() -> None:
    def play(peer: Peer) -> Play:
        def serve(connection: socket.socket, number: int) -> None:
            if peer.request(connection).startswith(b"POST /v1/@connections/c0 "):
                connection.sendall(OK)
            peer.over.wait()

        return serve

    with playing(play, concurrency=3) as (transport, _):
        posts = transport.call_all("POST", (Recipient(f"c{n}", 0) for n in count()), b"x", soon())
        assert next(posts).recipient.connection_id == "c0"
        posts.close()  # type: ignore[attr-defined]  # a generator in every transport
        assert not transport._pool._all


def test_without_epoll_the_selector_is_polled(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(pool, "DefaultSelector", selectors.PollSelector)
    with playing(answering(OK), concurrency=4) as (transport, peer):
        deliveries = list(transport.call_all("POST", people(20), b"x", soon()))
        assert {each.outcome.result for each in deliveries} == {Result.OK}
        assert len(peer.ids) == 20


def test_a_kept_connection_that_is_not_writable_is_replaced(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    flush = Connection._flush

    def fail_once(connection: Connection) -> None:
        monkeypatch.setattr(Connection, "_flush", flush)
        raise BrokenPipeError

    with playing(answering(OK)) as (transport, peer):
        transport.call("POST", "one", b"x", soon())
        monkeypatch.setattr(Connection, "_flush", fail_once)
        outcome = transport.call("POST", "two", b"x", soon())
        assert (outcome.result, outcome.attempts) == (Result.OK, 1)
        assert (peer.ids, peer.accepted) == (["one", "two"], 2)


def test_an_error_while_reading_recipients_leaves_no_connection_in_use() -> None:
    def broken() -> Iterator[Recipient]:
        yield from (Recipient(f"c{number}", 0) for number in range(9))
        raise StoreError("the table is gone")

    with playing(answering(OK), concurrency=2) as (transport, _):
        with pytest.raises(StoreError):
            list(transport.call_all("POST", broken(), b"x", soon()))
        assert sorted(map(id, transport._pool._all.values())) == sorted(
            map(id, transport._pool._idle)
        )
        assert transport.call("POST", ID, b"x", soon()).result is Result.OK


def test_a_post_during_a_broadcast_does_not_disturb_it() -> None:
    with playing(answering(OK), concurrency=4) as (transport, peer):
        for delivery in transport.call_all("POST", people(20), b"x", soon()):
            assert delivery.outcome.result is Result.OK
            assert transport.call("POST", "between", b"x", soon()).result is Result.OK
        assert sorted(peer.ids) == sorted([*(each[0] for each in people(20)), *["between"] * 20])


@pytest.mark.parametrize("body", [b"{}", b"[]", b"nonsense", b'{"connectedAt": "yesterday"}'])
def test_another_body_is_not_information_about_a_connection(body: bytes) -> None:
    answer = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s" % (len(body), body)
    with playing(answering(answer)) as (transport, _):
        assert transport.call("GET", ID, b"", soon()).result is Result.OK
        assert not transport.reach.reached


def test_the_tls_context_is_made_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[ssl.SSLContext] = []
    file, tls = server_context(tmp_path, "localhost")
    monkeypatch.setenv("AWS_CA_BUNDLE", str(file))
    for _ in range(2):
        with run_peer(answering(OK), tls) as peer, transport_to(peer, "https") as transport:
            transport.call("POST", ID, b"x", soon())
            (connection,) = transport._pool._all.values()
            assert connection._tls is not None
            made.append(connection._tls)
    assert made[0] is made[1]
