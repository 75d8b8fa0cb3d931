"""Handle a TCP connection's HTTP/1.1 requests in order, until the connection is a WebSocket."""

import asyncio
import logging
import socket
import struct
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

import h11

from decanter.gateway.responses import INTERNAL_ERROR, MALFORMED, Headers, Response, phrase
from decanter.local.sockets.reading import Reader

logger = logging.getLogger(__name__)

MAX_HEAD_BYTES = 16 * 1024
MAX_TARGET_BYTES = 4096
"""The maximum length of a request target. API Gateway refuses a longer target (quotas page)."""

MAX_BODY_BYTES = 10 * 1024 * 1024
HEAD_SECONDS = 30.0
"""The time limit for receiving a request, in seconds after the connection or last response."""

MAX_UNREAD_BYTES = 1024 * 1024
"""The maximum size of a stream's unread data in bytes. With more, the stream is dropped."""


@dataclass(frozen=True, slots=True)
class Request:
    """An HTTP request. Header names keep the client's letter case."""

    method: str
    target: str
    headers: tuple[tuple[str, str], ...]
    body: bytes = b""
    source_ip: str = ""
    version: str = "1.1"

    @property
    def path(self) -> str:
        """The path as the client sent it, percent-encoded."""
        return self.target.partition("?")[0]

    @property
    def query(self) -> str:
        """The query string as the client sent it."""
        return self.target.partition("?")[2]

    def header(self, name: str) -> str:
        """Return the last value of a header, by its name in lower case; "" without this header."""
        values = [value for key, value in self.headers if key.lower() == name]
        return values[-1] if values else ""

    @property
    def is_upgrade(self) -> bool:
        """True if the request asks to upgrade from HTTP/1.1 to WebSocket."""
        return self.version == "1.1" and self.header("upgrade").lower() == "websocket"


Answer = Callable[[Request, "HttpConnection"], Awaitable[Response | None]]
"""Answers a request. Returns None if the connection must not write a response.

For example, a WebSocket or a stream has taken over the socket, or a fault has reset the socket.
"""


