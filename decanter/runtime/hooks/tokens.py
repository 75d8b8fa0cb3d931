"""Authenticate clients with a JSON Web Token.

    router.authenticate(WebTokens())

Variable                      Accepted
DECANTER_JWT_ISSUER           the exact claim `iss`
DECANTER_JWT_AUDIENCE         a value in the claim `aud`
DECANTER_JWT_SECRET           for HS256: a secret of 32 bytes or more
DECANTER_JWT_JWKS_URL         for RS256 and ES256: the http(s) URL of a key set; instead of a secret
DECANTER_JWT_LEEWAY_SECONDS   allowed clock difference, 0 to 300; 30 if not set

A browser cannot set headers on a WebSocket. A page therefore sends the token as the subprotocol
after `decanter.token`, as in `new WebSocket(url, ["decanter.token", token])`. The connection then
uses the subprotocol `decanter.token`, unless another hook selects a subprotocol. The token can also
be the query parameter `token`. Such a token should be short-lived, because URLs are stored in more
places than headers. In an app with channels, the token is in the client's connect command. The
other members of a channel see the claim `info`. The claim `channels` lists the channels that the
server subscribes the client to. A subscription token has the claim `channel`, and is valid only for
this channel. The secret or the key determines the algorithm. The token cannot choose the algorithm.
A token must have `iss`, `aud`, `exp` and `sub`. The claim `sub` is the identity.
"""

import json
import logging
import os
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from http.client import HTTPException
from math import inf
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.request import urlopen

from decanter.runtime.clock import Clock
from decanter.runtime.errors import ConfigurationError, SettingError
from decanter.runtime.functions import check_environment
from decanter.runtime.logs import log
from decanter.runtime.routing.connection_event import Handshake, Hello, Refused, TokenExpired
from decanter.runtime.settings import number, url_of

if TYPE_CHECKING:
    from decanter.runtime.channels.declaration import Subscription

LIFETIME_SECONDS = 600
STALE_SECONDS = 86_400
"""The maximum age of a key set that is used because no newer one can be read."""

PAUSE_SECONDS = 30
"""The pause between two fetches. Without it, each token with an invented key id would cause a
fetch.
"""

SHORT_PAUSE_SECONDS = 2
"""The pause while no key set is valid. Clients are refused during this pause."""

TIMEOUT_SECONDS = 2.0
MAX_BYTES = 262_144

# A key's type and curve select one of these algorithms (RFC 7518, section 3.1).
_ALGORITHMS: Mapping[tuple[object, object], str] = {
    ("RSA", None): "RS256",
    ("EC", "P-256"): "ES256",
}
_SURROGATE = re.compile("[\ud800-\udfff]")
_UNREADABLE = (OSError, HTTPException, ValueError, LookupError, TypeError, AttributeError)

Fetch = Callable[[str], Any]
"""Takes a URL and returns the JSON at this URL; raises OSError, HTTPException or ValueError."""


def fetch_json(url: str) -> Any:
    """Return the JSON at a URL. The deployment sets this URL, and a client cannot change it."""
    with urlopen(url, timeout=TIMEOUT_SECONDS) as answer:  # noqa: S310 - http(s), as settings check
        return json.loads(answer.read(MAX_BYTES))


class SigningKey(NamedTuple):
    """A key of a key set, and the only algorithm that the key is used for."""

    jwk: Mapping[str, Any]
    algorithm: str


class KeySet:
    """The signing keys of an issuer, by key id.

    A key set is fresh for ten minutes. An unknown key id causes a new fetch, because the issuer may
    have changed its keys. If no newer key set can be read, the old key set is used until it is a
    day old. After that, no client is accepted. The age is measured with the wall clock, because the
    monotonic clock of a frozen process may have stopped.
    """

    def __init__(self, url: str, fetch: Fetch, clock: Clock) -> None:
        self._url = url
        self._fetch = fetch
        self._clock = clock
        self._keys: Mapping[str, SigningKey] = {}
        self._read_ms: int | None = None
        self._tried_ms: int | None = None

    def key(self, key_id: object) -> SigningKey:
        """Return the key with this id.

        Raises:
            Refused: status 401 if the key is unknown; status 503 if the key set cannot be read.
        """
        if not isinstance(key_id, str):
            raise Refused(401, "token: unknown key")
        now_ms = self._clock.time_ms()
        age = _age(self._read_ms, now_ms)
        pause = PAUSE_SECONDS if age < STALE_SECONDS else SHORT_PAUSE_SECONDS
        wanted = age >= LIFETIME_SECONDS or key_id not in self._keys
        if wanted and _age(self._tried_ms, now_ms) >= pause:
            self._read(now_ms)
        if _age(self._read_ms, now_ms) >= STALE_SECONDS:
            raise Refused(503, "the key set cannot be read")
        if key_id not in self._keys:
            raise Refused(401, "token: unknown key")
        return self._keys[key_id]

    def _read(self, now_ms: int) -> None:
        self._tried_ms = now_ms
        try:
            self._keys = _usable(self._fetch(self._url)["keys"])
        except _UNREADABLE as error:
            log("key_set_unreadable", logging.ERROR, url=self._url, error=type(error).__name__)
        else:
            self._read_ms = now_ms


