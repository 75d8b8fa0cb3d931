"""Serves the console at `/` and its HTTP interface under `/_gateway/`, on the gateway's port.

Only the developer may use the console and the interface. The server checks `Host` first. A request
from a page of another origin is refused (`Origin`, `Sec-Fetch-Site`), but a link to the console
works. A request that changes something must be JSON or have the header `X-Decanter`, because a
form cannot send such requests.
"""

import asyncio
import json
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from importlib.resources import files
from typing import Any
from urllib.parse import parse_qs, unquote

from decanter.gateway.model import Connection
from decanter.gateway.responses import FORBIDDEN, Response, json_response, message
from decanter.gateway.rules import Gateway
from decanter.local.fault_injection import Fault, FaultError, Faults
from decanter.local.invoker import Invoker
from decanter.local.journal import Journal
from decanter.local.schedules import Schedules
from decanter.local.sockets.http import HttpConnection, Request

CONSOLE = files("decanter.local.console").joinpath("page")
KINDS = {"html": "text/html", "css": "text/css", "js": "text/javascript"}
PAGES = {
    "/" if each.name == "index.html" else f"/{each.name}": (each.name, f"{kind}; charset=utf-8")
    for each in CONSOLE.iterdir()
    if (kind := KINDS.get(each.name.rpartition(".")[2]))
}
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src data:; "
    "connect-src 'self' ws: wss:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
PAGE_HEADERS = (
    ("Content-Security-Policy", POLICY),
    ("X-Content-Type-Options", "nosniff"),
    ("Referrer-Policy", "no-referrer"),
    ("Cache-Control", "no-store"),
)
KEEP_ALIVE_SECONDS = 15.0
SCHEDULES = "/_gateway/schedules/"
INVOCATIONS = "/_gateway/invocations/"
FUNCTIONS = "/_gateway/functions/"
PROTOCOLS = "sec-websocket-protocol"
MARKER = "decanter.token"
"""The subprotocol that precedes the token, as in the framework's `WebTokens`."""

NOT_FOUND = message(404, "Not Found")
NOT_ALLOWED = message(405, "Method Not Allowed")
NOT_JSON = message(415, "send Content-Type: application/json, or the header X-Decanter: 1")


async def no_queues() -> list[dict[str, Any]]:
    """Return an empty list, for an app without queues."""
    return []


@dataclass(slots=True)
class Control:
    """Answers requests for `/`, the console's files and `/_gateway/…`."""

    gateway: Gateway
    journal: Journal
    faults: Faults
    about: Callable[[], dict[str, Any]]
    schedules: Schedules
    invoker: Invoker
    rights: Callable[[], dict[str, Any]] = dict
    queues: Callable[[], Awaitable[list[dict[str, Any]]]] = no_queues

    def serves(self, path: str) -> bool:
        """Return True for a path of the console."""
        return path in PAGES or path.startswith("/_gateway/")

    async def answer(self, request: Request, http: HttpConnection) -> Response | None:
        """Answer a request for a path of the console. Return None for a stream that stays open."""
        if not is_ours(request):
            why = f"a page of {request.header('origin')[:100] or 'another site'} sent the request"
            self.journal.refused(request.method, request.path, 403, why)
            return FORBIDDEN
        if request.method in ("GET", "HEAD"):
            if request.path == "/_gateway/events" and request.method == "GET":
                await self._stream(http)
                return None
            return await self._read(request.path)
        if not may_change(request):
            return NOT_JSON
        for root, run in ((SCHEDULES, self._run), (FUNCTIONS, self._invoke)):
            if request.method == "POST" and request.path.startswith(root):
                return await run(unquote(request.path.removeprefix(root)), request)
        return self._change(request)

    async def _read(self, path: str) -> Response:
        if path == "/_gateway/queues":
            return json_response(200, {"queues": await self.queues()})
        if path in PAGES:
            name, kind = PAGES[path]
            body = CONSOLE.joinpath(name).read_bytes()
            return Response(200, body, (("Content-Type", kind), *PAGE_HEADERS))
        facts = self._facts(path)
        return NOT_FOUND if facts is None else json_response(200, facts)

    def _facts(self, path: str) -> dict[str, Any] | None:
        if path.startswith(INVOCATIONS):
            kept = self.journal.invocation(unquote(path.removeprefix(INVOCATIONS)))
            return without_tokens(kept) if kept else None
        answers: dict[str, Callable[[], dict[str, Any]]] = {
            "/_gateway/info": self.about,
            "/_gateway/connections": lambda: {"connections": self._connections()},
            "/_gateway/faults": lambda: {"faults": self.faults.to_json()},
            "/_gateway/schedules": lambda: {"schedules": self.schedules.to_json()},
            "/_gateway/functions": lambda: {"functions": self.invoker.to_json()},
            "/_gateway/rights": self.rights,
        }
        answer = answers.get(path)
        return answer() if answer else None

    def _change(self, request: Request) -> Response:
        asked = (request.method, request.path)
        if asked == ("POST", "/_gateway/faults"):
            return self._add_fault(request.body)
        if asked == ("DELETE", "/_gateway/faults"):
            self.faults.clear()
            self.journal.note("no more faults")
            return Response(204)
        kind, _, name = request.path.removeprefix("/_gateway/").partition("/")
        if request.method == "DELETE" and kind == "connections":
            return self._close(unquote(name))
        return NOT_ALLOWED

    def _add_fault(self, body: bytes) -> Response:
        try:
            active = self.faults.add(Fault.from_json(json.loads(body)))
        except FaultError as error:
            return message(400, str(error))
        except (ValueError, RecursionError):
            return message(400, "the body is not JSON")
        self.journal.note(f"fault {active.id}: {json.dumps(active.fault.to_json())}")
        return json_response(201, active.to_json())

    async def _run(self, name: str, _: Request) -> Response:
        if not self.schedules.has(name):
            return message(404, f"the app has no scheduled function {name}")
        return json_response(200, await self.schedules.run(name))

    async def _invoke(self, name: str, request: Request) -> Response:
        """Run a function with the body as the event, or with an example event."""
        declared = self.invoker.declared
        if name not in declared:
            names = ", ".join(sorted(declared)) or "none"
            return message(404, f"the app has no function {name!r}; it has {names}")
        text = parse_qs(request.query, keep_blank_values=True).get("body", [None])[0]
        try:
            event = self._event(request.body) if request.body else self.invoker.example(name, text)
        except ValueError as error:
            return message(400, str(error))
        return json_response(200, await self.invoker.run(name, event))

    def _event(self, body: bytes) -> Any:
        try:
            return json.loads(body)
        except (ValueError, RecursionError) as error:
            raise ValueError(f"the event is not JSON: {error}") from error

    def _close(self, connection_id: str) -> Response:
        connection = self.gateway.find(connection_id)
        if connection is None:
            return message(404, f"no open connection has the id {connection_id}")
        self.gateway.close(connection, 1000, "Connection Closed Normally")
        return Response(204)

    def _connections(self) -> list[dict[str, Any]]:
        now = self.gateway.monotonic()
        return [summary(each, now) for each in self.gateway.connections.values()]

    async def _stream(self, http: HttpConnection) -> None:
        """Send new entries of the journal as server-sent events until the client disconnects."""
        http.start_stream((("Content-Type", "text/event-stream"), ("Cache-Control", "no-store")))
        with self.journal.follow() as entries:
            http.stream(b": live\n\n")
            while not http.transport.is_closing():
                try:
                    async with asyncio.timeout(KEEP_ALIVE_SECONDS):
                        entry = await entries.get()
                except TimeoutError:
                    http.stream(b": still here\n\n")
                else:
                    http.stream(f"data: {json.dumps(entry)}\n\n".encode())


