"""The rules of API Gateway for handshakes, frames, limits and the closing of connections."""

from collections.abc import Callable

from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.frames import Frame, Opcode
from websockets.typing import Subprotocol

from decanter.verify.endpoint import Endpoint, ending, mark, order, receive
from decanter.verify.rules import NEVER, Rule

FRAME_BYTES = 32 * 1024
MESSAGE_BYTES = 128 * 1024
URL_BYTES = 4096


def handshake(url: Callable[[Endpoint], str]) -> Callable[[Endpoint], str]:
    """Return a `look` function that returns the HTTP status of a handshake at another URL."""
    return lambda endpoint: f"HTTP {endpoint.handshake(url(endpoint))}"


def refusal(url: Callable[[Endpoint], str]) -> Callable[[Endpoint], str]:
    """Return a `look` function that shows whether a handshake at another URL is refused."""

    def look(endpoint: Endpoint) -> str:
        status = endpoint.handshake(url(endpoint))
        return f"refused: HTTP {status}" if 400 <= status < 500 else f"HTTP {status}"

    return look


def long_url(endpoint: Endpoint) -> str:
    """Check a URL that is too long. AWS does not document the HTTP status for it."""
    joint = "&" if "?" in endpoint.url else "?"
    status = endpoint.handshake(f"{endpoint.url}{joint}a=".ljust(URL_BYTES * 2, "x"))
    return "refused" if status >= 400 else f"HTTP {status}"


def subprotocol(endpoint: Endpoint) -> str:
    """Check that the gateway selects no subprotocol. The app may select one or refuse clients."""
    offered = [*endpoint.subprotocols, Subprotocol("verify.none")]
    try:
        with endpoint.connect(subprotocols=offered) as client:
            chosen = client.subprotocol
    except InvalidStatus as refused:
        return f"not selected: HTTP {refused.response.status_code}"
    return "selected" if chosen == offered[-1] else "not selected"


def offered(endpoint: Endpoint) -> str:
    """Check that the app selects an offered subprotocol, because browsers require this."""
    with endpoint.connect() as client:
        return "selected" if client.subprotocol in endpoint.subprotocols else "none selected"


def closing(endpoint: Endpoint) -> str:
    """Check that the server answers the client's close frame."""
    with endpoint.connect() as client:
        client.close(1000)
        return f"close {client.protocol.close_rcvd.code}" if client.protocol.close_rcvd else "none"


def compression(endpoint: Endpoint) -> str:
    """Check that the gateway does not accept permessage-deflate from the client."""
    with endpoint.connect(compression="deflate") as client:
        response = client.response
        extensions = response.headers.get("Sec-WebSocket-Extensions") if response else None
    return f"extensions {extensions}"


def closes(*messages: str | bytes | list[str]) -> Callable[[Endpoint], str]:
    """Return a `look` function that shows how a connection ends after messages.

    A list in the arguments is one message with several frames.
    """

    def look(endpoint: Endpoint) -> str:
        with endpoint.connect() as client:
            try:
                for message in messages:
                    client.send(message)
            except ConnectionClosed:
                return f"close {client.close_code}"
            return ending(client, endpoint.seconds)

    return look


def closes_raw(data: bytes) -> Callable[[Endpoint], str]:
    """Return a `look` function that shows how a connection ends after invalid bytes."""

    def look(endpoint: Endpoint) -> str:
        with endpoint.connect() as client:
            client.socket.sendall(data)
            return ending(client, endpoint.seconds)

    return look


def delivered(size: int, frames: int = 1) -> Callable[[Endpoint], str]:
    """Return a `look` function that shows whether the app broadcasts a message of this size."""

    def look(endpoint: Endpoint) -> str:
        token = mark()
        filler = "x" * (size - len(order(f'"{token}"').encode()))
        message, part = order(f'"{token}{filler}"'), size // frames
        with endpoint.connect() as client:
            pieces = [message[i : i + part] for i in range(0, size, part)]
            client.send(pieces if frames > 1 else message)
            got = receive(client, lambda it: token in it, 1, endpoint.seconds)
        return "delivered whole" if got == [f'"{token}{filler}"'] else "not delivered"

    return look


