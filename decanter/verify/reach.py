"""Connecting once, before anything is looked at: where nobody answers, no rule need say so."""

import socket
import ssl

from websockets.exceptions import WebSocketException

from decanter.client import reason
from decanter.errors import DecanterError
from decanter.verify.endpoint import Endpoint

# What to do about each way of not being reached, the more special first.
_REMEDIES: tuple[tuple[type[BaseException], str], ...] = (
    (ConnectionRefusedError, "is the server running?"),
    (socket.gaierror, "correct the host's name"),
    (ssl.SSLCertVerificationError, "let SSL_CERT_FILE name the authority that signed for it"),
    (ssl.SSLError, "a server without TLS is ws://"),
    (TimeoutError, "correct host and port, or give it longer with --timeout"),
    (OSError, "correct host and port"),
    (WebSocketException, "correct host and port; a server with TLS is wss://"),
)


def reach(endpoint: Endpoint) -> None:
    """Connect, and leave again.

    Raises:
        DecanterError: that does not succeed.
    """
    where = endpoint.url.partition("?")[0]  # a query may hold a token
    try:
        status = endpoint.handshake(endpoint.url)
    except (OSError, WebSocketException) as error:
        remedy = next(text for kind, text in _REMEDIES if isinstance(error, kind))
        raise DecanterError(f"cannot connect to {where}: {reason(error)}; {remedy}") from error
    if status != 101:
        raise DecanterError(
            f"{where} refuses the connection with HTTP {status}: give the URL that clients connect "
            "to, with the stage and whatever the app asks for in its query"
        )
