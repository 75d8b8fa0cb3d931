"""A client with a token, from its handshake to the sweep that closes its connection."""

import json
import re
import time
from collections.abc import Iterator
from typing import Any

import jwt
import pytest
from websockets.exceptions import InvalidStatus

from decanter.cli import main
from tests.chaos.project import copy_project
from tests.support.clients import seen_by, sweep
from tests.support.connection_table import Table
from tests.support.gateways import SECONDS, Running, gateway, wait_until

SECRET = "a secret of the deployment, 32 bytes or more"
ENVIRONMENT = {
    "DECANTER_JWT_ISSUER": "https://issuer.example",
    "DECANTER_JWT_AUDIENCE": "decanter",
    "DECANTER_JWT_SECRET": SECRET,
}
LIFE_SECONDS = 2
GUARDED = """

from decanter import WebTokens

router.authenticate(WebTokens())


@router.route("whoami")
def who_am_i(request: Request) -> None:
    request.reply({"identity": request.identity})
"""


@pytest.fixture(name="guarded", scope="module")
def _guarded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """The service with tokens and a sweep."""
    project = copy_project(tmp_path_factory.mktemp("guarded"), extra=GUARDED, sweeps=True)
    with gateway(project, "--no-reload", environment=ENVIRONMENT) as running:
        yield running


def token(seconds: float, **claims: Any) -> str:
    """Return a token that is valid for this time."""
    usual = {
        "iss": ENVIRONMENT["DECANTER_JWT_ISSUER"],
        "aud": ENVIRONMENT["DECANTER_JWT_AUDIENCE"],
        "sub": "ann",
        "exp": int(time.time() + seconds),
    }
    return jwt.encode(usual | claims, SECRET, algorithm="HS256")


def swept(running: Running) -> dict[str, Any]:
    found = sweep(running)
    assert found["problem"] is None
    return found


def assert_in_no_line(running: Running, *tokens: str) -> None:
    """Check that no line has the token or a part of it: a signature helps to forge the rest."""
    for each in tokens:
        for part in each.split("."):
            assert not [line for line in running.lines if part in line]


def test_a_client_with_a_token_talks_until_it_expires_and_the_sweep_closes_it(
    guarded: Running,
) -> None:
    rows, mine = Table(guarded), token(LIFE_SECONDS)
    with guarded.connect(subprotocols=["decanter.token", mine]) as client:
        assert client.subprotocol == "decanter.token"
        client.send('{"message":"whoami"}')
        assert json.loads(client.recv(timeout=SECONDS)) == {"identity": "ann"}
        (connection_id,) = rows.ids()
        rows.age(connection_id, seconds=60)
        expiry = int(rows.row(connection_id)["identity_expires_at"]["N"])
        wait_until(lambda: time.time() > expiry, "the token has expired")
        found = swept(guarded)
        assert (found["closed"], found["gone"], found["kept"]) == (1, 0, 0)
        assert seen_by(client) == (1000, "Connection Closed Normally")
    rows.wait_for(0)
    guarded.wait_for_line(rf"disconnect +{re.escape(connection_id)} 1000")
    assert_in_no_line(guarded, mine)


def test_a_client_with_a_valid_token_stays(guarded: Running) -> None:
    rows, mine = Table(guarded), token(600)
    with guarded.connect(subprotocols=["decanter.token", mine]) as client:
        (connection_id,) = rows.ids()
        rows.age(connection_id, seconds=60)
        found = swept(guarded)
        assert (found["closed"], found["gone"], found["kept"]) == (0, 0, 1)
        client.send('{"message":"whoami"}')
        assert json.loads(client.recv(timeout=SECONDS)) == {"identity": "ann"}
    rows.wait_for(0)
    assert_in_no_line(guarded, mine)


@pytest.mark.parametrize("by_query", [False, True], ids=["subprotocol", "query"])
def test_an_invalid_token_is_refused_with_401(guarded: Running, by_query: bool) -> None:
    refused = [token(-60), token(60, aud="another"), jwt.encode({"sub": "ann"}, "k" * 32)]
    for each in refused:
        offers = [] if by_query else ["decanter.token", each]
        with (
            pytest.raises(InvalidStatus) as answer,
            guarded.connect(f"token={each}" if by_query else "", subprotocols=offers or None),
        ):
            pass
        assert answer.value.response.status_code == 401
    guarded.wait_for_line('"outcome": "refused", "status": 401')
    assert Table(guarded).ids() == set()
    assert_in_no_line(guarded, *refused)


def test_verify_finds_the_place_of_the_token(
    guarded: Running, capsys: pytest.CaptureFixture[str]
) -> None:
    mine = token(600)
    assert main(["verify", guarded.url, "--token", mine]) == 0
    output = capsys.readouterr().out
    assert "token: accepted in the subprotocol after decanter.token" in output
    assert "a client without the token: refused: HTTP 401" in output
    assert_in_no_line(guarded, mine)
    Table(guarded).wait_for(0)
