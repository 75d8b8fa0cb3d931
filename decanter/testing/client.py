"""API Gateway and Lambda for a test: connect clients to an app that the test has imported."""

import json
import logging
import threading
import uuid
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from decanter.gateway import management
from decanter.gateway.events import EventMaker
from decanter.gateway.model import (
    MAX_FRAME_BYTES,
    MAX_MESSAGE_BYTES,
    Connection,
    Invocation,
    Refuse,
)
from decanter.gateway.responses import Response
from decanter.gateway.results import Failure, Outcome, Returned
from decanter.gateway.rules import Gateway
from decanter.local.functions.worker import LambdaContext
from decanter.testing.deployment import Deployment
from decanter.testing.dynamodb import call_dynamodb
from decanter.testing.environ import DROPPED, REGION, environment, local
from decanter.testing.errors import ConnectionClosed, ConnectRefused, NoFrame, UnreadFrames
from decanter.testing.events import Headers, Query, handshake
from decanter.testing.loopback import dynamodb_netloc, management_server
from decanter.testing.redirect import redirected

logger = logging.getLogger(__name__)

NOT_TEXT = 1003
TOO_LARGE = 1009


class WebSocket:
    """An open connection, from its client's side.

    Attributes:
        connection_id: API Gateway's id of it.
        subprotocol: the one that the connect handler chose.
        name: its name in errors.
    """

    def __init__(self, client: "WebSocketClient", connection: Connection, name: str) -> None:
        self.connection_id = connection.id
        self.subprotocol: str | None = None
        self.name = name
        self.connection = connection
        self.inbox = Inbox(lambda code, reason: client.ended(self, code, reason))
        self._client = client

    @property
    def closed(self) -> tuple[int, str] | None:
        """The code and the reason of its end; None while it is open."""
        return self.inbox.closed

    @property
    def unread(self) -> list[str]:
        """The frames that have arrived and are not received yet."""
        self._client.run_pending()
        return [*self.inbox.frames]

    def send(self, message: str | bytes) -> None:
        """Send a message in one frame; its handler has run when this returns.

        A message that API Gateway does not accept closes the connection: bytes with 1003, more than
        32 KB in a frame with 1009.

        Raises:
            ConnectionClosed: it is already closed.
        """
        self._client.run_pending()
        self._check_open()
        if isinstance(message, bytes):
            self.inbox.close(NOT_TEXT, "")
        elif len(message.encode()) > min(MAX_FRAME_BYTES, MAX_MESSAGE_BYTES):
            self.inbox.close(TOO_LARGE, "")
        else:
            self._client.message(self, message)
        self._client.run_pending()

    def send_json(self, value: Any) -> None:
        """Send a value as JSON."""
        self.send(json.dumps(value))

    def receive(self) -> str:
        """Return the next frame.

        Raises:
            NoFrame: there is none, and as every handler has run, none will come.
            ConnectionClosed: there is none, and the connection is closed.
        """
        self._client.run_pending()
        if self.inbox.frames:
            return self.inbox.frames.popleft()
        self._check_open()
        raise NoFrame(self.name, self._client.raised)

    def receive_json(self) -> Any:
        """Return the next frame's value.

        Raises:
            NoFrame, ConnectionClosed: as in `receive`.
        """
        return json.loads(self.receive())

    def close(self, code: int = 1000, reason: str = "") -> None:
        """Close the connection; its disconnect handler has run when this returns."""
        self.inbox.close(code, reason)
        self._client.run_pending()

    def _check_open(self) -> None:
        if self.closed is not None:
            raise ConnectionClosed(self.name, *self.closed)


class Inbox:
    """The frames from the gateway to a client: its `Outlet`.

    Args:
        on_close: called once, when either side has closed.
    """

    is_clogged = False

    def __init__(self, on_close: Callable[[int, str], None]) -> None:
        self.frames: deque[str] = deque()
        self.closed: tuple[int, str] | None = None
        self._on_close = on_close

    def send(self, data: bytes) -> bool:
        """Take a frame, unless the connection is closed."""
        if self.closed is None:
            self.frames.append(data.decode())
        return self.closed is None

    def close(self, code: int, reason: str) -> None:
        """End the connection; a second call does nothing."""
        if self.closed is None:
            self.closed = (code, reason)
            self._on_close(code, reason)

    def abort(self) -> None:
        """End it without a close frame."""
        self.close(1006, "")


