"""The endpoint under test, and a client's operations on it."""

import http.client
import json
import secrets
import socket
import ssl
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from websockets.exceptions import ConnectionClosed, InvalidStatus, WebSocketException
from websockets.sync.client import ClientConnection, connect

from decanter.client import reason
from decanter.errors import DecanterError
from decanter.hosts import LOOPBACK

CLOSE_SECONDS = 2

# A remedy for each error; more specific ones first.
_REMEDIES: tuple[tuple[type[BaseException], str], ...] = (
    (ConnectionRefusedError, "is the server running?"),
    (socket.gaierror, "correct the host's name"),
    (
        ssl.SSLCertVerificationError,
        "set SSL_CERT_FILE to the certificate of the authority that signed it",
    ),
    (ssl.SSLError, "use ws:// for a server without TLS"),
    (TimeoutError, "correct host and port, or wait longer with --timeout"),
    (OSError, "correct host and port"),
    (WebSocketException, "correct host and port; use wss:// for a server with TLS"),
)


@dataclass(frozen=True)
class Endpoint:
    """A WebSocket endpoint.

    Attributes:
        url: the URL for clients.
        seconds: how long to wait for an expected frame.
        management: botocore's client of its @connections, or None.
        management_url: the URL of @connections.
    """

    url: str
    seconds: float
    management: Any = None
    management_url: str = ""

    def connect(self, url: str | None = None, **options: Any) -> ClientConnection:
        """Connect a client: without compression, and without its own pings by default."""
        target = url or self.url
        loopback = urlsplit(target).hostname in LOOPBACK
        return connect(
            target,
            **{"compression": None, "max_size": None, "proxy": None if loopback else True}
            | options,
            open_timeout=self.seconds,
            close_timeout=CLOSE_SECONDS,
            ping_interval=None,
        )

    def handshake(self, url: str, **options: Any) -> int:
        """Return the HTTP status of a handshake; 101 if the connection opens."""
        try:
            with self.connect(url, **options):
                return 101
        except InvalidStatus as refused:
            return refused.response.status_code

    def plain_get(self) -> int:
        """Return the status of a GET without an upgrade."""
        return self.http_status(self.url.replace("ws", "http", 1), "GET")

    def http_status(self, url: str, method: str) -> int:
        """Return the status of an unsigned request."""
        parts = urlsplit(url)
        host, seconds = parts.netloc, self.seconds
        if parts.scheme == "https":
            context = ssl.create_default_context()
            client: http.client.HTTPConnection = http.client.HTTPSConnection(
                host, timeout=seconds, context=context
            )
        else:
            client = http.client.HTTPConnection(host, timeout=seconds)
        try:
            client.request(method, parts.path or "/")
            return client.getresponse().status
        finally:
            client.close()

    def elsewhere(self, path: str) -> str:
        """Return the URL of another path on the same host, with the same query."""
        return urlsplit(self.url)._replace(path=path).geturl()

    def below(self, path: str) -> str:
        """Return the URL of a path below the socket's own."""
        return self.elsewhere(f"{urlsplit(self.url).path.rstrip('/')}{path}")


def mark() -> str:
    """Return a unique text, so that messages of other clients do no harm."""
    return f"verify-{secrets.token_hex(8)}"


def order(data: str) -> str:
    """Return the message that requests a broadcast of some JSON text."""
    return f'{{"message":"sendmessage","data":{data}}}'


def receive(
    client: ClientConnection, wanted: Callable[[str], bool], count: int, seconds: float
) -> list[str]:
    """Return the next wanted frames, up to a count; fewer if they do not come in time.

    Frames of other clients are ignored.
    """
    found: list[str] = []
    deadline = time.monotonic() + seconds
    while len(found) < count:
        try:
            frame = client.recv(timeout=max(0.0, deadline - time.monotonic()))
        except (TimeoutError, ConnectionClosed):
            break
        if isinstance(frame, str) and wanted(frame):
            found.append(frame)
    return found


def error_frame(client: ClientConnection, seconds: float) -> dict[str, Any]:
    """Return the next error frame; empty if none comes."""
    for frame in receive(client, is_error, 1, seconds):
        document: dict[str, Any] = json.loads(frame)
        return document
    return {}


def is_error(frame: str) -> bool:
    """True if a frame is one of the service's error frames."""
    try:
        document = json.loads(frame)
    except ValueError:
        return False
    return (
        isinstance(document, dict)
        and isinstance(document.get("error"), dict)
        and "connectionId" in document
    )


def ending(client: ClientConnection, seconds: float) -> str:
    """Return how the other side ends the connection: `close 1003`, or what comes instead."""
    deadline = time.monotonic() + seconds
    try:
        while True:
            frame = client.recv(timeout=max(0.0, deadline - time.monotonic()))
            if is_error(str(frame)):
                return "an error frame, stays open"
    except TimeoutError:
        return f"still open after {seconds:g} s"
    except ConnectionClosed:
        return f"close {client.close_code}"


def reach(endpoint: Endpoint) -> None:
    """Connect, and disconnect.

    Raises:
        DecanterError: the connection fails.
    """
    where = endpoint.url.partition("?")[0]  # a query may contain a token
    try:
        status = endpoint.handshake(endpoint.url)
    except (OSError, WebSocketException) as error:
        remedy = next(text for kind, text in _REMEDIES if isinstance(error, kind))
        raise DecanterError(f"cannot connect to {where}: {reason(error)}; {remedy}") from error
    if status != 101:
        raise DecanterError(
            f"{where} refuses the connection with HTTP {status}: use the URL that clients connect "
            "to, with the stage and the query that the app needs"
        )
