"""Clients that may not connect, and clients that send too much."""

import json
import time

import jwt
import pytest
from websockets.exceptions import InvalidStatus

from tests.chaos.conftest import Open
from tests.chaos.project import TOKENS
from tests.chaos.stage import Counts
from tests.support.gateways import wait_until

ALLOWED = "https://example.com"
SECRET = "a secret of thirty-two bytes or more"
JWT = {
    "DECANTER_JWT_ISSUER": "issuer",
    "DECANTER_JWT_AUDIENCE": "audience",
    "DECANTER_JWT_SECRET": SECRET,
}
CLAIMS = {"iss": "issuer", "aud": "audience", "sub": "ann", "exp": 4_000_000_000}
GUARDS = {
    "DECANTER_ALLOWED_ORIGINS": ALLOWED,
    "DECANTER_MESSAGES_PER_SECOND": "2",
    "DECANTER_CLOSE_AFTER_MESSAGES": "80",
}
ELSEWHERE = [
    "https://example.com.evil.net",
    "https://evilexample.com",
    "https://example.com:8443",
    "https://example.com@evil.net",
    "https://example.com/",
    "http://example.com",
    "null",
]


@pytest.mark.case(28)
def test_a_page_of_another_origin_is_refused_and_allowed_ones_are_served(open_stage: Open) -> None:
    stage = open_stage("guarded", GUARDS)
    clients = stage.join()
    ours = stage.swarm.join(3, origin=ALLOWED)
    for origin in ELSEWHERE:
        with pytest.raises(InvalidStatus) as refused:
            stage.swarm.join(1, origin=origin)
        assert (origin, refused.value.response.status_code) == (origin, 403)
    assert len(stage.table.ids()) == len(clients) + len(ours)
    assert stage.broadcast(ours[0]) == Counts(sent=len(clients) + len(ours))
    stage.reconcile()


@pytest.mark.case(29)
@pytest.mark.parametrize(("key", "status"), [(SECRET, 500), (SECRET[::-1], 401)])
def test_the_log_never_has_a_token(open_stage: Open, key: str, status: int) -> None:
    """The handler that accepts a valid token fails with a traceback."""
    stage = open_stage("tokens", JWT, extra=TOKENS)
    token = jwt.encode(CLAIMS, key, "HS256")
    before = len(stage.running.lines)
    for shown in ({"query": f"token={token}"}, {"subprotocols": ["decanter.token", token]}):
        with pytest.raises(InvalidStatus) as refused:
            stage.swarm.join(1, **shown)
        assert refused.value.response.status_code == status
    wait_until(lambda: len(stage.lines("connect")) == 2, "both are logged")
    lines = stage.running.lines[before:]
    traces = [line for line in lines if "Traceback (most recent call" in line]
    assert bool(traces) == (status == 500)
    parts = token.split(".")
    assert not [line for line in stage.running.lines if any(part in line for part in parts)]


@pytest.mark.case(30)
def test_a_flood_is_limited_and_others_are_served_meanwhile(open_stage: Open) -> None:
    stage = open_stage("guarded", GUARDS)
    clients = stage.join()
    flood, other = clients[:2]
    for client in (flood, other):
        stage.identify(client)
    before, flooding = len(stage.lines("message", flood.id)), 60
    began = time.monotonic()
    stage.swarm.flood(flood, '{"message":"grow","bytes":1}', flooding)
    stage.broadcast(other)
    handled = len(stage.lines("message", flood.id)) - before
    assert handled < flooding  # the other client did not have to wait for all of them
    wait_until(
        lambda: len(stage.lines("message", flood.id)) >= before + flooding,
        "the flood has been handled",
    )
    seconds = time.monotonic() - began
    stage.swarm.settle()
    codes = {json.loads(frame)["error"]["code"] for frame in flood.errors}
    outcomes = [line["outcome"] for line in stage.lines("message", flood.id)[before:]]
    assert codes == {"rate_limited"}
    assert outcomes.count("ok") <= 2 * (seconds + 1)
    for client in clients:
        client.expected += ["x"] * outcomes.count("ok")
    stage.reconcile()
    stage.swarm.leave([flood])  # a few more messages would close it in the next scenario
    stage.table.wait_for(len(clients) - 1)


@pytest.mark.case(30)
def test_a_continued_flood_is_closed_and_others_are_served_meanwhile(open_stage: Open) -> None:
    stage = open_stage("guarded", GUARDS)
    clients = stage.join()
    flood, other = clients[:2]
    for client in (flood, other):
        stage.identify(client)
    stage.swarm.flood(flood, '{"message":"nobody"}', 1000)
    counts = stage.broadcast(other)
    assert counts.sent >= len(clients) - 1
    assert stage.swarm.close_code(flood) == 1000
    codes = [json.loads(frame)["error"]["code"] for frame in flood.errors]
    assert {*codes} <= {"unknown_route", "rate_limited"}
    assert 60 <= codes.count("rate_limited") < 1000

    def closed() -> list[str]:
        return [line["closed"] for line in stage.lines("message", flood.id) if "closed" in line]

    wait_until(lambda: "ok" in closed(), "the log says that it is closed")
    assert closed().count("ok") == 1
    stage.table.wait_for(len(clients) - 1)
    assert stage.broadcast(other) == Counts(sent=len(clients) - 1)
    stage.reconcile()