class WebSocketClient:
    """Runs the WebSocket handlers of a Chalice app; a context manager, open in one test.

    While it is open, the stage's environment variables are set, the tables of the project's merge
    template or of the app's models exist and start empty, AWS clients for @connections and DynamoDB
    are answered in this process, and no other call to AWS leaves this machine. Handlers run in the
    test's thread, one at a time. Connections that the test leaves open end without a disconnect
    event, as the tables are deleted with them.

    Args:
        app: the Chalice object.
        stage_name: the stage in `.chalice/config.json`.
        project_dir: the Chalice project; by default the folder of the app's module.
    """

    def __init__(
        self, app: Any, stage_name: str = "dev", project_dir: str | Path | None = None
    ) -> None:
        self.app = app
        self.raised = ""
        folder = None if project_dir is None else Path(project_dir)
        self._deployed = Deployment.of(app, stage_name, folder)
        self._lock = threading.RLock()
        self._websockets: list[WebSocket] = []
        self._ended: deque[tuple[WebSocket, int, str]] = deque()
        self._open = ExitStack()
        self._variables: dict[str, str] = {}
        api = self._deployed.api
        self._gateway = Gateway(api, EventMaker(api.stage, management_server().netloc))

    def connect(
        self,
        *,
        query: Query = "",
        headers: Headers | None = None,
        subprotocols: Sequence[str] = (),
    ) -> WebSocket:
        """Connect a client; the connect handler has run when this returns.

        Args:
            query: as text or by name; a name may have several values.
            headers: in addition to those that every client sends.
            subprotocols: those that the client offers.

        Raises:
            ConnectRefused: with the status that the client gets.
        """
        if not self._variables:
            raise RuntimeError(
                "the WebSocketClient is not open: use `with WebSocketClient(app) as client:`"
            )
        self.run_pending()
        gateway = self._gateway
        shake = handshake(query, headers, subprotocols, gateway.events.domain_name)
        with self._lock:
            connection, invocation = gateway.connect(shake)
        name = f"client {len(self._websockets) + 1} ({connection.id}"
        websocket = WebSocket(self, connection, f"{name}{f', ?{shake.query}' * bool(shake.query)})")
        connection.outlet = websocket.inbox
        outcome = self._run(invocation) if invocation else Returned({"statusCode": 200})
        with self._lock:
            decision = gateway.connected(connection, invocation, outcome)
        if isinstance(decision, Refuse):
            raise ConnectRefused(decision.status, decision.body, self.raised)
        websocket.subprotocol = decision.subprotocol
        self._websockets.append(websocket)
        return websocket

    def message(self, websocket: WebSocket, text: str) -> None:
        """Run the handler of a message; `websocket.send` calls this."""
        with self._lock:
            invocation = self._gateway.message(websocket.connection, text)
        if invocation is not None:
            outcome = self._run(invocation)
            with self._lock:
                self._gateway.answered(websocket.connection, invocation, outcome)

    def ended(self, websocket: WebSocket, code: int, reason: str) -> None:
        """Note that a connection is closed; its disconnect handler runs in the test's thread."""
        self._ended.append((websocket, code, reason))

    def run_pending(self) -> None:
        """Run the disconnect handlers of the closed connections."""
        while self._ended:
            websocket, code, reason = self._ended.popleft()
            with self._lock:
                invocation = self._gateway.closed(websocket.connection, code, reason)
            if invocation is not None:
                self._run(invocation)

    def __enter__(self) -> Self:
        server = management_server()
        dynamodb = dynamodb_netloc() if self._deployed.tables else None
        management_endpoint = f"http://{server.netloc}/{self._deployed.api.stage}"
        self._variables = local(management_endpoint, dynamodb and f"http://{dynamodb}")
        with self._open as opening:
            opening.enter_context(redirected(server.netloc, dynamodb))
            opening.enter_context(
                environment(self._deployed.environment | self._variables, DROPPED)
            )
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
        with self._open:
            unread = {each.name: each.unread for each in self._websockets if each.unread}
            self._variables = {}
        if unread and error is None:
            raise UnreadFrames(unread)
        if unread and error is not None:
            error.add_note(str(UnreadFrames(unread)))

    def _answer(self, method: str, path: str, authorization: str, body: bytes) -> Response | None:
        """Answer a call to @connections for this client's stage."""
        connection_id = management.connection_id_in(path, self._deployed.api.stage)
        if connection_id is None:
            return None
        with self._lock:
            return management.answer(self._gateway, method, path, authorization, body)

    def _run(self, invocation: Invocation) -> Outcome:
        """Run a handler through Chalice's own wrapper, and marshal its result as Lambda does."""
        function = invocation.function
        name = self._deployed.handlers.get(function)
        if name is None:  # the app lacks a function of the template
            return Failure.RAISED
        self.raised = ""
        with environment({**self._deployed.environments[function], **self._variables}):
            try:
                value = self.app.handler_map[name](invocation.event, self._context(function))
                return Returned(json.loads(json.dumps(value)))
            except Exception as error:
                self.raised = f"{type(error).__name__}: {error}"
                logger.exception("%s raised", name)
                return Failure.RAISED

    def _context(self, function: str) -> LambdaContext:
        return LambdaContext(
            {
                "request_id": str(uuid.uuid4()),
                "function_arn": f"arn:aws:lambda:{REGION}:123456789012:function:{function}",
                "timeout_ms": self._deployed.timeouts[function] * 1000,
            }
        )
