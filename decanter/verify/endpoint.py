"""The endpoint to check, and the actions of a client."""

import http.client
import json
import secrets
import socket
import ssl
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any
from urllib.parse import urlencode, urlsplit

from websockets.exceptions import ConnectionClosed, InvalidStatus, WebSocketException
from websockets.sync.client import ClientConnection, connect
from websockets.typing import Subprotocol

from decanter.client import TOKEN, reason, without_secrets
from decanter.errors import DecanterError
from decanter.hosts import LOOPBACK
from decanter.proxies import PROXY_ERRORS, PROXY_REMEDY

CLOSE_SECONDS = 2
MARKER = "decanter.token"
"""The subprotocol that precedes the token, as in the framework's `WebTokens`."""

# The remedies for errors of a connection attempt. More specific errors come first.
_REMEDIES: tuple[tuple[type[BaseException], str], ...] = (
    *((kind, PROXY_REMEDY) for kind in PROXY_ERRORS),
    (ConnectionRefusedError, "is the server running?"),
    (socket.gaierror, "correct the host's name"),
    (
        ssl.SSLCertVerificationError,
        "set SSL_CERT_FILE to the certificate of the CA that signed the server's certificate",
    ),
    (ssl.SSLError, "use ws:// for a server without TLS"),
    (TimeoutError, "correct host and port, or increase --timeout"),
    (OSError, "correct host and port"),
    (WebSocketException, "correct host and port, or use wss:// for a server with TLS"),
)


@dataclass(frozen=True)
class Endpoint:
    """A WebSocket endpoint.

    `seconds` is the time limit for an expected frame or answer. `management` is botocore's client
    of @connections at `management_url`. Each handshake has `headers` and offers `subprotocols`.
    """

    url: str
    seconds: float
    management: Any = None
    management_url: str = ""
    headers: tuple[tuple[str, str], ...] = ()
    subprotocols: tuple[Subprotocol, ...] = ()

    def connect(self, url: str | None = None, **options: Any) -> ClientConnection:
        """Connect a client, by default without compression. It sends no automatic pings."""
        target = url or self.url
        loopback = urlsplit(target).hostname in LOOPBACK
        defaults = {
            "additional_headers": self.headers,
            "compression": None,
            "max_size": None,
            "open_timeout": self.seconds,
            "proxy": None if loopback else True,
            "subprotocols": self.subprotocols or None,
        }
        return connect(
            target,
            **defaults | options,
            close_timeout=CLOSE_SECONDS,
            ping_interval=None,
        )

    def handshake(self, url: str | None = None, **options: Any) -> int:
        """Return the HTTP status of a handshake, which is 101 if the client is accepted."""
        try:
            with self.connect(url, **options):
                return 101
        except InvalidStatus as refused:
            return refused.response.status_code

    def plain_get(self) -> int:
        """Return the HTTP status of a GET that does not ask for an upgrade."""
        return self.http_status(self.url.replace("ws", "http", 1), "GET")

    def http_status(self, url: str, method: str) -> int:
        """Return the HTTP status of an unsigned request."""
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
        """Return the URL with a path after the endpoint's own path."""
        return self.elsewhere(f"{urlsplit(self.url).path.rstrip('/')}{path}")


def mark() -> str:
    """Return a unique text that marks the messages of a check."""
    return f"verify-{secrets.token_hex(8)}"


def order(data: str) -> str:
    """Return the message that makes the app broadcast a JSON text."""
    return f'{{"message":"sendmessage","data":{data}}}'


def receive(
    client: ClientConnection, wanted: Callable[[str], bool], count: int, seconds: float
) -> list[str]:
    """Return the next `count` frames that are wanted, or fewer if they do not arrive in time.

    Frames that are not wanted are ignored.
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
    """Return the next error frame, or an empty dict if none arrives in time."""
    for frame in receive(client, is_error, 1, seconds):
        document: dict[str, Any] = json.loads(frame)
        return document
    return {}


def is_error(frame: str) -> bool:
    """True if a frame is one of the framework's error frames."""
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
    """Describe how the server ends the connection, such as `close 1003`, or that it stays open."""
    deadline = time.monotonic() + seconds
    try:
        while True:
            frame = client.recv(timeout=max(0.0, deadline - time.monotonic()))
            if is_error(str(frame)):
                return "an error frame, and it stays open"
    except TimeoutError:
        return f"still open after {seconds:g} s"
    except ConnectionClosed:
        return f"close {client.close_code}"


def stays_open(client: ClientConnection, seconds: float) -> str:
    """Return `stays open` if the server answers a ping, otherwise a text such as `close 1003`."""
    try:
        if client.ping().wait(seconds):
            return "stays open"
    except ConnectionClosed:
        pass
    return f"close {client.close_code}" if client.close_code else "no answer to a ping"


def reach(endpoint: Endpoint) -> int:
    """Connect and disconnect a client. Return the handshake's HTTP status.

    The status is 101, or at least 500 if the app fails.

    Raises:
        DecanterError: the endpoint is not reachable, or refuses the client.
    """
    where = without_secrets(endpoint.url)
    try:
        status = endpoint.handshake()
    except (OSError, WebSocketException, *PROXY_ERRORS) as error:
        remedy = next(text for kind, text in _REMEDIES if isinstance(error, kind))
        raise DecanterError(f"cannot connect to {where}: {reason(error)}; {remedy}") from error
    if status != 101 and status < 500:
        raise DecanterError(
            f"{where} refuses the connection with HTTP {status}: give the URL that clients connect "
            "to, with the stage and the query that the app requires, and its --header, "
            "--subprotocol or --token"
        )
    return status


def with_token(endpoint: Endpoint, token: str) -> tuple[Endpoint, str]:
    """Return the endpoint for clients with a token, and a note about the token's place.

    A header is tried first, because logs may contain URLs.

    Raises:
        DecanterError: the endpoint is not reachable, or does not accept the token in any place.
    """
    places = {"the header Authorization": _with_header(endpoint, token)}
    if TOKEN.fullmatch(token):
        names = (*endpoint.subprotocols, Subprotocol(MARKER), Subprotocol(token))
        places[f"the subprotocol after {MARKER}"] = replace(endpoint, subprotocols=names)
    joint = "&" if "?" in endpoint.url else "?"
    in_query = f"{endpoint.url}{joint}{urlencode({'token': token})}"
    places["the query parameter token"] = replace(endpoint, url=in_query)
    refusals, failing = [], list[Endpoint]()
    for place, client in places.items():
        try:
            if reach(client) == 101:
                return client, f"accepted in {place}"
            failing.append(client)
        except DecanterError as error:
            refusals.append(error)
    if failing:
        return failing[0], "the app fails, so its place is unknown"
    raise DecanterError(
        f"{refusals[-1]}. The token was tried in {', '.join(places)}. For another place, write "
        "the token into the URL or --header"
    )


def _with_header(endpoint: Endpoint, token: str) -> Endpoint:
    return replace(endpoint, headers=(*endpoint.headers, ("Authorization", f"Bearer {token}")))
