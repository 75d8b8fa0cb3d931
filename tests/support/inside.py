"""The whole gateway and the framework in one process, without sockets."""

import asyncio
import contextlib
import io
import logging
from collections.abc import Iterator, Mapping
from typing import Any, cast

from decanter import AllowedOrigins, Hello, Request, Router, WebTokens
from decanter.gateway.events import API_ID, EventMaker
from decanter.gateway.model import Api, Invocation, Route
from decanter.gateway.results import Outcome, Returned
from decanter.gateway.rules import Gateway
from decanter.hosts import Hosts
from decanter.local.console.control import Control
from decanter.local.fault_injection import Faults
from decanter.local.functions.functions import Functions, Run
from decanter.local.invoker import Invoker
from decanter.local.journal import Journal
from decanter.local.schedules import Schedules
from decanter.local.sockets.http import HttpConnection
from decanter.local.sockets.reading import Reader
from decanter.local.sockets.server import Server
from decanter.project.stack import Stack
from decanter.runtime.hooks.origins import VARIABLE
from decanter.runtime.hooks.tokens import MARKER
from tests.support.events import CONNECTED_AT
from tests.support.fakes import FakeClock, FakeConnections, FakeTransport
from tests.support.sockets import FakeTransport as FakeSocket

ORIGIN = "https://example.com"
ROUTES = {f"${name}": Route(name) for name in ("connect", "default", "disconnect")}
TOKENS = {
    "DECANTER_JWT_ISSUER": "issuer",
    "DECANTER_JWT_AUDIENCE": "audience",
    "DECANTER_JWT_SECRET": "x" * 32,
}
ADDRESS = ("127.0.0.1", 8000)
DOMAIN = f"{API_ID}.execute-api.eu-west-1.amazonaws.com"


def make_router(transport: FakeTransport) -> Router:
    """Return a router with one broadcasting route. It checks origins, and a token if present."""
    router = Router(
        "$request.body.message",
        connections=FakeConnections({"a": CONNECTED_AT}),
        open_transport=lambda endpoint, settings: transport,
        clock=transport.clock,
    )
    router.on_connect(AllowedOrigins({VARIABLE: ORIGIN}))
    check = WebTokens(TOKENS)

    @router.authenticate
    def check_what_is_shown(hello: Hello) -> None:
        if MARKER in hello.handshake.subprotocols or "token" in hello.handshake.query:
            check(hello)

    @router.route("say")
    def say(request: Request) -> None:
        request.broadcast(request.raw("data"))

    return router


class Handlers:
    """Calls the router directly, where the gateway would use a process.

    Attributes:
        broadcasts: the number of messages that were broadcast.
    """

    def __init__(self) -> None:
        self.broadcasts = 0
        self.transport = FakeTransport(FakeClock())
        self._handle = make_router(self.transport).handle

    async def invoke(self, invocation: Invocation) -> Outcome:
        response = self._handle(invocation.event)
        assert response["statusCode"] != 500
        self.broadcasts += response["statusCode"] == 200 and bool(self.transport.posts)
        self.transport.posts.clear()
        return Returned(response)

    def request_of(self, trace_id: str) -> str:
        return ""

    async def scheduled(self, name: str, event: dict[str, Any]) -> Run:
        raise AssertionError(f"the app has no schedule, but {name} should run")

    async def http(
        self,
        method: str,
        path: str,
        headers: Mapping[str, str],
        body: bytes,
        *,
        authorizers: bool,
    ) -> Outcome:
        return Returned({"statusCode": 200, "body": path})


class Socket(FakeSocket):
    """The client's end of a connection."""

    def __init__(self) -> None:
        super().__init__()
        self.protocol = Reader()

    def set_protocol(self, protocol: asyncio.BaseProtocol) -> None:
        self.protocol = cast(Reader, protocol)

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        return ADDRESS if name in ("sockname", "peername") else default

    def is_closing(self) -> bool:
        return self.aborted


class Nowhere(io.StringIO):
    """Discards all output."""

    def write(self, text: str) -> int:
        return len(text)


class Inside:
    """A gateway without a listening socket; `connect` makes its connections.

    Attributes:
        gateway: its connections.
        opened: the number of connections that became WebSockets.
        handlers: called for their events.
        faults: set by commands.
    """

    def __init__(self) -> None:
        api = Api("v1", ROUTES, "$request.body.message", ("/things",), http_stage="v1")
        self.gateway = Gateway(api, EventMaker("v1", DOMAIN))
        journal = Journal(Nowhere(), as_json=True, verbose=True)
        self.faults = Faults()
        self.handlers = Handlers()
        functions = cast(Functions, self.handlers)
        stack = Stack("inside", "dev")
        control = Control(
            self.gateway,
            journal,
            self.faults,
            about=dict,
            schedules=Schedules(functions.scheduled, stack, journal),
            invoker=Invoker(functions, stack, self.gateway.events, journal),
        )
        hosts = Hosts([], ADDRESS[1], ["h"])
        self._server = Server(self.gateway, functions, journal, control, self.faults, hosts)
        self._open: set[HttpConnection] = set()
        self.opened = 0

    async def exchange(self, *pieces: bytes) -> bytes:
        """Send pieces over one connection, end it, and return the answer."""
        socket = Socket()
        http = HttpConnection(self._server._answer, self._open)
        socket.protocol = http
        http.connection_made(socket)
        for piece in filter(None, pieces):  # a socket never returns empty data
            socket.protocol.data_received(piece)
            for _ in range(4):  # an answer, and its consequences
                await asyncio.sleep(0)
        self.opened += socket.protocol is not http
        socket.protocol.connection_lost(None)
        await asyncio.sleep(0)
        return bytes(socket.written)

    def is_empty(self) -> bool:
        """True if nothing is left of the connections."""
        return not (self._open or self.gateway.connections)


@contextlib.contextmanager
def errors_of(name: str) -> Iterator[list[str]]:
    """Collect the errors of a logger, and keep them from other handlers."""
    errors: list[str] = []

    class Handler(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            errors.append(record.getMessage())

    logger, handler = logging.getLogger(name), Handler(logging.ERROR)
    logger.addHandler(handler)
    logger.propagate = False
    try:
        yield errors
    finally:
        logger.removeHandler(handler)
        logger.propagate = True
