"""Which pages may connect: a connect hook.

    router.on_connect(AllowedOrigins())

A browser opens a WebSocket to anywhere for any page, with the user's cookies and address, and says
in `Origin` whose page it is (RFC 6454, RFC 6455 section 10.2). `DECANTER_ALLOWED_ORIGINS` names
those that may, separated by commas: `https://example.com,http://127.0.0.1:8000`. A client's origin
is compared as a whole, by scheme, host and port, where a scheme's own port may be left out: a
longer host, another port, `http` for `https` are other origins.

`null`, which a sandboxed frame, a file and some redirects send, is refused unless the variable
names it. A client without `Origin` is let in: it is no browser, and could claim any.
"""

import logging
import os
import re
from collections.abc import Mapping
from typing import NamedTuple

from decanter.runtime.errors import SettingError
from decanter.runtime.logs import log
from decanter.runtime.routing.connection_event import Handshake, Refused

VARIABLE = "DECANTER_ALLOWED_ORIGINS"
NULL = "null"

_PORTS = {"http": 80, "https": 443}
_ORIGIN = re.compile(
    r"(?P<scheme>[a-z][a-z0-9+.-]*)://(?P<host>[a-z0-9._-]+|\[[0-9a-f:.]+\])(?::(?P<port>[1-9]\d{0,4}))?",
    re.ASCII | re.IGNORECASE,
)


class Origin(NamedTuple):
    """A page's origin; the port is None where neither it nor the scheme says one."""

    scheme: str
    host: str
    port: int | None


class AllowedOrigins:
    """Refuses, with 403, pages whose origin is not among those allowed.

    The variable is read at the first handshake, and every page is let in where it is not set,
    which a line in the log says once a process.

    Args:
        environ: the environment.
    """

    def __init__(self, environ: Mapping[str, str] = os.environ) -> None:
        self._environ = environ
        self._allowed: frozenset[Origin | str] | None = None

    def __call__(self, handshake: Handshake) -> None:
        """Refuse a page that may not connect.

        Raises:
            Refused: with 403.
            SettingError: the variable names no origin.
        """
        if self._allowed is None:
            self._allowed = _allowed(self._environ.get(VARIABLE, ""))
        claims = _claims(handshake)
        if not self._allowed or not claims:
            return
        if len(claims) > 1 or (NULL if claims == [NULL] else parse(claims[0])) not in self._allowed:
            raise Refused(403, f"origin {', '.join(claims)[:200]!r} is not allowed")


def parse(text: str) -> Origin | None:
    """Read an origin; None if it is none, such as a URL with a path."""
    match = _ORIGIN.fullmatch(text)
    if match is None:
        return None
    scheme = match["scheme"].lower()
    port = int(match["port"]) if match["port"] else _PORTS.get(scheme)
    return Origin(scheme, match["host"].lower(), port)


def _allowed(value: str) -> frozenset[Origin | str]:
    """The origins of the variable; none of them where it is empty."""
    allowed: set[Origin | str] = set()
    for word in value.replace(",", " ").split():
        origin = NULL if word == NULL else parse(word)
        if origin is None:
            raise SettingError(
                VARIABLE,
                value,
                "name origins such as https://example.com, separated by commas and without a path; "
                "leave it unset to let every page connect",
            )
        allowed.add(origin)
    if not allowed:
        log("any_origin", logging.WARNING, remedy=f"name in {VARIABLE} the pages that may connect")
    return frozenset(allowed)


def _claims(handshake: Handshake) -> list[str]:
    """Every Origin that the client sent: one, unless somebody tries something."""
    several: Mapping[str, list[str]] = handshake.event.get("multiValueHeaders") or {}
    claims = [
        value for name, values in several.items() if name.lower() == "origin" for value in values
    ]
    single = handshake.headers.get("origin")
    return claims or ([] if single is None else [single])
