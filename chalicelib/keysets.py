"""A JSON Web Key Set behind a URL, kept for a while."""

import json
import logging
from collections.abc import Callable, Mapping
from http.client import HTTPException
from typing import Any
from urllib.request import urlopen

from .clock import Clock
from .handshake import Refused
from .logs import log

LIFETIME_SECONDS = 600.0
PAUSE_SECONDS = 30.0
"""Between two fetches, so that tokens with invented key ids cannot ask for one each."""

TIMEOUT_SECONDS = 2.0
MAX_BYTES = 262_144

_UNREADABLE = (OSError, HTTPException, ValueError, LookupError, TypeError, AttributeError)

Fetch = Callable[[str], Any]
"""From a URL to its JSON; raises OSError, HTTPException or ValueError."""


def fetch_json(url: str) -> Any:
    """Read a URL, which the deployment names and no client."""
    with urlopen(url, timeout=TIMEOUT_SECONDS) as answer:  # noqa: S310 - http(s), as settings check
        return json.loads(answer.read(MAX_BYTES))


class KeySet:
    """The keys that an issuer signs with, by their ids.

    A set is good for ten minutes; an id that is not in it has it fetched again, so that the
    issuer may change keys. While it cannot be fetched and none is good, nobody is let in.

    Args:
        url: where it is.
        fetch: reads it.
        clock: tells its age.
    """

    def __init__(self, url: str, fetch: Fetch, clock: Clock) -> None:
        self._url = url
        self._fetch = fetch
        self._clock = clock
        self._keys: Mapping[str, Mapping[str, Any]] = {}
        self._good_until = self._next_fetch = float("-inf")

    def key(self, key_id: object) -> Mapping[str, Any]:
        """The RSA key of this id.

        Raises:
            Refused: 401, there is none; 503, there is no telling.
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
