"""Serves the WebSocket API, @connections, HTTP routes and the console on one port."""

import asyncio
import contextlib
import logging
from collections.abc import Coroutine
from typing import Any

from websockets.datastructures import Headers
from websockets.exceptions import InvalidHeader
from websockets.http11 import Request as WebSocketRequest
from websockets.server import ServerProtocol

from decanter.gateway import management
from decanter.gateway.events import Handshake
from decanter.gateway.model import Connection, Refuse
from decanter.gateway.responses import (
    BAD_REQUEST,
    UPGRADE_REQUIRED,
    Response,
    json_response,
    message,
)
from decanter.gateway.results import Outcome, Returned
from decanter.gateway.rules import Gateway
from decanter.hosts import Hosts
from decanter.local.console.control import Control
from decanter.local.fault_injection import Fault, Faults
from decanter.local.functions.functions import Functions
from decanter.local.journal import Journal
from decanter.local.rights import Rights
from decanter.local.sockets import http_routes
from decanter.local.sockets.http import HttpConnection, Request
from decanter.local.sockets.websocket import ABNORMAL, WebSocket

SWITCHING = 101
SWEEP_SECONDS = 0.05
"""The minimum time between two checks for expired connections. Many may expire together."""

FAILURES = {
    "403": management.FORBIDDEN,
    "410": management.GONE,
    "429": management.TOO_MANY,
    "500": management.FAILED,
}

logger = logging.getLogger(__name__)


