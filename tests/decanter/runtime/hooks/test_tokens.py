"""Tokens, and a key set that is read over HTTP."""

import json
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from jwt.algorithms import ECAlgorithm

from decanter import Router
from decanter.runtime.channels.declaration import Subscription
from decanter.runtime.errors import ConfigurationError
from decanter.runtime.hooks.tokens import MARKER, WebTokens, fetch_json
from decanter.runtime.routing.connection_event import Hello, Refused, TokenExpired
from tests.support.fakes import FakeClock, FakeConnections
from tests.support.fixtures import LogLines
from tests.support.tokens import (
    HS256,
    JWKS,
    LATER,
    NOW,
    OTHER_JWK,
    OTHER_KEY,
    PUBLIC_PEM,
    RS256,
    SECRET,
    b64,
    by_hand,
    claims,
    hello,
    hs256,
    rs256,
    signed_by_hand,
    signed_texts,
)


class _Issuer(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        body = b'{"keys": []}'
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the base's name
        return


def test_a_url_is_read_as_json() -> None:
    with HTTPServer(("127.0.0.1", 0), _Issuer) as server:
        thread = threading.Thread(target=server.handle_request)
        thread.start()
        assert fetch_json(f"http://127.0.0.1:{server.server_port}/jwks.json") == {"keys": []}
        thread.join()


ALGS = ["hs256", "HS384", "RS256", "ES256", "HS256 ", None, 256]


def hook(environ: dict[str, str], **options: Any) -> WebTokens:
    return WebTokens(environ, **{"fetch": lambda url: JWKS, **options})


def refusal(environ: dict[str, str], shown: Hello) -> Refused:
    with pytest.raises(Refused) as refused:
        hook(environ)(shown)
    return refused.value


@pytest.mark.parametrize(("environ", "token"), [(HS256, hs256()), (RS256, rs256())])
def test_a_valid_token_sets_the_identity(environ: dict[str, str], token: str) -> None:
    for shown in (hello(token), hello(None, "v1", MARKER, token)):
        hook(environ)(shown)
        assert (shown.identity, shown.expires_at) == ("ann", LATER)


def test_the_response_has_the_marker_and_never_the_token() -> None:
    shown = hello(None, MARKER, hs256())
    hook(HS256)(shown)
    assert shown.handshake.subprotocol == MARKER


def test_another_hooks_subprotocol_is_kept() -> None:
    shown = hello(None, "v1", MARKER, hs256())
    shown.handshake.subprotocol = "v1"
    hook(HS256)(shown)
    assert shown.handshake.subprotocol == "v1"


def test_clocks_may_differ_a_little() -> None:
    now = int(time.time())
    lenient = HS256 | {"DECANTER_JWT_LEEWAY_SECONDS": "300"}
    hook(lenient)(hello(hs256(exp=now - 100, nbf=now + 200)))
    strict = HS256 | {"DECANTER_JWT_LEEWAY_SECONDS": "0"}
    assert refusal(strict, hello(hs256(exp=now - 10))).status == 401


FORGED = {
    "expired": (HS256, hs256(exp=NOW - 60)),
    "not yet valid": (HS256, hs256(nbf=LATER)),
    "issued in the future": (HS256, hs256(iat=LATER)),
    "another issuer": (HS256, hs256(iss="https://issuer.evil.net")),
    "another audience": (HS256, hs256(aud="other")),
    "no expiry": (HS256, hs256(exp=None)),
    "no audience": (HS256, hs256(aud=None)),
    "no issuer": (HS256, hs256(iss=None)),
    "no subject": (HS256, hs256(sub=None)),
    "an empty subject": (HS256, hs256(sub="")),
    "another secret": (HS256, jwt.encode(claims(), SECRET[::-1], "HS256")),
    "another HMAC": (HS256, jwt.encode(claims(), SECRET * 2, "HS512")),
    "alg none": (HS256, jwt.encode(claims(), "", "none")),
    "alg none, for RS256": (RS256, jwt.encode(claims(), "", "none", headers={"kid": "one"})),
    "alg NONE": (HS256, signed_by_hand(b"", {"alg": "NONE"})),
    "no alg": (HS256, signed_by_hand(SECRET.encode(), {"typ": "JWT"})),
    "HS256 with the public key": (
        RS256,
        signed_by_hand(PUBLIC_PEM, {"alg": "HS256", "kid": "one"}),
    ),
    "RS256 instead of HS256": (HS256, rs256()),
    "another key under a known id": (RS256, rs256(OTHER_KEY)),
    "an unknown key id": (RS256, rs256(kid="two")),
    "no key id": (RS256, rs256(kid=None)),
    "a key id that is not a string": (RS256, signed_by_hand(b"", {"alg": "RS256", "kid": ["one"]})),
    "its own key": (
        RS256,
        signed_by_hand(b"x", {"alg": "RS256", "jwk": JWKS["keys"][0], "jku": "https://evil"}),
    ),
    **{
        f"a good signature by the key in its own {name}": (
            RS256,
            jwt.encode(claims(), OTHER_KEY, "RS256", headers={"kid": "one", name: value}),
        )
        for name, value in {
            "jwk": OTHER_JWK,
            "jku": "https://evil.net/jwks.json",
            "x5u": "https://evil.net/chain.pem",
            "x5c": [b64(b"a certificate")],
        }.items()
    },
    "HS256 with the public key of the set": (
        RS256,
        signed_by_hand(json.dumps(JWKS["keys"][0]).encode(), {"alg": "HS256", "kid": "one"}),
    ),
    "HS256 with an empty key": (RS256, signed_by_hand(b"", {"alg": "HS256", "kid": "one"})),
    **{
        f"a key id {kid!r}": (RS256, rs256(kid=kid))
        for kid in (
            "../../../dev/null",
            "one/../one",
            "one\0",
            " one",
            "' OR '1'='1",
            "https://evil",
        )
    },
    **{f"alg {alg}": (HS256, signed_by_hand(SECRET.encode(), {"alg": alg})) for alg in ALGS},
    "two algorithms": (
        HS256,
        signed_texts(SECRET.encode(), '{"alg": "HS256", "alg": "none"}', json.dumps(claims())),
    ),
    "two expiries, of which the last counts": (
        HS256,
        signed_texts(
            SECRET.encode(),
            '{"alg": "HS256"}',
            json.dumps(claims())[:-1] + f', "exp": {NOW - 60}}}',
        ),
    ),
    "an expiry that never comes": (HS256, by_hand(exp=float("inf"))),
    "an expiry that is not a number": (HS256, by_hand(exp="tomorrow")),
    "a payload that is not encoded": (
        HS256,
        signed_by_hand(SECRET.encode(), {"alg": "HS256", "b64": False}),
    ),
    "no object": (HS256, signed_texts(SECRET.encode(), '{"alg": "HS256"}', "[]")),
    "several issuers": (HS256, by_hand(iss=["https://issuer", "https://other"])),
    "a subject that is not a string": (HS256, by_hand(sub=7)),
    "a subject with a lone surrogate": (HS256, by_hand(sub="\ud800")),
    "a text with a lone surrogate": (HS256, "\udc80.x.y"),
    "letters of another alphabet": (HS256, "é.é.é"),
    "a demand": (HS256, signed_by_hand(SECRET.encode(), {"alg": "HS256", "crit": ["b64"]})),
    "truncated": (HS256, hs256()[:-8]),
    "without its signature": (HS256, hs256().rpartition(".")[0] + "."),
    "two parts": (HS256, hs256().rpartition(".")[0]),
    "8 KB long": (HS256, hs256(padding="x" * 8192)),
    "deeply nested": (HS256, f"{b64(b'[' * 3000)}.e30.e30"),
    "no JSON": (HS256, "a.b.c"),
    "not ASCII": (HS256, "é.é.é"),
    "empty": (HS256, ""),
}


@pytest.mark.parametrize("name", FORGED)
def test_a_forged_token_is_refused_and_not_logged(name: str, log_lines: LogLines) -> None:
    environ, token = FORGED[name]
    connections = FakeConnections()
    router = Router("$request.body.message", connections=connections)
    router.authenticate(hook(environ))
    event = (hello(None, MARKER, token) if token else hello(None)).handshake.event
    assert router.handle(event) == {"statusCode": 401}
    assert connections.rows == {}
    text = json.dumps(log_lines())
    assert '"outcome": "refused"' in text
    assert not [part for part in token.split(".") if len(part) > 3 and part in text]


def test_the_identity_is_in_the_row_and_the_token_is_not_in_the_log(log_lines: LogLines) -> None:
    connections, token = FakeConnections(), hs256()
    router = Router("$request.body.message", connections=connections)
    router.authenticate(hook(HS256))
    assert router.handle(hello(token).handshake.event) == {"statusCode": 200}
    assert connections.attributes["identity"] == "ann"
    assert not [part for part in token.split(".") if part in json.dumps(log_lines())]


class Issuer:
    """Serves a key set, or fails."""

    def __init__(self) -> None:
        self.fetched = 0
        self.answer: Any = JWKS

    def __call__(self, url: str) -> Any:
        self.fetched += 1
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer


def test_a_key_set_is_kept_for_ten_minutes() -> None:
    issuer, clock = Issuer(), FakeClock()
    check = hook(RS256, fetch=issuer, clock=clock)
    for _ in range(3):
        check(hello(rs256()))
    assert issuer.fetched == 1
    clock.elapsed += 600
    check(hello(rs256()))
    assert issuer.fetched == 2


def test_unknown_key_ids_do_not_cause_a_fetch_each_time() -> None:
    issuer, clock = Issuer(), FakeClock()
    check = hook(RS256, fetch=issuer, clock=clock)
    for number in range(10):
        with pytest.raises(Refused, match="unknown key"):
            check(hello(rs256(kid=f"invented {number}")))
    assert issuer.fetched == 1
    clock.elapsed += 30
    issuer.answer = {"keys": [{**JWKS["keys"][0], "kid": "two"}]}
    check(hello(rs256(kid="two")))
    assert issuer.fetched == 2


@pytest.mark.parametrize(
    "away", [OSError("away"), ValueError("no JSON"), [], {}, {"keys": [1]}, {"keys": None}]
)
def test_no_client_is_accepted_while_the_key_set_is_unreadable(
    away: Any, log_lines: LogLines
) -> None:
    issuer, clock = Issuer(), FakeClock()
    issuer.answer = away
    check = hook(RS256, fetch=issuer, clock=clock)
    for _ in range(2):
        with pytest.raises(Refused) as refused:
            check(hello(rs256()))
        assert refused.value.status == 503
    (line,) = log_lines()
    assert (line["event"], line["level"]) == ("key_set_unreadable", "ERROR")
    issuer.answer = JWKS
    clock.elapsed += 30
    check(hello(rs256()))


def test_an_old_key_set_is_used_for_a_day_if_no_newer_one_can_be_read(log_lines: LogLines) -> None:
    issuer, clock = Issuer(), FakeClock()
    check = hook(RS256, fetch=issuer, clock=clock)
    check(hello(rs256()))
    issuer.answer = OSError("away")
    for seconds in (601, 29, 86_400 - 631):
        clock.elapsed += seconds
        check(hello(rs256()))
    assert issuer.fetched == 3  # not again after 29 s
    clock.elapsed += 1
    with pytest.raises(Refused, match="cannot be read"):
        check(hello(rs256()))
    assert {line["event"] for line in log_lines()} == {"key_set_unreadable"}
    issuer.answer = JWKS
    clock.elapsed += 2
    check(hello(rs256()))


def test_a_clock_that_was_set_back_makes_the_key_set_old() -> None:
    issuer, clock = Issuer(), FakeClock()
    check = hook(RS256, fetch=issuer, clock=clock)
    check(hello(rs256()))
    clock.started_ms -= 3_600_000
    issuer.answer = OSError("away")
    with pytest.raises(Refused, match="cannot be read"):
        check(hello(rs256()))


def test_an_elliptic_key_verifies_its_own_algorithm() -> None:
    key = ec.generate_private_key(ec.SECP256R1())
    jwk = {**json.loads(ECAlgorithm.to_jwk(key.public_key())), "kid": "curve"}
    check = hook(RS256, fetch=lambda url: {"keys": [jwk, *JWKS["keys"]]})
    check(hello(jwt.encode(claims(), key, "ES256", headers={"kid": "curve"})))
    check(hello(rs256()))
    with pytest.raises(Refused, match="InvalidAlgorithm"):
        check(hello(rs256(kid="curve")))


@pytest.mark.parametrize(
    "change",
    [
        {"use": "enc"},
        {"alg": "RS512"},
        {"key_ops": ["encrypt"]},
        {"kty": "oct"},
        {"kid": 2},
        {"kid": None},
        {"crv": "P-256"},
    ],
)
def test_keys_that_cannot_verify_are_skipped(change: dict[str, Any]) -> None:
    keys = {"keys": [{**JWKS["keys"][0], "kid": "two"} | change, "no key", *JWKS["keys"]]}
    check = hook(RS256, fetch=lambda url: keys)
    check(hello(rs256()))
    with pytest.raises(Refused, match="unknown key"):
        check(hello(rs256(kid="two")))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"DECANTER_JWT_ISSUER": ""}, "DECANTER_JWT_ISSUER is ''"),
        ({"DECANTER_JWT_AUDIENCE": ""}, "DECANTER_JWT_AUDIENCE is ''"),
        ({"DECANTER_JWT_SECRET": ""}, "set one of DECANTER_JWT_SECRET"),
        ({"DECANTER_JWT_JWKS_URL": "https://issuer/"}, "set one of DECANTER_JWT_SECRET"),
        ({"DECANTER_JWT_SECRET": "short"}, "HS256 needs 32 bytes or more"),
        ({"DECANTER_JWT_SECRET": "", "DECANTER_JWT_JWKS_URL": "file:///x"}, "https URL"),
        ({"DECANTER_JWT_LEEWAY_SECONDS": "301"}, "a whole number from 0 to 300"),
        ({"DECANTER_JWT_LEEWAY_SECONDS": "1.5"}, "a whole number from 0 to 300"),
    ],
)
def test_invalid_settings_are_named(changes: dict[str, str], message: str) -> None:
    with pytest.raises(ConfigurationError) as error:
        hook(HS256 | changes)(hello(hs256()))
    assert message in str(error.value)
    assert "short" not in str(error.value).replace("too short", "")


