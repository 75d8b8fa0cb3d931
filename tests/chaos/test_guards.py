"""Those who may not connect, and those who send too much."""

import json

import pytest
from websockets.exceptions import InvalidStatus

from tests.chaos.conftest import Open
from tests.chaos.stage import Counts
from tests.gateways import wait_until

ALLOWED = "https://example.com"
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
def test_a_page_from_elsewhere_is_refused_and_ours_are_served(open_stage: Open) -> None:
    stage = open_stage("guarded", {"DECANTER_ALLOWED_ORIGINS": ALLOWED})
    clients = stage.join()
    ours = stage.swarm.join(3, origin=ALLOWED)
    for origin in ELSEWHERE:
        with pytest.raises(InvalidStatus) as refused:
            stage.swarm.join(1, origin=origin)
        assert (origin, refused.value.response.status_code) == (origin, 403)
    assert len(stage.table.ids()) == len(clients) + len(ours)
    assert stage.broadcast(ours[0]) == Counts(sent=len(clients) + len(ours))
    stage.reconcile()


@pytest.mark.case(30)
def test_a_flood_is_limited_and_others_are_served_meanwhile(open_stage: Open) -> None:
    stage = open_stage("paced", {"DECANTER_MESSAGES_PER_SECOND": "1"})
    clients = stage.join()
    flood, other = clients[:2]
    for client in (flood, other):
        stage.identify(client)
    before, flooding = len(stage.lines("message", flood.id)), 100
    stage.swarm.flood(flood, '{"message":"grow","bytes":1}', flooding)
    stage.broadcast(other)
    handled = len(stage.lines("message", flood.id)) - before
    assert handled < flooding  # the other did not have to wait for them all
    wait_until(
        lambda: len(stage.lines("message", flood.id)) >= before + flooding,
        "the flood has been handled",
    )
    stage.swarm.settle()
    codes = {json.loads(frame)["error"]["code"] for frame in flood.errors}
    outcomes = [line["outcome"] for line in stage.lines("message", flood.id)[before:]]
    assert codes == {"rate_limited"}
    assert outcomes.count("ok") < flooding / 4
    for client in clients:
        client.expected += ["x"] * outcomes.count("ok")
    stage.reconcile()
