"""Authenticate clients by a JSON Web Token.

    router.authenticate(WebTokens())

Variable                      Accepted
DECANTER_JWT_ISSUER           the claim `iss`, exactly
DECANTER_JWT_AUDIENCE         one of the claim `aud`
DECANTER_JWT_SECRET           for HS256: a secret of 32 bytes or more
DECANTER_JWT_JWKS_URL         for RS256: the http(s) URL of a key set; instead of the secret
DECANTER_JWT_LEEWAY_SECONDS   allowed clock difference, 0 to 300; 30 if not set

A browser cannot set headers on a WebSocket. So the token is the subprotocol after `decanter.token`:
`new WebSocket(url, ["decanter.token", token])`. The connection then uses `decanter.token`, unless
another hook selects a subprotocol. Or the token is the query parameter `token`; it should be
short-lived, because URLs are stored in more places. Only the deployment decides on the algorithm,
never the token. A token must have `iss`, `aud`, `exp` and `sub`; `sub` is the identity.
"""

import json
import logging
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from http.client import HTTPException
from typing import Any
from urllib.request import urlopen

from decanter.runtime.clock import Clock
from decanter.runtime.errors import ConfigurationError, SettingError
from decanter.runtime.logs import log
from decanter.runtime.routing.connection_event import Handshake, Hello, Refused
from decanter.runtime.settings import number, url_of

LIFETIME_SECONDS = 600.0
PAUSE_SECONDS = 30.0
"""Pause between two fetches, so tokens with invented key ids cannot cause one fetch each."""

TIMEOUT_SECONDS = 2.0
MAX_BYTES = 262_144

_UNREADABLE = (OSError, HTTPException, ValueError, LookupError, TypeError, AttributeError)

Fetch = Callable[[str], Any]
"""Takes a URL and returns its JSON; raises OSError, HTTPException or ValueError."""


def fetch_json(url: str) -> Any:
    """Return the JSON at a URL, which the deployment sets and no client."""
    with urlopen(url, timeout=TIMEOUT_SECONDS) as answer:  # noqa: S310 - http(s), as settings check
        return json.loads(answer.read(MAX_BYTES))


class KeySet:
    """The keys that an issuer signs with, by their ids.

    A set is valid for ten minutes. An unknown key id causes a new fetch, because the issuer may
    have changed keys. If the set has expired and cannot be fetched, no client is accepted.

    Args:
        url: the URL of the set.
        fetch: reads the URL.
        clock: used for the set's age.
    """

    def __init__(self, url: str, fetch: Fetch, clock: Clock) -> None:
        self._url = url
        self._fetch = fetch
        self._clock = clock
        self._keys: Mapping[str, Mapping[str, Any]] = {}
        self._good_until = self._next_fetch = float("-inf")

    def key(self, key_id: object) -> Mapping[str, Any]:
        """Return the RSA key of this id.

        Raises:
            Refused: 401, the key is unknown; 503, the key set cannot be read.
        """
        now = self._clock.monotonic()
        if (now >= self._good_until or key_id not in self._keys) and now >= self._next_fetch:
            self._read(now)
        if now >= self._good_until:
            raise Refused(503, "the key set cannot be read")
        if not isinstance(key_id, str) or key_id not in self._keys:
            raise Refused(401, "token: unknown key")
        return self._keys[key_id]

    def _read(self, now: float) -> None:
        self._next_fetch = now + PAUSE_SECONDS
        try:
            keys = self._fetch(self._url)["keys"]
            self._keys = {key["kid"]: key for key in keys if key.get("kty") == "RSA"}
        except _UNREADABLE as error:
            log("key_set_unreadable", logging.ERROR, url=self._url, error=type(error).__name__)
        else:
            self._good_until = now + LIFETIME_SECONDS


MARKER = "decanter.token"
MAX_TOKEN_BYTES = 4096
"""A longer token does not fit into a URL that API Gateway accepts."""

LEAST_SECRET_BYTES = 32
"""HS256's key is at least as long as its hash (RFC 7518, section 3.2)."""

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
    """Refuses clients without a valid token, and stores the identity of accepted clients.

    The row's `identity` is the token's `sub`, its `identity_expires_at` is `exp`. The connection
    table must be an `IdentifiedModel`. The log has the reason of a refusal, but never the token.

    Args:
        environ: the environment, read at the first handshake.
        fetch: reads the key set.
        clock: used for the key set's age.
    """

    def __init__(
        self,
        environ: Mapping[str, str] = os.environ,
        fetch: Fetch = fetch_json,
        clock: Clock | None = None,
    ) -> None:
        self._environ = environ
        self._fetch = fetch
        self._clock = clock or Clock()
        self._terms: _Terms | None = None
        self._keys: KeySet | None = None

    def __call__(self, hello: Hello) -> None:
        """Authenticate a client.

        Raises:
            Refused: status 401; status 503 if the key set cannot be read.
            ConfigurationError: a variable or PyJWT is missing.
        """
        if self._terms is None:
            self._terms = _terms(self._environ)
            if self._terms.jwks_url:
                self._keys = KeySet(self._terms.jwks_url, self._fetch, self._clock)
        handshake = hello.handshake
        claims = self._claims(_token(handshake), self._terms)
        hello.identity, hello.expires_at = claims["sub"], int(claims["exp"])
        if MARKER in handshake.subprotocols and handshake.subprotocol is None:
            handshake.subprotocol = MARKER

    def _claims(self, token: str, terms: _Terms) -> Mapping[str, Any]:
        jwt = _library()
        try:
            header = jwt.get_unverified_header(token)
            if "crit" in header:
                raise Refused(401, "token: it requires an extension")
            claims: Mapping[str, Any] = jwt.decode(
                token,
                self._key(jwt, header, terms),
                algorithms=["RS256" if self._keys else "HS256"],
                issuer=terms.issuer,
                audience=terms.audience,
                leeway=terms.leeway_seconds,
                options={"require": ["iss", "aud", "exp", "sub"]},
            )
        except (jwt.PyJWTError, ValueError, RecursionError) as error:
            raise Refused(401, f"token: {type(error).__name__}") from None
        if not claims["sub"]:
            raise Refused(401, "token: sub is empty")
        return claims

    def _key(self, jwt: Any, header: Mapping[str, Any], terms: _Terms) -> Any:
        if self._keys is None:
            return terms.secret
        return jwt.PyJWK(dict(self._keys.key(header.get("kid"))), algorithm="RS256").key


def _token(handshake: Handshake) -> str:
    """Return the client's token.

    Raises:
        Refused: the client has none, or it is too long.
    """
    offers = handshake.subprotocols
    token = handshake.query.get("token", "")
    if MARKER in offers:
        token = next(iter(offers[offers.index(MARKER) + 1 :]), "")
    if not token:
        raise Refused(401, "token: none")
    if len(token.encode()) > MAX_TOKEN_BYTES:
        raise Refused(401, "token: too long")
    return token


def _terms(environ: Mapping[str, str]) -> _Terms:
    for name in ("DECANTER_JWT_ISSUER", "DECANTER_JWT_AUDIENCE"):
        if not environ.get(name):
            raise SettingError(name, environ.get(name), "set it to the value in your tokens")
    secret, url = environ.get("DECANTER_JWT_SECRET", ""), environ.get("DECANTER_JWT_JWKS_URL", "")
    if bool(secret) == bool(url):
        raise ConfigurationError(
            "set one of DECANTER_JWT_SECRET (HS256) and DECANTER_JWT_JWKS_URL (RS256)"
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
