"""A connect hook that allows only certain web pages to connect.

    router.on_connect(AllowedOrigins())

Any page can open a WebSocket to any server from a user's browser, with the user's cookies and
address. The header `Origin` names the page's origin (RFC 6454, RFC 6455 section 10.2). The variable
`DECANTER_ALLOWED_ORIGINS` lists the allowed origins, separated by commas, such as
`https://example.com,http://127.0.0.1:8000`. The hook compares the scheme, the host and the port. An
omitted port means the scheme's default port. A longer host, another port, or `http` instead of
`https` therefore makes a different origin.

Sandboxed frames, files and some redirects send `null`, which is refused unless the variable lists
`null`. Clients without an `Origin` header are accepted, because they are not browsers and could
fake the header anyway.
"""

import logging
import os
import re
from collections.abc import Mapping
from typing import NamedTuple

from decanter.runtime.errors import SettingError
from decanter.runtime.functions import check_environment
from decanter.runtime.logs import log
from decanter.runtime.routing.connection_event import Handshake, Refused

VARIABLE = "DECANTER_ALLOWED_ORIGINS"
NULL = "null"

MOST_PORT = 65_535
_PORTS = {"http": 80, "https": 443}
_ORIGIN = re.compile(
    r"(?P<scheme>[a-z][a-z0-9+.-]*)://(?P<host>[a-z0-9._-]+|\[[0-9a-f:.]+\])(?::(?P<port>[1-9]\d{0,4}))?",
    re.ASCII | re.IGNORECASE,
)


class Origin(NamedTuple):
    """A page's origin.

    The port is None if the origin has no port and the scheme has no default port.
    """

    scheme: str
    host: str
    port: int | None


class AllowedOrigins:
    """Refuses pages whose origin is not allowed, with status 403.

    The hook reads the variable at the first handshake. If the variable is empty or not set, every
    page may connect, and each process logs one line about this.
    """

    def __init__(self, environ: Mapping[str, str] = os.environ) -> None:
        check_environment("AllowedOrigins", environ)
        self._environ = environ
        self._allowed: frozenset[Origin | str] | None = None

    def __call__(self, handshake: Handshake) -> None:
        """Refuse a page that is not allowed to connect.

        Raises:
            Refused: status 403.
            SettingError: the variable has a value without an origin, or with an invalid origin.
        """
        if self._allowed is None:
            self._allowed = self.__decanter_settings__()
            if not self._allowed:
                remedy = f"name in {VARIABLE} the pages that may connect"
                log("any_origin", logging.WARNING, remedy=remedy)
        claims = _claims(handshake)
        if not self._allowed or not claims:
            return
        if len(claims) > 1 or (NULL if claims == [NULL] else parse(claims[0])) not in self._allowed:
            raise Refused(403, f"origin {', '.join(claims)[:200]!r} is not allowed")

    def __decanter_settings__(self) -> frozenset[Origin | str]:
        """Return the allowed origins. The tool calls this method before a deployment.

        Raises:
            SettingError: the variable has a value without an origin, or with an invalid origin.
        """
        return _allowed(self._environ.get(VARIABLE, ""))


def parse(text: str) -> Origin | None:
    """Return the parsed origin; None for any other text, such as a URL with a path."""
    match = _ORIGIN.fullmatch(text)
    if match is None:
        return None
    scheme = match["scheme"].lower()
    port = int(match["port"]) if match["port"] else _PORTS.get(scheme)
    if port is not None and port > MOST_PORT:
        return None
    return Origin(scheme, match["host"].lower(), port)


def _allowed(value: str) -> frozenset[Origin | str]:
    """Return the origins in the variable's value; an empty set for an empty value."""
    words = value.replace(",", " ").split()
    allowed = {NULL if word == NULL else parse(word) for word in words}
    if None in allowed or (value and not words):
        raise SettingError(
            VARIABLE,
            value,
            "name origins such as https://example.com, separated by commas and without a path; "
            "leave it unset to let every page connect",
        )
    return frozenset(origin for origin in allowed if origin is not None)


def _claims(handshake: Handshake) -> list[str]:
    """Return all Origin headers of the client. A browser sends exactly one."""
    several: Mapping[str, list[str]] = handshake.event.get("multiValueHeaders") or {}
    claims = [
        value for name, values in several.items() if name.lower() == "origin" for value in values
    ]
    single = handshake.headers.get("origin")
    return claims or ([] if single is None else [single])