def split_character(endpoint: Endpoint) -> str:
    """Check a message whose frames split a character, with a ping between the frames."""
    token = mark()
    data = order(f'"{token}€"').encode()
    cut = data.index(b"\xac")
    with endpoint.connect() as client:
        client.socket.sendall(Frame(Opcode.TEXT, data[:cut], fin=False).serialize(mask=True))
        answered = client.ping("between").wait(endpoint.seconds)
        client.socket.sendall(Frame(Opcode.CONT, data[cut:]).serialize(mask=True))
        got = receive(client, lambda it: token in it, 1, endpoint.seconds)
    whole = got == [f'"{token}€"']
    return f"{'pong' if answered else 'no pong'}, {'' if whole else 'not '}delivered"


def ping(endpoint: Endpoint) -> str:
    """Check that the gateway answers a ping with a pong that has the same payload."""
    with endpoint.connect() as client:
        return "pong" if client.ping("payload").wait(endpoint.seconds) else "no pong"


def _frames(size: int) -> list[str]:
    """Return a text of this size, split into frames of the allowed size."""
    full, rest = divmod(size, FRAME_BYTES)
    return ["x" * FRAME_BYTES] * full + (["x" * rest] if rest else [])


def _protocol_error(title: str, data: bytes, close: int = 1002) -> Rule:
    return Rule((28,), title, f"close {close}", closes_raw(data))


HANDSHAKE = Rule(
    (7,), "a client connects", "HTTP 101", lambda endpoint: f"HTTP {endpoint.handshake()}"
)
OFFERED = Rule((12,), "the offered subprotocols", "selected", offered)
STAGES = (
    Rule(
        (2,),
        "an unknown stage",
        "refused",
        refusal(lambda it: it.elsewhere("/verify-none")),
        doubt=NEVER,
    ),
    Rule((2,), "no stage", "refused", refusal(lambda it: it.elsewhere("/")), doubt=NEVER),
)
"""The rules about stages. The URL of a custom domain may have no stage."""

RULES = (
    Rule((1,), "a slash after the stage", "HTTP 101", handshake(lambda it: it.below("/"))),
    Rule((3,), "a path after the stage", "refused", refusal(lambda it: it.below("/verify-none"))),
    Rule(
        (4,),
        "a plain GET",
        "HTTP 426",
        lambda it: f"HTTP {it.plain_get()}",
        doubt="^HTTP [234]",  # an HTTP route of the app may have this URL on this machine
    ),
    Rule(
        (13,),
        "a subprotocol that the app does not know",
        "not selected",
        subprotocol,
        doubt="^selected",  # the app may select it
    ),
    Rule((), "the client closes", "close 1000", closing),
    Rule((14,), "compression", "extensions None", compression),
    Rule((16,), "a URL above 4096 bytes", "refused", long_url),
    Rule((24,), "a binary frame", "close 1003", closes(b"\x00\x01")),
    Rule((25,), "a frame of 32 KB", "delivered whole", delivered(FRAME_BYTES), needs_app=True),
    Rule((25,), "a frame above 32 KB", "close 1009", closes("x" * (FRAME_BYTES + 1))),
    Rule((93,), "a binary frame above 32 KB", "close 1009", closes(bytes(FRAME_BYTES + 1))),
    Rule(
        (26, 27, 75),
        "128 KB in 4 frames",
        "delivered whole",
        delivered(MESSAGE_BYTES, 4),
        needs_app=True,
    ),
    Rule((26,), "a message above 128 KB", "close 1009", closes(_frames(MESSAGE_BYTES + 1))),
    Rule(
        (27, 28, 29),
        "a character split by a ping",
        "pong, delivered",
        split_character,
        needs_app=True,
    ),
    _protocol_error("invalid UTF-8", Frame(Opcode.TEXT, b"\xff\xfe").serialize(mask=True), 1007),
    _protocol_error("an unknown opcode", b"\x83\x80abcd"),
    _protocol_error("a reserved bit", b"\xc1\x80abcd"),
    _protocol_error("a ping of 126 bytes", b"\x89\xfe\x00\x7eabcd" + bytes(126)),
    _protocol_error("a continuation without a first frame", b"\x80\x80abcd"),
    _protocol_error("a frame without a mask", b"\x81\x00"),
    Rule((29,), "a ping", "pong", ping),
)