def test_without_pyjwt_the_error_names_the_package(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "jwt", None)
    with pytest.raises(ConfigurationError, match=r"write PyJWT\[crypto\] into requirements.txt"):
        hook(HS256)(hello("token"))


def test_without_one_of_its_settings_no_client_is_accepted() -> None:
    """Each group that it declares is needed."""
    for group in WebTokens.settings:
        others = {one: SECRET for one, *_ in WebTokens.settings if one not in group}
        with pytest.raises(ConfigurationError, match=group[0]):
            WebTokens(others)(hello("token"))


def test_a_router_declares_the_settings_of_its_hook() -> None:
    router = Router("$request.body.message", connections=FakeConnections())
    router.authenticate(WebTokens({}))
    declared = router.__decanter__()["settings"]["websocket_connect"]
    assert declared == [list(group) for group in WebTokens.settings]


def in_command(token: str) -> Hello:
    """Return the hello of an app with channels, whose token stands in the connect command."""
    shown = hello(None)
    shown.token = token
    return shown


def test_a_connect_command_has_its_own_token() -> None:
    shown = in_command(hs256(info={"name": "Ann"}, channels=["chat:1"]))
    hook(HS256)(shown)
    assert (shown.identity, shown.expires_at) == ("ann", LATER)
    assert (shown.info, shown.subscriptions) == ({"name": "Ann"}, [("chat:1", {})])