def _age(since_ms: int | None, now_ms: int) -> float:
    """Return the seconds since a time; infinity if the time is None or in the future."""
    return inf if since_ms is None or now_ms < since_ms else (now_ms - since_ms) / 1000


def _usable(keys: list[Any]) -> dict[str, SigningKey]:
    """Return the keys that verify signatures (RFC 7517, section 4), by key id.

    Raises:
        ValueError: the key set has keys, but none of them is usable.
    """
    usable = {}
    for jwk in keys:
        if isinstance(jwk, dict) and isinstance(key_id := jwk.get("kid"), str):
            algorithm = _ALGORITHMS.get((jwk.get("kty"), jwk.get("crv")))
            if (
                algorithm
                and jwk.get("alg", algorithm) == algorithm
                and jwk.get("use", "sig") == "sig"
                and "verify" in jwk.get("key_ops", ["verify"])
            ):
                usable[key_id] = SigningKey(jwk, algorithm)
    if keys and not usable:
        raise ValueError("no key can be used")
    return usable


MARKER = "decanter.token"
MAX_TOKEN_BYTES = 4096
"""A longer token does not fit into a URL that API Gateway accepts."""

LEAST_SECRET_BYTES = 32
"""The key of HS256 must be at least as long as the hash (RFC 7518, section 3.2)."""

LEEWAY_SECONDS = 30
MAX_LEEWAY_SECONDS = 300


@dataclass(frozen=True)
class _Terms:
    """The requirements for a token. Either the secret or the URL is set."""

    issuer: str
    audience: str
    secret: str
    jwks_url: str
    leeway_seconds: int


class WebTokens:
    """Refuses clients without a valid token, and sets the identity of accepted clients.

    The row's `identity` is the token's `sub`. The row's `identity_expires_at` is the token's `exp`.
    The connection table must be an `IdentifiedModel`. The log contains the reason for a refusal,
    but never the token. The variables are read when the first token is checked.

    Attributes:
        settings: groups of variables; a stage must set one variable of each group.
    """

    settings = (
        ("DECANTER_JWT_ISSUER",),
        ("DECANTER_JWT_AUDIENCE",),
        ("DECANTER_JWT_SECRET", "DECANTER_JWT_JWKS_URL"),
    )

    def __init__(
        self,
        environ: Mapping[str, str] = os.environ,
        fetch: Fetch = fetch_json,
        clock: Clock | None = None,
    ) -> None:
        check_environment("WebTokens", environ)
        self._environ = environ
        self._fetch = fetch
        self._clock = clock or Clock()
        self._terms: _Terms | None = None
        self._keys: KeySet | None = None

    def __call__(self, hello: Hello) -> None:
        """Authenticate a client.

        Raises:
            TokenExpired: the token has expired; its signature is valid.
            Refused: status 401 if the token is invalid; 503 if the key set cannot be read.
            ConfigurationError: a variable is missing or invalid, or PyJWT is not installed.
        """
        handshake = hello.handshake
        claims = self._claims(_token(handshake) if hello.token is None else hello.token)
        if "channel" in claims:
            raise Refused(401, "token: it is for a channel")
        channels = [] if hello.token is None else _channels(claims)
        hello.identity, hello.expires_at = claims["sub"], int(claims["exp"])
        if hello.token is not None:
            hello.info = claims.get("info")
            hello.subscriptions += [(name, {}) for name in channels]
        elif MARKER in handshake.subprotocols and handshake.subprotocol is None:
            handshake.subprotocol = MARKER

    def check_subscription(self, subscription: "Subscription") -> None:
        """Check a subscription's token, and set its `has_token`, `expires_at` and `info`.

        Raises:
            TokenExpired: the token has expired; its signature is valid.
            Refused: status 401 if the token is invalid; 503 if the key set cannot be read.
            ConfigurationError: a variable is missing or invalid, or PyJWT is not installed.
        """
        claims = self._claims(subscription.token)
        if claims.get("channel") != subscription.channel:
            raise Refused(401, "token: another channel")
        if claims["sub"] != subscription.identity:
            raise Refused(401, "token: another identity")
        subscription.has_token, subscription.info = True, claims.get("info")
        subscription.expires_at = int(claims["exp"])

    def __decanter_settings__(self) -> _Terms:
        """Return the requirements for a token. The tool calls this method before a deployment.

        Raises:
            ConfigurationError: a variable is missing or invalid, or PyJWT is not installed.
        """
        _library()
        return _terms(self._environ)

    def _claims(self, token: str) -> Mapping[str, Any]:
        """Return the claims of a valid token."""
        if not token:
            raise Refused(401, "token: none")
        if not token.isascii() or len(token) > MAX_TOKEN_BYTES:
            raise Refused(401, "token: too long, or not ASCII")
        if self._terms is None:
            self._terms = self.__decanter_settings__()
            if self._terms.jwks_url:
                self._keys = KeySet(self._terms.jwks_url, self._fetch, self._clock)
        return self._decoded(token, self._terms)

    def _decoded(self, token: str, terms: _Terms) -> Mapping[str, Any]:
        jwt = _library()
        now = self._clock.time_ms() / 1000
        try:
            header = jwt.get_unverified_header(token)
            if "crit" in header:
                raise Refused(401, "token: it requires an extension")
            key, algorithm = self._key(jwt, header, terms)
            claims: Mapping[str, Any] = jwt.decode(
                token,
                key,
                algorithms=[algorithm],
                issuer=terms.issuer,
                audience=terms.audience,
                # PyJWT reads the machine's clock. `is_expired` below uses the clock of the hook.
                leeway=terms.leeway_seconds + self._clock.ahead,
                options={"require": ["iss", "aud", "exp", "sub"]},
            )
            is_expired = int(claims["exp"]) <= now - terms.leeway_seconds
        except jwt.ExpiredSignatureError:
            raise TokenExpired from None
        except (jwt.PyJWTError, ValueError, RecursionError) as error:
            raise Refused(401, f"token: {type(error).__name__}") from None
        if is_expired:
            raise TokenExpired
        _check(claims, terms)
        return claims

    def _key(self, jwt: Any, header: Mapping[str, Any], terms: _Terms) -> tuple[Any, str]:
        """Return the key, and the algorithm of the key."""
        if self._keys is None:
            return terms.secret, "HS256"
        jwk, algorithm = self._keys.key(header.get("kid"))
        return jwt.PyJWK(dict(jwk), algorithm=algorithm).key, algorithm


