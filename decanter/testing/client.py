"""A test client, which replaces API Gateway and Lambda for an imported app."""

import threading
from collections import deque
from collections.abc import Sequence
from contextlib import ExitStack
from functools import cached_property
from math import inf
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self, TypeVar, overload

from decanter.gateway import management
from decanter.gateway.events import EventMaker, Handshake
from decanter.gateway.guard import ENFORCE, MODES
from decanter.gateway.model import Invocation, Limits, Refuse
from decanter.gateway.responses import Response
from decanter.gateway.results import Outcome, Returned
from decanter.gateway.rules import Gateway
from decanter.local.rights import Rights
from decanter.testing import running
from decanter.testing.channels import ChannelClient
from decanter.testing.clock import Clock
from decanter.testing.deployment import Deployment
from decanter.testing.dynamodb import call_dynamodb, expire
from decanter.testing.environ import DROPPED, environment, local
from decanter.testing.errors import ConnectRefused, report
from decanter.testing.events import Headers, Query, handshake
from decanter.testing.functions import Functions
from decanter.testing.loopback import dynamodb_netloc, management_server
from decanter.testing.queues import Queues
from decanter.testing.redirect import redirected
from decanter.testing.websocket import Peer, WebSocket

if TYPE_CHECKING:
    from decanter.testing.chalice_client import Events, HTTPClient


P = TypeVar("P", bound=Peer)