class HttpConnection(Reader):
    """Reads requests from a socket, calls `answer`, and writes the responses."""

    def __init__(self, answer: Answer, open_connections: set["HttpConnection"]) -> None:
        self._answer = answer
        self._open = open_connections
        self._h11 = h11.Connection(h11.SERVER, max_incomplete_event_size=MAX_HEAD_BYTES)
        self._request: h11.Request | None = None
        self._body = bytearray()
        self._task: asyncio.Task[None] | None = None
        self._late = bytearray()
        self._refused = False
        self._ends_with_client = False
        self.lost = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Start reading when a client has connected."""
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport
        self._open.add(self)
        self._loop = asyncio.get_running_loop()
        self._timer = self._loop.call_later(HEAD_SECONDS, transport.abort)

    def data_received(self, data: bytes) -> None:
        """Read received bytes."""
        if self._refused:
            return
        if self._task is not None and not self._task.done():
            self._late += data
            if len(self._late) > MAX_HEAD_BYTES:
                self.transport.pause_reading()
            return
        self._h11.receive_data(data)
        self._advance()

    def eof_received(self) -> bool:
        """Return True to keep the socket open if a response must still be sent."""
        self.lost = True
        busy = self._task is not None and not self._task.done()
        return busy and not self._ends_with_client

    def connection_lost(self, exc: Exception | None) -> None:
        """Clean up after the socket was closed."""
        self.lost = True
        self._timer.cancel()
        self._open.discard(self)
        if self._ends_with_client and self._task is not None:
            self._task.cancel()

    def end_with_client(self) -> None:
        """Cancel the current answer as soon as the client disconnects."""
        self._ends_with_client = True

    def reset(self) -> None:
        """End the connection with a TCP reset, as if the peer had crashed."""
        raw = self.transport.get_extra_info("socket")
        raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.transport.abort()

    def release(self) -> bytes:
        """Give up the socket. Return the bytes that arrived after the request."""
        self._timer.cancel()
        self._open.discard(self)
        return self._h11.trailing_data[0] + bytes(self._late)

    def write(self, response: Response, *extra: tuple[str, str]) -> None:
        """Write the head and the body of a response."""
        try:
            head = head_of(response, *extra)
        except (h11.LocalProtocolError, UnicodeEncodeError):  # the app's response is invalid HTTP
            response, head = MALFORMED, head_of(MALFORMED, *extra)
        is_head = self._request is not None and self._request.method == b"HEAD"
        bodiless = is_head or response.status in (204, 304)
        body = [] if bodiless else [h11.Data(data=response.body)]
        self._write(head, *body, h11.EndOfMessage())

    def start_stream(self, headers: Headers) -> None:
        """Write the head of a response that stays open until the client disconnects."""
        self.end_with_client()
        self._write(h11.Response(status_code=200, headers=list(headers)))

    def stream(self, data: bytes) -> None:
        """Write a part of a stream. Disconnect a client that does not read the stream."""
        self._write(h11.Data(data=data))
        if self.transport.get_write_buffer_size() > MAX_UNREAD_BYTES:
            self.transport.abort()

    def _write(self, *events: Any) -> None:
        if not self.transport.is_closing():
            self.transport.write(b"".join(self._h11.send(event) or b"" for event in events))

    def _advance(self) -> None:
        try:
            while not self._refused:
                event = self._h11.next_event()
                if event in (h11.NEED_DATA, h11.PAUSED):
                    break
                self._take(event)
        except h11.RemoteProtocolError as error:
            self._refuse(error.error_status_hint)

    def _take(self, event: Any) -> None:
        if isinstance(event, h11.Request):
            self._request = event
            self._body.clear()
            head = sum(len(name) + len(value) + 4 for name, value in event.headers)
            if len(event.target) > MAX_TARGET_BYTES:
                self._refuse(414)
            elif head > MAX_HEAD_BYTES:
                self._refuse(431)
            elif declared_length(event) > MAX_BODY_BYTES:
                self._refuse(413)
            elif self._h11.they_are_waiting_for_100_continue:
                self._write(h11.InformationalResponse(status_code=100, headers=[]))
        elif isinstance(event, h11.Data):
            self._body += event.data
            if len(self._body) > MAX_BODY_BYTES:
                self._refuse(413)
        elif isinstance(event, h11.EndOfMessage) and self._request is not None:
            try:
                request = self._as_request(self._request)
            except ValueError:  # an absolute target that is invalid or names another host
                self._refuse(400)
                return
            self._timer.cancel()
            self._task = self._loop.create_task(self._respond(request))

    def _as_request(self, event: h11.Request) -> Request:
        peer = self.transport.get_extra_info("peername") or ("", 0)
        headers = tuple(
            (name.decode("latin-1"), value.decode("latin-1"))
            for name, value in event.headers.raw_items()
        )
        target = event.target.decode("latin-1")
        if not target.startswith("/"):  # an absolute URL, like a request to a proxy
            parts = urlsplit(target)
            if parts.netloc and ("host", parts.netloc) not in [(n.lower(), v) for n, v in headers]:
                raise ValueError("the target and the Host header name different hosts")
            target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        return Request(
            event.method.decode(),
            target,
            headers,
            bytes(self._body),
            source_ip=str(peer[0]),
            version=event.http_version.decode(),
        )

    async def _respond(self, request: Request) -> None:
        try:
            response = await self._answer(request, self)
        except Exception:  # even after a bug, the client must get a response
            logger.exception("%s %s could not be answered", request.method, request.path)
            response = INTERNAL_ERROR
        if response is None:
            return
        self.write(response)
        done = self._h11.our_state is h11.DONE and self._h11.their_state is h11.DONE
        if done and not self.lost:
            self._h11.start_next_cycle()
            self._request = None
            self._timer = self._loop.call_later(HEAD_SECONDS, self.transport.abort)
            self._loop.call_soon(self._read_on)
        else:
            self._close()

    def _read_on(self) -> None:
        """Read the bytes that arrived during the last answer."""
        self._task = None
        late, self._late = bytes(self._late), bytearray()
        if not self.transport.is_closing():
            self.transport.resume_reading()
            if late:
                self._h11.receive_data(late)
            self._advance()

    def _refuse(self, status: int) -> None:
        """Answer an invalid request and close the connection."""
        if self._task is not None and not self._task.done():
            self._refused = True  # the response to the previous request closes the connection
            return
        if self._h11.our_state in (h11.IDLE, h11.SEND_RESPONSE):
            self.write(Response(status), ("Connection", "close"))
        self._refused = True
        self._close()

    def _close(self) -> None:
        if self.transport.can_write_eof():
            self.transport.write_eof()
        self._loop.call_later(1.0, self.transport.abort)


def declared_length(event: h11.Request) -> int:
    """Return the Content-Length of a request; 0 without this header. h11 has checked the value."""
    return next((int(value) for name, value in event.headers if name == b"content-length"), 0)


def head_of(response: Response, *extra: tuple[str, str]) -> h11.Response:
    """Return a response's head for h11.

    Raises:
        h11.LocalProtocolError: a status or a header is not valid HTTP.
        UnicodeEncodeError: a header is not ASCII.
    """
    headers = [*response.headers, *extra]
    if response.status != 204:
        headers.append(("Content-Length", str(len(response.body))))
    return h11.Response(
        status_code=response.status, headers=headers, reason=phrase(response.status)
    )