def is_ours(request: Request) -> bool:
    """Return False if the browser reports that a page of another origin has sent the request."""
    if request.header("origin") not in ("", f"http://{request.header('host').lower()}"):
        return False
    # Browsers send Sec-Fetch-Site even for scripts and images. A link to the console is allowed.
    from_here = request.header("sec-fetch-site") in ("", "none", "same-origin")
    return from_here or request.path in PAGES


def may_change(request: Request) -> bool:
    """Return True for a request that a page of another origin cannot send without CORS."""
    kind = request.header("content-type").partition(";")[0].strip().lower()
    return kind == "application/json" or request.header("x-decanter") != ""


def without_tokens(kept: dict[str, Any]) -> dict[str, Any]:
    """Return an invocation's event and response without the client's tokens."""
    tokens = tokens_of(kept["event"])
    return {name: masked(value, tokens) for name, value in kept.items()}


def masked(value: Any, tokens: Sequence[str]) -> Any:
    """Return a JSON value in which the tokens are masked. The names of members are not changed."""
    if isinstance(value, dict):
        return {name: masked(each, tokens) for name, each in value.items()}
    if isinstance(value, list):
        return [masked(each, tokens) for each in value]
    if isinstance(value, str):
        for token in tokens:
            value = value.replace(token, "(the token)")
    return value


def tokens_of(event: Mapping[str, Any]) -> list[str]:
    """Return the tokens in a `$connect` event's subprotocol, query string and headers."""
    headers: dict[str, list[str]] = {}
    for name, values in (event.get("multiValueHeaders") or {}).items():
        headers.setdefault(name.lower(), []).extend(values)
    offers = [each.strip() for each in ",".join(headers.get(PROTOCOLS, ())).split(",")]
    found = offers[offers.index(MARKER) + 1 :][:1] if MARKER in offers else []
    found.append((event.get("queryStringParameters") or {}).get("token", ""))
    found += [value.rpartition(" ")[2] for value in headers.get("authorization", ())]
    return [token for token in found if token]


def summary(connection: Connection, now: float) -> dict[str, Any]:
    """Return a connection's facts for the live view, with ages in seconds."""
    return {
        "connectionId": connection.id,
        "phase": connection.phase.value,
        "sourceIp": connection.context.identity.source_ip,
        "ageSeconds": round(now - connection.opened, 1),
        "idleSeconds": round(now - connection.last_active, 1),
    }
