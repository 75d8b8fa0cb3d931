"""What a client is to open its connection with, checked: the words of the command line."""

import argparse
import contextlib
import re

from websockets.exceptions import InvalidURI
from websockets.typing import Subprotocol
from websockets.uri import parse_uri

from decanter.errors import DecanterError
from decanter.screens import printable

TOKEN = re.compile(r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+")
"""A token of RFC 9110, which names of headers and subprotocols are."""
LOOPBACK = ("127.0.0.1", "::1", "localhost")


class ClientError(DecanterError):
    """The arguments name nothing that one can connect to."""


def check_url(url: str) -> bool:
    """Check the URL, and say whether it leads to this machine.

    Raises:
        ClientError: it is no WebSocket URL.
    """
    try:
        return parse_uri(url).host in LOOPBACK
    except (InvalidURI, ValueError) as exc:
        if "port" in str(exc).lower():
            raise ClientError(f"{url!r} has no port from 1 to 65535") from exc
        raise ClientError(
            f"{url!r} is no WebSocket URL: it has the form ws://HOST/PATH or wss://HOST/PATH,"
            f" as {likely_url(url)}"
        ) from exc


def likely_url(url: str) -> str:
    """What the user may have meant, or an example."""
    url = url.partition("#")[0]
    if url.startswith(("http://", "https://")):
        return url.replace("http", "ws", 1)
    with contextlib.suppress(InvalidURI, ValueError):
        parse_uri(meant := url if "://" in url else f"ws://{url}")
        return meant
    return "ws://127.0.0.1:8000/v1"


def without_secrets(url: str) -> str:
    """The URL as it may be shown: a query may hold a token, what is before an @ a password."""
    scheme, _, rest = url.partition("?")[0].partition("://")
    host, slash, path = rest.partition("/")
    return f"{scheme}://{host.rpartition('@')[2]}{slash}{path}"


def check_subprotocol(name: str) -> Subprotocol:
    """A subprotocol's name.

    Raises:
        ClientError: it cannot be one.
    """
    if not TOKEN.fullmatch(name):
        raise ClientError(f"--subprotocol {name!r} is no name: letters, digits and !#$%&'*+-.^_`|~")
    return Subprotocol(name)


def split_header(header: str) -> tuple[str, str]:
    """Split `NAME: VALUE`.

    Raises:
        ClientError: there is no name or no colon.
    """
    name, colon, value = header.partition(":")
    if not TOKEN.fullmatch(name.strip()) or not colon or printable(value) != value:
        raise ClientError(f"--header {header!r} is not of the form 'NAME: VALUE'")
    return name.strip(), value.strip()


def seconds(text: str) -> float:
    """A number of seconds, 0 or more."""
    try:
        value = float(text)
    except ValueError:
        value = -1
    if not 0 <= value < float("inf"):
        raise argparse.ArgumentTypeError(f"{text!r} is not a number of seconds, 0 or more")
    return value