@pytest.mark.parametrize(
    "token",
    [
        "",
        hs256(channel="chat:1"),
        hs256(channels="chat:1"),
        hs256(channels=["user:{identity}"]),
        hs256(channels=[7]),
        hs256(sub=""),
        hs256(iss="https://issuer.evil.net"),
        jwt.encode(claims(), SECRET[::-1], "HS256"),
        jwt.encode(claims(), "", "none"),
        "x" * 5000,
    ],
)
def test_a_foreign_token_of_a_connect_command_is_refused(token: str) -> None:
    shown = in_command(token)
    shown.handshake.query = {"token": hs256()}
    error = refusal(HS256, shown)
    assert (error.status, type(error)) == (401, Refused)
    assert (shown.identity, shown.subscriptions) == (None, [])


def test_an_expired_token_asks_for_a_new_one() -> None:
    assert type(refusal(HS256, in_command(hs256(exp=NOW - 60)))) is TokenExpired


def subscribing(token: str, **changes: Any) -> Subscription:
    given = {"channel": "chat:1", "identity": "ann", "client": "c", **changes}
    return Subscription(**given, token=token)


def test_a_subscription_has_a_token_of_its_own() -> None:
    subscription = subscribing(hs256(channel="chat:1", info=[1]))
    hook(HS256).check_subscription(subscription)
    assert subscription.has_token
    assert (subscription.expires_at, subscription.info) == (LATER, [1])


@pytest.mark.parametrize(
    ("token", "changes"),
    [
        (hs256(), {}),
        (hs256(channel="chat:2"), {}),
        (hs256(channel=["chat:1"]), {}),
        (hs256(channel="chat:1", sub="bob"), {}),
        (hs256(channel="chat:1"), {"identity": None}),
        (hs256(channel="chat:1", aud="other"), {}),
        (jwt.encode(claims(channel="chat:1"), SECRET[::-1], "HS256"), {}),
        (jwt.encode(claims(channel="chat:1"), "", "none"), {}),
    ],
)
def test_a_foreign_token_of_a_subscription_is_refused(token: str, changes: dict[str, Any]) -> None:
    subscription = subscribing(token, **changes)
    with pytest.raises(Refused):
        hook(HS256).check_subscription(subscription)
    assert not subscription.has_token


def test_an_expired_token_of_a_subscription_asks_for_a_new_one() -> None:
    with pytest.raises(TokenExpired):
        hook(HS256).check_subscription(subscribing(hs256(channel="chat:1", exp=NOW - 60)))
