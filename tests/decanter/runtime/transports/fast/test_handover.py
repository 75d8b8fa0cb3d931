"""If only the fast transport fails, botocore's makes the calls, and the log says so once."""

import socket
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest

from decanter.runtime.clock import Clock
from decanter.runtime.recipients import Recipient
from decanter.runtime.session import session
from decanter.runtime.settings import Settings
from decanter.runtime.transports import Delivery, Outcome, Result, outcome_of
from decanter.runtime.transports.base import Method, broken_off
from decanter.runtime.transports.fast.handover import may_be_ours
from decanter.runtime.transports.fast.http1 import BadAnswerError
from decanter.runtime.transports.fast.transport import FastTransport
from tests.support.fixtures import LogLines
from tests.support.peer import OK, Peer, Play, run_peer

TIMEOUT_SECONDS = 0.3


def refusal(error_type: str) -> bytes:
    return (
        f"HTTP/1.1 403 No\r\nx-amzn-ErrorType: {error_type}\r\nContent-Length: 0\r\n\r\n".encode()
    )


FORGED = refusal("InvalidSignatureException")
ONLY_OURS = {
    "a refused signature": (FORGED, OK, 0),
    "an incomplete signature": (refusal("IncompleteSignatureException"), OK, 0),
    "a signature that is not found": (refusal("MissingAuthenticationTokenException"), OK, 0),
    "a length with a sign": (both := OK.replace(b": 0", b": +0"), both, 3),
    "lines without CR": (plain := OK.replace(b"\r", b""), plain, 3),
}
"""Answers to the fast transport and to botocore, and how often a message then arrives again."""


def is_botocores(request: bytes) -> bool:
    return b"\r\nUser-Agent: " in request


def answering(ours: bytes, botocores: bytes) -> Callable[[Peer], Play]:
    """Answer the two clients differently, as if only one of them sent valid requests."""

    def play(peer: Peer) -> Play:
        def serve(connection: socket.socket, number: int) -> None:
            while request := peer.request(connection):
                connection.sendall(botocores if is_botocores(request) else ours)

        return serve

    return play


@pytest.fixture(name="keys", autouse=True)
def _keys(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "test")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "test")
    session.cache_clear()
    yield
    session.cache_clear()


@contextmanager
def running(ours: bytes, botocores: bytes) -> Iterator[tuple[FastTransport, Peer]]:
    settings = Settings(
        region="eu-west-1",
        concurrency=4,
        post_timeout_seconds=TIMEOUT_SECONDS,
        metrics_namespace="Pour",
    )
    with run_peer(answering(ours, botocores)) as peer:
        url = f"http://127.0.0.1:{peer.port}/v1"
        transport = FastTransport(url, settings, Clock(), lambda _: 0.0)
        try:
            yield transport, peer
        finally:
            transport.shutdown()


def soon(seconds: float = 20.0) -> float:
    return Clock().monotonic() + seconds


def post_all(transport: FastTransport, names: list[str]) -> dict[str, Outcome]:
    people = iter([Recipient(name, 0, stored={"S": "damaged"}) for name in names])
    deliveries: list[Delivery] = [*transport.call_all("POST", people, b"x", soon())]
    assert sorted(each.recipient.connection_id for each in deliveries) == names
    return {each.recipient.connection_id: each.outcome for each in deliveries}


NAMES = [f"c{number:02}" for number in range(20)]


@pytest.mark.parametrize("name", ONLY_OURS)
def test_everything_arrives_by_botocore_and_the_log_says_it_once(
    name: str, log_lines: LogLines
) -> None:
    ours, botocores, again = ONLY_OURS[name]
    with running(ours, botocores) as (transport, peer):
        outcomes = post_all(transport, NAMES)
        assert {outcome.result for outcome in outcomes.values()} == {Result.OK}
        by_botocore = Counter(
            name for name, data in zip(peer.ids, peer.received, strict=True) if is_botocores(data)
        )
        assert by_botocore == dict.fromkeys(NAMES, 1)
        by_us = Counter(peer.ids) - by_botocore
        assert 1 <= len(by_us) < len(NAMES)  # the posts that started before the first failure
        counted = {name: outcome.repeated for name, outcome in outcomes.items()}
        assert counted == {name: again if name in by_us else 0 for name in NAMES}
        (line,) = log_lines()
        assert (line["level"], line["event"]) == ("WARNING", "transport_handover")
        ((metric,),) = (each["Metrics"] for each in line["_aws"]["CloudWatchMetrics"])
        assert line[metric["Name"]] == 1

        peer.received.clear()
        assert transport.call("POST", "later", b"x", soon()).result is Result.OK
        post_all(transport, NAMES)
        assert all(map(is_botocores, peer.received))
        assert log_lines() == []


@pytest.mark.parametrize("method", ["POST", "GET", "DELETE"])
def test_a_single_call_is_handed_over_too(method: Method) -> None:
    with running(FORGED, OK) as (transport, peer):
        outcome = transport.call(method, "a", b"x" if method == "POST" else b"", soon())
        assert outcome.result is Result.OK
        assert [is_botocores(data) for data in peer.received] == [False, False, True]


def test_a_gone_connection_is_read_by_botocore() -> None:
    gone = b"HTTP/1.1 410 Gone\r\nx-amzn-ErrorType: GoneException\r\nContent-Length: +0\r\n\r\n"
    with running(gone, gone) as (transport, _):
        assert {each.result for each in post_all(transport, NAMES).values()} == {Result.GONE}


@pytest.mark.parametrize("answer", [FORGED, OK.replace(b": 0", b": x"), b"no HTTP\r\n\r\n"])
def test_a_failure_of_both_causes_no_handover(answer: bytes, log_lines: LogLines) -> None:
    """Botocore is asked once in each run, and the fast transport continues."""
    with running(answer, answer) as (transport, peer):
        for _ in range(2):
            peer.received.clear()
            outcomes = post_all(transport, NAMES)
            assert {outcome.result for outcome in outcomes.values()} <= {
                Result.FAILED,
                Result.REFUSED,
            }
            assert sum(map(is_botocores, peer.received)) == 1
        assert log_lines() == []


def test_a_missing_right_causes_no_handover() -> None:
    with running(refusal("ForbiddenException"), OK) as (transport, peer):
        post_all(transport, ["a"])
        assert not any(map(is_botocores, peer.received))


def test_after_the_deadline_nothing_is_tried_again() -> None:
    with running(plain, OK) as (transport, peer):
        people = iter([Recipient("a", 0)])
        until = soon(TIMEOUT_SECONDS * 1.5)
        (delivery,) = transport.call_all("POST", people, b"x", until)
        assert delivery.outcome.result is Result.FAILED
        assert not any(map(is_botocores, peer.received))


@pytest.mark.parametrize(
    ("outcome", "doubted"),
    [
        (outcome_of(403, "InvalidSignatureException"), True),
        (outcome_of(403, "SignatureDoesNotMatch"), True),
        (outcome_of(403, "AccessDeniedException"), False),
        (outcome_of(403, "UnrecognizedClientException"), False),
        (outcome_of(410, "InvalidSignatureException"), False),
        (broken_off(BadAnswerError()), True),
        (broken_off(TimeoutError()), False),
        (broken_off(ConnectionResetError()), False),
    ],
)
def test_only_failures_of_signing_and_reading_are_doubted(outcome: Outcome, doubted: bool) -> None:
    assert may_be_ours(outcome) is doubted
