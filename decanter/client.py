"""`decanter client URL`: send each typed line as a text frame, and print each received frame.

On a terminal, received frames start with `< `, the user's unfinished line stays intact, and an
empty line sends nothing. Without a terminal, each line of standard input is sent, and an empty line
is sent as an empty frame. Notes go to standard error, so standard output contains only the frames.
"""

import argparse
import contextlib
import json
import os
import re
import ssl
import sys
import termios
import threading
from collections.abc import Callable, Iterator
from http.client import HTTPException
from typing import Protocol, Self
from urllib.parse import urlsplit
from urllib.request import ProxyHandler, build_opener

from websockets.exceptions import ConnectionClosed, InvalidHandshake, InvalidStatus, InvalidURI
from websockets.http11 import Response
from websockets.sync.client import ClientConnection, connect
from websockets.typing import Origin, Subprotocol
from websockets.uri import parse_uri

from decanter.errors import DecanterError
from decanter.hosts import LOOPBACK
from decanter.proxies import PROXY_ERRORS, PROXY_REMEDY, proxy_reason
from decanter.terminal import printable

TOKEN = re.compile(r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+")
"""A token of RFC 9110: the name of a header or of a subprotocol."""


class ClientError(DecanterError):
    """An argument is invalid."""


def check_url(url: str) -> bool:
    """Check the URL. Return True if the URL's host is this machine.

    Raises:
        ClientError: the URL is not a WebSocket URL.
    """
    try:
        host = parse_uri(url).host
        host.encode("idna")  # as the resolver does
    except UnicodeError as exc:
        raise ClientError(f"the host in {url!r} is not a name or an address: correct it") from exc
    except (InvalidURI, ValueError) as exc:
        if "port" in str(exc).lower():
            raise ClientError(f"{url!r} has no port from 1 to 65535") from exc
        raise ClientError(
            f"{url!r} is not a WebSocket URL: write ws://HOST/PATH or wss://HOST/PATH,"
            f" such as {likely_url(url)}"
        ) from exc
    return host in LOOPBACK


def likely_url(url: str) -> str:
    """Return the URL that the user probably means, or an example."""
    url = url.partition("#")[0]
    if url.startswith(("http://", "https://")):
        return url.replace("http", "ws", 1)
    with contextlib.suppress(InvalidURI, ValueError):
        parse_uri(meant := url if "://" in url else f"ws://{url}")
        return meant
    return "ws://127.0.0.1:8000/v1"


def without_secrets(url: str) -> str:
    """Return the URL without its query and user, because they may contain a token or a password."""
    scheme, _, rest = url.partition("?")[0].partition("://")
    host, slash, path = rest.partition("/")
    return f"{scheme}://{host.rpartition('@')[2]}{slash}{path}"


def check_subprotocol(name: str) -> Subprotocol:
    """Check the name of a subprotocol, and return it.

    Raises:
        ClientError: the name is invalid.
    """
    if not TOKEN.fullmatch(name):
        raise ClientError(
            f"--subprotocol {name!r} is not a name: use letters, digits and !#$%&'*+-.^_`|~"
        )
    return Subprotocol(name)


def split_header(header: str) -> tuple[str, str]:
    """Split `NAME: VALUE`.

    Raises:
        ClientError: the name is invalid, the colon is missing, or the value is not printable.
    """
    name, colon, value = header.partition(":")
    if not TOKEN.fullmatch(name.strip()) or not colon or printable(value) != value:
        raise ClientError(f"--header {header!r} is not of the form 'NAME: VALUE'")
    return name.strip(), value.strip()


def seconds(text: str) -> float:
    """Return the number of seconds in a text. The number is 0 or more."""
    try:
        value = float(text)
    except ValueError:
        value = -1
    if not 0 <= value < float("inf"):
        raise argparse.ArgumentTypeError(f"{text!r} is not a number of seconds, 0 or more")
    return value


CLEAR_LINE = "\r\x1b[K"


class Screen(Protocol):
    """The input and output that a conversation uses."""

    def lines(self) -> Iterator[str]:
        """Yield the lines to send until the input ends."""

    def frame(self, text: str) -> None:
        """Show one received frame."""

    def note(self, text: str) -> None:
        """Show a text that is not a frame."""

    def left(self) -> None:
        """End the output, because this side has closed the connection."""


class Pipe:
    """Standard input and output without a terminal. Standard output gets only the frames."""

    def lines(self) -> Iterator[str]:
        """Return the lines of standard input, which are read without the lock of `sys.stdin`.

        A thread may still wait for a line when the process ends. If this thread held the lock of
        `sys.stdin` at that time, Python would abort.
        """
        stdin = os.fdopen(
            sys.stdin.fileno(), encoding="utf-8", errors="replace", newline="\n", closefd=False
        )
        return (line.removesuffix("\n").removesuffix("\r") for line in stdin)

    def frame(self, text: str) -> None:
        """Print the frame unchanged.

        Raises:
            BrokenPipeError: the reader of standard output has ended.
        """
        try:
            print(text, flush=True)
        except BrokenPipeError:
            # Python flushes again when it exits, and would report the error again.
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            raise

    def note(self, text: str) -> None:
        """Print on standard error."""
        print(text, file=sys.stderr, flush=True)

    def left(self) -> None:
        """Print nothing."""


class Terminal:
    """A terminal with a prompt and a history, and with the frames above the prompt.

    The context manager restores the terminal's settings, because a thread may still edit a line
    when the process ends.
    """

    prompt = "> "

    def __init__(self) -> None:
        self._typed: Callable[[], str] = str
        with contextlib.suppress(ImportError):  # Python may be built without readline
            import readline  # the import gives input() a history

            self._typed = readline.get_line_buffer

    def __enter__(self) -> Self:
        self._settings = termios.tcgetattr(sys.stdin)
        return self

    def __exit__(self, *exc_info: object) -> None:
        termios.tcsetattr(sys.stdin, termios.TCSADRAIN, self._settings)

    def lines(self) -> Iterator[str]:
        """Yield the typed lines until Ctrl-D, without empty lines."""
        with contextlib.suppress(EOFError):
            while True:
                if line := input(self.prompt):  # Enter alone sends nothing
                    yield line

    def frame(self, text: str) -> None:
        """Replace the prompt with the frame, and then print the prompt and the typed text again."""
        self._write(f"{CLEAR_LINE}< {printable(text)}\n{self.prompt}{self._typed()}")

    def note(self, text: str) -> None:
        """Replace the prompt with the text."""
        self._write(f"{CLEAR_LINE}{text}\n")

    def left(self) -> None:
        """End the line of the prompt, so that the shell's prompt gets its own line."""
        self._write("\n")

    def _write(self, text: str) -> None:
        sys.stdout.write(text)
        sys.stdout.flush()


MOST_EXAMPLES = 5
INFO_SECONDS = 1
OPEN_TIMEOUT_SECONDS = 10
CLOSE_TIMEOUT_SECONDS = 1
MAX_MESSAGE_BYTES = 1 << 20
SHOWN_BODY_CHARACTERS = 300


class Conversation:
    """An open connection. A thread sends the lines, and the caller's thread prints the frames."""

    def __init__(self, connection: ClientConnection, screen: Screen, wait: float) -> None:
        self._connection = connection
        self._screen = screen
        self._wait = wait
        self._over = threading.Event()
        self._leaving = False

    def run(self) -> int:
        """Send and receive until either side closes the connection.

        Return 0 if this side closed the connection, or the server closed it normally, otherwise 1.
        """
        try:
            threading.Thread(target=self._send_lines, daemon=True).start()
            while True:
                frame = self._connection.recv()
                self._screen.frame(frame if isinstance(frame, str) else f"0x{frame.hex()}")
        except ConnectionClosed as closed:
            return self._farewell(closed)
        except (KeyboardInterrupt, BrokenPipeError):  # or the reader of the output has ended
            self._leaving = True
            self._connection.close()
            self._screen.left()
            return 0
        finally:
            self._over.set()

    def _send_lines(self) -> None:
        with contextlib.suppress(ConnectionClosed):  # the receiving thread reports it
            for line in self._screen.lines():
                self._connection.send(line)
            self._over.wait(self._wait)
            self._leaving = True
            self._connection.close()

    def _farewell(self, closed: ConnectionClosed) -> int:
        if self._leaving:
            self._screen.left()
            return 0
        if closed.rcvd is not None:
            self._screen.note(f"closed by the server: {printable(str(closed.rcvd))}")
            return int(closed.rcvd.code not in (1000, 1001))
        if closed.sent is not None:
            self._screen.note(
                f"closed by the client after a protocol error of the server: {closed.sent}"
            )
        else:
            self._screen.note("the connection was lost (1006, no close frame)")
        return 1


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments of `decanter client`."""
    parser.add_argument("url", metavar="URL", help="the URL, such as ws://127.0.0.1:8000/v1")
    parser.add_argument(
        "--subprotocol",
        action="append",
        metavar="NAME",
        help="offer this subprotocol; may be repeated",
    )
    parser.add_argument(
        "--header",
        action="append",
        default=[],
        metavar="'NAME: VALUE'",
        help="add this header to the opening handshake; may be repeated",
    )
    parser.add_argument("--origin", help="the Origin header, as a browser would send it")
    parser.add_argument(
        "--wait",
        type=seconds,
        metavar="SECONDS",
        help="the time to receive frames after the last line (0 on a terminal, otherwise 1)",
    )


def run(args: argparse.Namespace) -> int:
    """Connect, send and receive. Return 0 after a normal end, otherwise 1.

    Raises:
        ClientError: the URL, a header or a subprotocol is invalid.
    """
    headers = [split_header(header) for header in args.header]
    loopback = check_url(args.url)
    where = without_secrets(args.url)
    try:
        connection = connect(
            args.url,
            subprotocols=[check_subprotocol(name) for name in args.subprotocol or ()] or None,
            additional_headers=headers,
            origin=Origin(args.origin) if args.origin else None,
            proxy=None if loopback else True,
            open_timeout=OPEN_TIMEOUT_SECONDS,
            close_timeout=CLOSE_TIMEOUT_SECONDS,
            ping_interval=None,  # on AWS, pings might prevent the idle timeout
            max_size=MAX_MESSAGE_BYTES,
        )
    except InvalidStatus as exc:
        return fail(f"{where} refused the connection: {refusal(exc.response)}")
    except (InvalidHandshake, *PROXY_ERRORS, OSError) as exc:
        return fail(f"cannot connect to {where}: {reason(exc)}{remedy(exc, where)}")
    with contextlib.closing(connection):  # with 1000, even after Ctrl-C
        return converse(connection, args.url, args.wait, is_local=loopback)


def examples(url: str) -> list[str]:
    """Return example messages for the routes; empty if no local gateway serves this URL."""
    routes = served_routes(url) or {}
    keys = [key for key in routes if not key.startswith("$")] or ["$default"]
    return [example for key in keys if (example := routes.get(key))][:MOST_EXAMPLES]


def served_routes(url: str) -> dict[str, str | None] | None:
    """Return the route keys with their examples; None if no local gateway serves this URL."""
    parts = urlsplit(url)
    opener = build_opener(ProxyHandler({}))
    try:
        with opener.open(f"http://{parts.netloc}/_gateway/info", timeout=INFO_SECONDS) as answer:
            info = json.load(answer)
        is_this = urlsplit(info["websocket_url"]).path.rstrip("/") == parts.path.rstrip("/")
        return {k: it["example"] for k, it in info["routes"].items()} if is_this else None
    except (OSError, HTTPException, ValueError, KeyError, TypeError, AttributeError):
        return None  # another server, or a gateway of another version


def converse(connection: ClientConnection, url: str, wait: float | None, *, is_local: bool) -> int:
    """Run the conversation on the terminal, or on standard input and output without a terminal."""
    where = without_secrets(url)
    if not (sys.stdin.isatty() and sys.stdout.isatty()):
        default = 0.0 if sys.stdin.isatty() else 1.0
        return Conversation(connection, Pipe(), default if wait is None else wait).run()
    subprotocol = f" with subprotocol {connection.subprotocol}" if connection.subprotocol else ""
    with Terminal() as terminal:
        terminal.note(f"connected to {where}{subprotocol}; Ctrl-D leaves")
        suggested = examples(url) if is_local else []
        such_as = "".join(f"\n{printable(each)}" for each in suggested)
        terminal.note(f"each line is sent as a message{', such as' if such_as else ''}{such_as}")
        return Conversation(connection, terminal, wait or 0).run()


def refusal(response: Response) -> str:
    """Return the server's refusal of the handshake as one line with its status, reason and body."""
    body = (response.body or b"").decode("utf-8", "replace").strip()
    line = f"HTTP {response.status_code} {response.reason_phrase}".rstrip()
    return printable(f"{line}: {body[:SHOWN_BODY_CHARACTERS]}" if body else line)


def remedy(exc: Exception, where: str) -> str:
    """Return a hint for a failed connection, or an empty string."""
    if isinstance(exc, PROXY_ERRORS):
        return f"; {PROXY_REMEDY}"
    if isinstance(exc, ConnectionRefusedError):
        return "; is the server running?"
    if isinstance(exc, ssl.SSLError) and not isinstance(exc, ssl.SSLCertVerificationError):
        return f"; if the server speaks no TLS there, try {where.replace('wss://', 'ws://', 1)}"
    return ""


def reason(exc: Exception) -> str:
    """Return the reason why the connection failed, in one line."""
    if isinstance(exc, PROXY_ERRORS):
        return printable(proxy_reason(exc))
    strerror = exc.strerror if isinstance(exc, OSError) else None
    return printable(strerror or str(exc) or type(exc).__name__)


def fail(text: str) -> int:
    """Print an error line. Return the exit status, 1."""
    print(f"decanter: error: {text}", file=sys.stderr)
    return 1