def _check(claims: Mapping[str, Any], terms: _Terms) -> None:
    """Check the claims again. Some PyJWT versions accept a part of `iss` (CVE-2024-53861)."""
    audience = claims["aud"]
    if claims["iss"] != terms.issuer:
        raise Refused(401, "token: another issuer")
    if terms.audience not in ([audience] if isinstance(audience, str) else audience):
        raise Refused(401, "token: another audience")
    subject = claims["sub"]
    if not isinstance(subject, str) or not subject or _SURROGATE.search(subject):
        raise Refused(401, "token: sub is empty, or not Unicode")


def _channels(claims: Mapping[str, Any]) -> list[str]:
    """Return the channels that a token names. Refuse a token if they are not names."""
    names = claims.get("channels", [])
    if not isinstance(names, list) or not all(
        isinstance(it, str) and "{" not in it for it in names
    ):
        raise Refused(401, "token: channels is not a list of names")
    return names


def _token(handshake: Handshake) -> str:
    """Return the token in a client's `$connect` request; an empty string if it has no token."""
    offers = handshake.subprotocols
    token = handshake.query.get("token", "")
    if MARKER in offers:
        token = next(iter(offers[offers.index(MARKER) + 1 :]), "")
    return token


def _terms(environ: Mapping[str, str]) -> _Terms:
    for name in ("DECANTER_JWT_ISSUER", "DECANTER_JWT_AUDIENCE"):
        if not environ.get(name):
            raise SettingError(name, environ.get(name), "set it to the value in your tokens")
    secret, url = environ.get("DECANTER_JWT_SECRET", ""), environ.get("DECANTER_JWT_JWKS_URL", "")
    if bool(secret) == bool(url):
        raise ConfigurationError(
            "set one of DECANTER_JWT_SECRET (HS256) and DECANTER_JWT_JWKS_URL (RS256, ES256)"
        )
    if secret and len(secret.encode()) < LEAST_SECRET_BYTES:
        raise ConfigurationError(
            f"DECANTER_JWT_SECRET is too short: HS256 needs {LEAST_SECRET_BYTES} bytes or more"
        )
    url_of(environ, "DECANTER_JWT_JWKS_URL", "the key set's https URL")
    leeway = number(environ, "DECANTER_JWT_LEEWAY_SECONDS", int, 0, MAX_LEEWAY_SECONDS)
    return _Terms(
        environ["DECANTER_JWT_ISSUER"],
        environ["DECANTER_JWT_AUDIENCE"],
        secret,
        url,
        LEEWAY_SECONDS if leeway is None else leeway,
    )


def _library() -> Any:
    """Import PyJWT, which an application without `WebTokens` does not need."""
    try:
        import jwt
    except ModuleNotFoundError as error:
        raise ConfigurationError(
            "PyJWT is not installed: write PyJWT[crypto] into requirements.txt"
        ) from error
    return jwt
