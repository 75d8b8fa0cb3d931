"""Check the URLs of services that a user enters."""

from argparse import ArgumentTypeError
from urllib.parse import urlsplit


def is_http_url(url: str) -> bool:
    """True for an ASCII http or https URL with a host. The port, if any, is from 1 to 65535."""
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        return False
    readable = url.isascii() and url.isprintable() and " " not in url
    return readable and parts.scheme in {"http", "https"} and bool(parts.hostname) and port != 0


def refusal(url: str) -> str:
    """Return the error text for a text that is not a valid URL."""
    return f"{url!r} is not a URL: write it as http://HOST:PORT"


def http_url(text: str) -> str:
    """Read a URL from an argument.

    Raises:
        ArgumentTypeError: the argument is not an http or https URL.
    """
    if not is_http_url(text):
        raise ArgumentTypeError(refusal(text))
    return text