class Server:
    """Serves one API stage on one port."""

    def __init__(
        self,
        gateway: Gateway,
        functions: Functions,
        journal: Journal,
        control: Control,
        faults: Faults,
        hosts: Hosts,
        rights: Rights | None = None,
    ) -> None:
        self._gateway = gateway
        self._functions = functions
        self._journal = journal
        self._control = control
        self._faults = faults
        self._hosts = hosts
        self._rights = rights
        self._tasks: set[asyncio.Task[None]] = set()
        self._http: set[HttpConnection] = set()
        self._sockets: set[WebSocket] = set()
        self._sweeping: asyncio.Task[None] | None = None
        self._quiet = asyncio.Event()

    async def listen(self, sock: Any) -> asyncio.Server:
        """Accept connections on a bound socket."""
        loop = asyncio.get_running_loop()
        self._sweeping = loop.create_task(self._sweep())
        return await loop.create_server(
            lambda: HttpConnection(self._answer, self._http), sock=sock, backlog=1024
        )

    async def stop(self, seconds: float) -> None:
        """Close every connection with 1001 and wait this long for the disconnect handlers."""
        for connection in [*self._gateway.connections.values()]:
            self._gateway.close(connection, 1001, "Going away")
        for http in [*self._http]:
            http.transport.abort()
        self._quiet.clear()
        self._look_if_quiet()
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._quiet.wait(), seconds)
        for socket in [*self._sockets]:
            socket.abort()
        for task in [*self._tasks]:
            task.cancel()
        if self._sweeping is not None:
            self._sweeping.cancel()

    # -- requests by path ----------------------------------------------------------------------

    async def _answer(self, request: Request, http: HttpConnection) -> Response | None:
        host = request.header("host")
        if not self._hosts.serve(host):
            return self._refuse(request, self._hosts.refusal(host))
        return await self._serve(request, http)

    async def _serve(self, request: Request, http: HttpConnection) -> Response | None:
        if request.is_upgrade:
            return await self._upgrade(request, http)
        caller, path = management.split_caller(request.path)
        if management.is_management_path(path):
            return await self._manage(request, http, caller, path)
        if self._control.serves(request.path):
            return await self._control.answer(request, http)
        api = self._gateway.api
        at_socket = self._socket_path(request) is not None
        is_http = api.http_routes and f"{request.path}/".startswith(f"/{api.http_stage}/")
        if is_http and (not at_socket or http_routes.has_route(api, request.path)):
            return await http_routes.answer(
                self._functions,
                api.http_stage,
                request,
                authorizers=self._gateway.authorizers,
            )
        return UPGRADE_REQUIRED if at_socket else self._elsewhere(request)

    def _elsewhere(self, request: Request) -> Response:
        """Answer an unknown path with 403, like AWS, and add a hint with the URLs of the APIs."""
        domain, api = self._gateway.events.domain_name, self._gateway.api
        hint = f"the WebSocket API is at ws://{domain}/{api.stage}"
        if api.http_routes and not request.is_upgrade:
            hint = f"the HTTP routes are at http://{domain}/{api.http_stage}, and {hint}"
        self._journal.refused(request.method, request.path, 403, hint)
        return json_response(403, {"message": "Forbidden", "hint": hint})

    def _refuse(self, request: Request, why: str) -> Response:
        """Refuse a request that a web page may have sent, and log the reason."""
        self._journal.refused(request.method, request.path, 403, why)
        return management.error(403, "ForbiddenException", why)

    async def _manage(
        self, request: Request, http: HttpConnection, caller: str | None, path: str
    ) -> Response | None:
        if origin := request.header("origin"):  # no SDK sends one
            return self._refuse(request, management.of_a_page(origin))
        stage = self._gateway.api.stage
        connection_id = management.connection_id_in(path, stage) or ""
        trace = request.header("x-amzn-trace-id")
        struck = self._faults.take("connections", connection_id)
        if struck is not None:
            response = await fail(struck.fault, http)
        if struck is None or struck.fault.action == "late":
            call = (request.method, path, request.header("authorization"), request.body)
            response = management.answer(self._gateway, *call, self._rule(caller, trace))
        if response is not None:
            request_id = self._functions.request_of(trace)
            size = len(request.body)
            self._journal.management(request.method, response.status, size, request_id)
        return response

    def _rule(self, caller: str | None, trace: str) -> management.Authorize | None:
        """Return the rule for a function's call; None if the caller is not a function."""
        if caller is None or self._rights is None:
            return None
        return management.authorizer(self._rights.guard, self._rights.api, caller, trace)

    # -- the life of a WebSocket ------------------------------------------------------------

    async def _upgrade(self, request: Request, http: HttpConnection) -> Response | None:
        path = self._socket_path(request)
        if path is None:
            return self._elsewhere(request)
        try:
            headers = Headers(request.headers)
        except InvalidHeader:  # a control character that h11 accepts
            return BAD_REQUEST
        wire_request = WebSocketRequest(request.target, headers, method=request.method)
        accepted = ServerProtocol().accept(wire_request)
        if accepted.status_code != SWITCHING:
            return message(accepted.status_code, accepted.reason_phrase)
        handshake = self._handshake(request, http, path)
        connection, invocation = self._gateway.connect(handshake)
        outcome: Outcome = Returned({"statusCode": 200})
        if why := self._gateway.unauthorized():
            outcome = Returned({"statusCode": 403})
            self._journal.refused(request.method, request.path, 403, why)
        elif invocation is not None:
            outcome = await self._functions.invoke(invocation)
        decision = self._gateway.connected(connection, invocation, outcome)
        self._journal.connect(connection, decision)
        if isinstance(decision, Refuse):
            return json_response(decision.status, decision.body)
        if http.lost:  # the client has disconnected, so the disconnect handler runs
            self._run(self._disconnect(connection, 1006, ABNORMAL))
            return None
        if decision.subprotocol is not None:
            accepted.headers["Sec-WebSocket-Protocol"] = decision.subprotocol
        http.transport.write(accepted.serialize())
        self._open(connection, http)
        return None

    def _socket_path(self, request: Request) -> str | None:
        """Return the WebSocket API's path in a request; None for any other path."""
        for path in self._gateway.events.paths:
            if request.path in (f"/{path}", f"/{path}/"):
                return path
        return None

    def _handshake(self, request: Request, http: HttpConnection, path: str) -> Handshake:
        port = http.transport.get_extra_info("sockname")[1]
        host = request.header("host")
        return Handshake(request.headers, request.query, host, request.source_ip, port, path)

    def _open(self, connection: Connection, http: HttpConnection) -> None:
        def on_message(body: str) -> None:
            self._run(self._message(connection, socket, body))

        def on_end(code: int, reason: str) -> None:
            self._sockets.discard(socket)
            self._run(self._disconnect(connection, code, reason))

        socket = WebSocket(on_message, on_end)
        connection.outlet = socket
        self._sockets.add(socket)
        socket.take_over(http.transport, http.release())

    async def _message(self, connection: Connection, socket: WebSocket, body: str) -> None:
        try:
            invocation = self._gateway.message(connection, body)
            self._journal.message(connection, invocation, body)
            if invocation is not None:
                outcome = await self._functions.invoke(invocation)
                self._gateway.answered(connection, invocation, outcome)
        finally:
            socket.answered()

    async def _disconnect(self, connection: Connection, code: int, reason: str) -> None:
        invocation = self._gateway.closed(connection, code, reason)
        self._journal.disconnect(connection, *(connection.ended_by_us or (code, reason)))
        if invocation is not None:
            await self._functions.invoke(invocation)

    async def _sweep(self) -> None:
        while True:
            wait = self._gateway.sweep()
            await asyncio.sleep(max(wait, SWEEP_SECONDS))

    def _run(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._done)

    def _done(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            logger.error("an event could not be handled", exc_info=error)
        self._look_if_quiet()

    def _look_if_quiet(self) -> None:
        if not self._sockets and not self._tasks:
            self._quiet.set()


async def fail(fault: Fault, http: HttpConnection) -> Response | None:
    """Apply a fault to a call. Return None for a fault that does not set the response."""
    if fault.action == "late":
        await asyncio.sleep((fault.milliseconds or 0) / 1000)
    elif fault.action == "hang":
        http.end_with_client()
        await asyncio.get_running_loop().create_future()
    elif fault.action == "reset":
        http.reset()
    return FAILURES.get(fault.action)
