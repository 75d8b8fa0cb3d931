"""The socket of a client after the handshake, which reads frames and reports messages."""

import asyncio
import codecs
from collections import deque
from collections.abc import Callable

from websockets.frames import Frame, Opcode
from websockets.protocol import State
from websockets.server import ServerProtocol

from decanter.gateway.model import MAX_FRAME_BYTES, MAX_MESSAGE_BYTES
from decanter.local.sockets.reading import Reader

CLOSE_SECONDS = 2.0
"""The time limit of the closing handshake, in seconds."""

MAX_UNSENT_BYTES = 1024 * 1024
"""The maximum number of unsent bytes for a client. Posts beyond this limit get status 429."""

MAX_UNANSWERED = 16
"""The maximum number of a connection's messages that are handled in parallel. The rest waits."""

NO_STATUS = "Client-side close frame status not set"
ABNORMAL = "Connection closed abnormally"


class _Protocol(ServerProtocol):
    """Accepts a close frame between fragments (RFC 6455, 5.4), which `websockets` refuses."""

    def recv_frame(self, frame: Frame) -> None:
        """Process a frame."""
        if frame.opcode is Opcode.CLOSE:
            self.current_size = None  # the frame does not belong to the unfinished message
        super().recv_frame(frame)


class WebSocket(Reader):
    """The WebSocket protocol on a transport. This class is the gateway's `Outlet` to the client.

    `on_message` gets each complete text message. `on_end` is called once, with the close code and
    reason, when the connection has ended.
    """

    def __init__(
        self,
        on_message: Callable[[str], None],
        on_end: Callable[[int, str], None],
    ) -> None:
        limits = (MAX_MESSAGE_BYTES, MAX_FRAME_BYTES)
        self._protocol = _Protocol(state=State.OPEN, max_size=limits)
        self._on_message = on_message
        self._on_end = on_end
        self._ended = False
        self._unanswered = 0
        self._waiting: deque[str] = deque()
        self._parts: list[str] = []
        self._decoder = codecs.getincrementaldecoder("utf-8")()
        self._transport: asyncio.Transport | None = None
        self._closing: asyncio.TimerHandle | None = None

    # -- called by asyncio ------------------------------------------------------------------

    def take_over(self, transport: asyncio.Transport, received: bytes) -> None:
        """Take over the socket from HTTP, with the bytes that arrived after the request."""
        self._transport = transport
        transport.set_protocol(self)
        transport.resume_reading()
        if received:
            self.data_received(received)

    def data_received(self, data: bytes) -> None:
        """Read frames."""
        self._protocol.receive_data(data)
        for event in self._protocol.events_received():
            if isinstance(event, Frame) and not self._is_closed_by_us:
                self._take(event)
        self._flush()

    def eof_received(self) -> bool:
        """End the connection after the client has closed its side."""
        self._protocol.receive_eof()
        self._flush()
        return False

    def connection_lost(self, exc: Exception | None) -> None:
        """Clean up after the socket was closed."""
        self._transport = None
        if self._closing is not None:  # the timer would keep the transport alive
            self._closing.cancel()
        self._end()

    # -- called by the gateway --------------------------------------------------------------

    @property
    def is_clogged(self) -> bool:
        """True if the send buffer is more than half full."""
        transport = self._transport
        return transport is not None and transport.get_write_buffer_size() > MAX_UNSENT_BYTES // 2

    def send(self, data: bytes) -> bool:
        """Send a text message in frames of at most 32 KB.

        Return False if the connection is not open, or if the buffer has no room for the message.
        """
        transport = self._transport
        if transport is None or self._protocol.state is not State.OPEN:
            return False
        if transport.get_write_buffer_size() + len(data) > MAX_UNSENT_BYTES:
            return False
        head, rest = data[:MAX_FRAME_BYTES], data[MAX_FRAME_BYTES:]
        self._protocol.send_text(head, fin=not rest)
        while rest:
            head, rest = rest[:MAX_FRAME_BYTES], rest[MAX_FRAME_BYTES:]
            self._protocol.send_continuation(head, fin=not rest)
        self._flush()
        return True

    def close(self, code: int, reason: str) -> None:
        """Start the closing handshake."""
        if self._protocol.state is State.OPEN:
            self._protocol.send_close(code, reason)
            self._flush()

    def abort(self) -> None:
        """Close the connection immediately, without a closing handshake."""
        if self._transport is not None:
            self._transport.abort()

    def answered(self) -> None:
        """Record that a message was answered. Report the next message, or continue to read."""
        self._unanswered -= 1
        if self._waiting and not self._is_closed_by_us:
            self._hand_over(self._waiting.popleft())
        elif self._unanswered == MAX_UNANSWERED - 1 and self._transport is not None:
            self._transport.resume_reading()

    # -- inside -----------------------------------------------------------------------------

    def _take(self, frame: Frame) -> None:
        if frame.opcode is Opcode.BINARY:
            self._protocol.fail(1003)
        elif frame.opcode is Opcode.TEXT or frame.opcode is Opcode.CONT:
            self._take_text(frame)

    def _take_text(self, frame: Frame) -> None:
        try:
            part = self._decoder.decode(bytes(frame.data), final=frame.fin)
        except UnicodeDecodeError:
            self._protocol.fail(1007)
            return
        if part:  # do not store empty frames, because their number has no limit
            self._parts.append(part)
        if not frame.fin:
            return
        text = "".join(self._parts)
        self._parts.clear()
        if self._unanswered < MAX_UNANSWERED:
            self._hand_over(text)
        else:  # earlier messages came in the same read
            self._waiting.append(text)

    def _hand_over(self, text: str) -> None:
        self._unanswered += 1
        if self._unanswered == MAX_UNANSWERED and self._transport is not None:
            self._transport.pause_reading()
        self._on_message(text)

    @property
    def _is_closed_by_us(self) -> bool:
        """True if the gateway has started the closing handshake and ignores further messages."""
        protocol = self._protocol
        return protocol.close_sent is not None and not protocol.close_rcvd_then_sent

    def _flush(self) -> None:
        transport = self._transport
        if transport is None:
            return
        for data in self._protocol.data_to_send():
            if data:
                transport.write(data)
            elif transport.can_write_eof():
                transport.write_eof()
        if (
            transport.get_write_buffer_size() > 2 * MAX_UNSENT_BYTES
        ):  # pongs that the client does not read
            transport.abort()
        elif self._protocol.close_expected():
            self._expect_end(transport)

    def _expect_end(self, transport: asyncio.Transport) -> None:
        """Give the client `CLOSE_SECONDS` to finish the closing handshake."""
        transport.resume_reading()
        if self._closing is None:
            loop = asyncio.get_running_loop()
            self._closing = loop.call_later(CLOSE_SECONDS, transport.abort)
        if self._protocol.eof_sent:
            self._end()

    def _end(self) -> None:
        if self._ended:
            return
        self._ended = True
        while self._waiting and not self._is_closed_by_us:
            self._hand_over(self._waiting.popleft())
        self._on_end(*self._how())

    def _how(self) -> tuple[int, str]:
        """Return the close code and reason for the disconnect event."""
        # The first close frame has the code and the reason. The second one only answers the first.
        ours, theirs = self._protocol.close_sent, self._protocol.close_rcvd
        close = ours if self._is_closed_by_us else theirs
        if close is None:
            return 1006, ABNORMAL
        return (close.code, close.reason) if close.code != 1005 else (1005, NO_STATUS)
