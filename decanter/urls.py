"""The URLs of services that a user gives."""

from argparse import ArgumentTypeError
from urllib.parse import urlsplit


def is_http_url(url: str) -> bool:
    """True for an http(s) URL with a host, and a port from 1 to 65535 or none."""
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        return False
    readable = url.isascii() and url.isprintable() and " " not in url
    return readable and parts.scheme in {"http", "https"} and bool(parts.hostname) and port != 0


def refusal(url: str) -> str:
    """Return the error for another text."""
    return f"{url!r} is not a URL: write it as http://HOST:PORT"


def http_url(text: str) -> str:
    """Read an argument.

    Raises:
        ArgumentTypeError: it is not such a URL.
    """
    if not is_http_url(text):
        raise ArgumentTypeError(refusal(text))
    return text