class WebSocketClient:
    """Runs the functions of a Chalice app in one test. This is a context manager.

    While the test client is open:

    - The environment variables of the stage are set. Each function gets its own variables.
    - The tables of the merge template and of the app's models exist. At the start, they are empty.
    - The SQS queues of the template and of the app's functions exist. At the start, they are empty.
    - This process answers the calls of AWS clients to @connections, to DynamoDB and, for an app
      with queues, to SQS. No call to AWS leaves this machine, except to allowed hosts
      (`aws_allowed`).
    - Functions run in the thread of the test, one at a time.

    At the end, the tables are deleted, and open connections end without a disconnect event.

    Args:
        app: the Chalice object.
        stage_name: the stage in `.chalice/config.json`.
        project_dir: the folder of the Chalice project; by default, the folder of the app's module.
        strict: True to raise an exception of the app at the end of the test, if the exception is
            still in `errors` and no client got an answer to the event that caused it.
        iam: `enforce` to refuse the calls to DynamoDB, SQS and @connections that the role of the
            running function does not allow, `warn` to log them, `off` to check no calls.

    Attributes:
        app: the Chalice object.
        clock: the clock of API Gateway, DynamoDB, SQS and the framework.
        errors: the exceptions of the app's functions, in order.
    """

    def __init__(
        self,
        app: Any,
        stage_name: str = "dev",
        project_dir: str | Path | None = None,
        *,
        strict: bool = False,
        iam: str = ENFORCE,
    ) -> None:
        if iam not in MODES:
            raise ValueError(f"iam is one of {', '.join(MODES)}, not {iam!r}")
        self.app = app
        self._strict = strict
        self.clock = Clock(self._act)
        folder = None if project_dir is None else Path(project_dir)
        deployed = self._deployed = Deployment.of(app, stage_name, folder)
        self._rights = Rights(iam, deployed.stack, running.log, lambda _: self._functions.event)
        self._rights.deploy(self._deployed.roles, self._deployed.grants)
        self._functions = Functions(self._deployed, self._rights)
        netloc = management_server().netloc
        self._queues = Queues(self._deployed, self._functions, self.clock, netloc)
        self._exceptions = self._functions.exceptions
        self.errors = self._exceptions.all
        self._unseen: list[BaseException] = []
        self._lock = threading.RLock()
        self._websockets: list[Peer] = []
        self._ended: deque[tuple[Peer, int, str]] = deque()
        self._open = ExitStack()
        self._variables: dict[str, str] = {}
        api, time = self._deployed.api, self.clock.time
        events = EventMaker(api.stage, netloc, time)
        # A test's client always reads, so no timeout is needed.
        limits = Limits(stalled_seconds=inf)
        self._gateway = Gateway(api, events, limits, time, self.clock.monotonic)

    @property
    def last_error(self) -> BaseException | None:
        """The last exception since the last WebSocket event began; None if there is none."""
        return self._exceptions.last

    @property
    def raised(self) -> str:
        """The type and the text of `last_error`, or ""."""
        error = self.last_error
        return "" if error is None else f"{type(error).__name__}: {error}"

    @overload
    def connect(
        self,
        *,
        query: Query = "",
        headers: Headers | None = None,
        subprotocols: Sequence[str] = (),
    ) -> WebSocket: ...

    @overload
    def connect(
        self,
        *,
        query: Query = "",
        headers: Headers | None = None,
        subprotocols: Sequence[str] = (),
        token: str,
        data: Any = None,
    ) -> ChannelClient: ...

    def connect(
        self,
        *,
        query: Query = "",
        headers: Headers | None = None,
        subprotocols: Sequence[str] = (),
        token: str | None = None,
        data: Any = None,
    ) -> WebSocket | ChannelClient:
        """Connect a client. When this method returns, the connect handler has run.

        Args:
            query: the query string, as text or as a mapping from a name to one or more values.
            headers: additional headers. Every client sends some headers by default.
            subprotocols: the subprotocols that the client offers.
            token: for an app with channels. The client sends the connect command with this token;
                with "", it sends the command without a token. By default, it sends no command.
            data: a JSON value for the connect command.

        Returns:
            A client that sends and receives frames or, with a token, commands and pushes.

        Raises:
            ConnectRefused: the connection is refused. The error has the HTTP status.
            ConnectionClosed, CommandRefused: the connect command is refused.
        """
        __tracebackhide__ = True
        shake = handshake(query, headers, subprotocols, self._gateway.events.domain_name)
        if token is None:
            return self._connect(shake, WebSocket)
        channels = self._connect(shake, ChannelClient)
        channels.hello(token, data)
        return channels

    def _connect(self, shake: Handshake, kind: type[P]) -> P:
        __tracebackhide__ = True
        self._check_open()
        self.run_pending()
        gateway = self._gateway
        with self._lock:
            connection, invocation = gateway.connect(shake)
        name = f"client {len(self._websockets) + 1} ({connection.id}"
        peer = kind(self, connection, f"{name}{f', ?{shake.query}' * bool(shake.query)})")
        connection.outlet = peer.inbox
        default = Returned({"statusCode": 200})
        outcome = self._run(invocation, peer) if invocation else default
        with self._lock:
            decision = gateway.connected(connection, invocation, outcome)
        if isinstance(decision, Refuse):
            refused = ConnectRefused(decision.status, decision.body, self.raised)
            raise refused from self.last_error
        peer.subprotocol = decision.subprotocol
        self._websockets.append(peer)
        return peer

    def invoke(self, name: str, event: Any = None) -> Any:
        """Run a function and return its result.

        Args:
            name: the function's name in the configuration, or the name of a WebSocket handler.
            event: a JSON value; by default, an example event in the form of the function's event
                source.

        Raises:
            LookupError: the app has no such function.
            Exception: the function's exception.
        """
        __tracebackhide__ = True
        self._check_open()
        self.run_pending()
        function = self._deployed.function(name)
        given = self.events.example(name) if event is None else event
        value = self._functions.call(function.name, given)
        self.run_pending()
        return value

    def drain(self) -> int:
        """Run the functions of queues until no message is visible. Return the number of events.

        If a function raises an exception, `errors` contains it, and the messages of the event
        become visible again after their visibility timeout.

        Raises:
            RuntimeError: a function sends to its own queue without end.
        """
        self._check_open()
        self.run_pending()
        before = len(self.errors)
        count = self._queues.drain()
        self._unseen += self.errors[before:]
        self.run_pending()
        return count

    @cached_property
    def http(self) -> "HTTPClient":
        """Chalice's test client for HTTP routes, with `get(path)`, `post(path, body=)` and others.

        A route with `IAMAuthorizer` needs a signed request: `http.signed.get(path)`.
        """
        from decanter.testing.chalice_client import http_client

        self._check_open()
        return http_client(self.app, self._deployed, self._functions)

    @cached_property
    def events(self) -> "Events":
        """The builders of events for `invoke`."""
        from decanter.testing.chalice_client import Events

        return Events(self.app, self._deployed, self.clock)

    def message(self, websocket: Peer, text: str) -> None:
        """Run the handler of a message. Only the methods of `Peer` call this."""
        with self._lock:
            invocation = self._gateway.message(websocket.connection, text)
        if invocation is not None:
            outcome = self._run(invocation, websocket)
            with self._lock:
                self._gateway.answered(websocket.connection, invocation, outcome)

    def ended(self, websocket: Peer, code: int, reason: str) -> None:
        """Record that a connection is closed. `run_pending` runs the disconnect handler."""
        self._ended.append((websocket, code, reason))

    def vanished(self, websocket: Peer) -> None:
        """End a connection without a disconnect event. Only `Peer.vanish` calls this."""
        self.run_pending()
        websocket.inbox.vanish()
        with self._lock:
            self._gateway.forget(websocket.connection)

    def run_pending(self) -> None:
        """Run the disconnect handlers of closed connections."""
        while self._ended:
            websocket, code, reason = self._ended.popleft()
            with self._lock:
                invocation = self._gateway.closed(websocket.connection, code, reason)
            if invocation is not None:
                self._run(invocation, websocket)

    def __enter__(self) -> Self:
        server = management_server()
        dynamodb = dynamodb_netloc() if self._deployed.tables else None
        url, stage = f"http://{server.netloc}", self._deployed.api.stage
        sqs = self._queues.answer if self._deployed.queues.queues else None
        database = dynamodb and f"http://{dynamodb}"
        queues = self._deployed.queue_variables(url)
        self._variables = local(f"{url}/{stage}", database, sqs and url) | queues
        self._functions.variables = self._variables
        with self._open as opening:
            opening.enter_context(redirected(server.netloc, dynamodb, sqs))
            opening.enter_context(
                environment(self._deployed.environment | self._variables, DROPPED)
            )
            opening.enter_context(self._deployed.completed(self._functions.environment))
            opening.callback(self.clock.reset)
            opening.enter_context(self._exceptions.listening(self.app))
            for table in self._deployed.tables:
                call_dynamodb("CreateTable", **table.arguments)
                opening.callback(call_dynamodb, "DeleteTable", TableName=table.name)
            server.answers.append(self._answer)
            opening.callback(server.answers.remove, self._answer)
            self._open = opening.pop_all()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        __tracebackhide__ = True
        with self._open:
            unread = {each.name: each.unread for each in self._websockets if each.unread}
            self._variables = {}
        unseen = [each for each in self._unseen if self._strict and each in self.errors]
        report(error, unseen, unread, self.errors)

    def _check_open(self) -> None:
        if not self._variables:
            raise RuntimeError(
                "the WebSocketClient is not open: use `with WebSocketClient(app) as client:`"
            )

    def _act(self) -> float:
        """Close old connections, delete expired rows, and return the seconds to the next check."""
        self._check_open()
        with self._lock:
            seconds = self._gateway.sweep()
        self.run_pending()
        for table in self._deployed.tables:
            expire(table, self.clock.time())
        return seconds

    def _answer(self, method: str, path: str, authorization: str, body: bytes) -> Response | None:
        """Answer a call to @connections. Return None if the path belongs to another stage."""
        connection_id = management.connection_id_in(path, self._deployed.api.stage)
        if connection_id is None:
            return None
        with self._lock:
            rule = running.connections_rule()
            return management.answer(self._gateway, method, path, authorization, body, rule)

    def _run(self, invocation: Invocation, websocket: Peer) -> Outcome:
        """Run an event's function. Its errors are unseen if the client's connection is closed."""
        before = len(self.errors)
        outcome = self._functions.run(invocation)
        if websocket.closed is not None:
            self._unseen += self.errors[before:]
        return outcome
