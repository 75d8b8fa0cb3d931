"""One client's WebSocket, on a transport that records the written bytes."""

import asyncio
import tracemalloc
from collections.abc import Callable

from websockets.frames import Close, Frame, Opcode

from decanter.local.sockets.websocket import MAX_UNANSWERED, MAX_UNSENT_BYTES, WebSocket
from tests.support.sockets import FakeTransport


class Client:
    """A WebSocket after its handshake; records the messages and ends that it reports."""

    def __init__(self) -> None:
        self.messages: list[str] = []
        self.ends: list[tuple[int, str]] = []
        self.transport = FakeTransport()
        self.socket = WebSocket(self.messages.append, lambda *how: self.ends.append(how))
        self.socket.take_over(self.transport, b"")

    def sends(self, opcode: Opcode, data: bytes) -> None:
        self.sends_frame(Frame(opcode, data))

    def sends_frame(self, frame: Frame) -> None:
        self.socket.data_received(frame.serialize(mask=True))


def in_a_loop(test: Callable[[Client], None]) -> None:
    async def run() -> None:
        test(Client())

    asyncio.run(run())


def test_the_first_close_frame_gives_the_code() -> None:
    """The client answers the gateway's 1003 with another code."""

    def test(client: Client) -> None:
        client.sends(Opcode.BINARY, b"")
        client.sends(Opcode.CLOSE, Close(1000, "fine").serialize())
        client.socket.connection_lost(None)
        assert client.ends == [(1003, "")]

    in_a_loop(test)


def test_a_close_by_the_client_is_answered_and_reported_once() -> None:
    def test(client: Client) -> None:
        client.sends(Opcode.CLOSE, Close(4000, "bye").serialize())
        client.socket.eof_received()
        client.socket.connection_lost(None)
        assert (client.ends, client.transport.ended) == ([(4000, "bye")], True)

    in_a_loop(test)


def test_messages_after_a_close_by_the_gateway_are_ignored() -> None:
    def test(client: Client) -> None:
        client.socket.close(1000, "")
        client.sends(Opcode.TEXT, b"late")
        assert (client.messages, client.socket.send(b"x")) == ([], False)

    in_a_loop(test)


def test_reading_stops_while_many_messages_are_unanswered() -> None:
    def test(client: Client) -> None:
        for number in range(MAX_UNANSWERED):
            assert client.transport.reading
            client.sends(Opcode.TEXT, str(number).encode())
        assert not client.transport.reading
        client.socket.answered()
        assert client.transport.reading

    in_a_loop(test)


def texts(count: int) -> bytes:
    frames = (Frame(Opcode.TEXT, str(number).encode()) for number in range(count))
    return b"".join(frame.serialize(mask=True) for frame in frames)


def test_a_waiting_message_is_handed_over_after_each_answer() -> None:
    def test(client: Client) -> None:
        client.socket.data_received(texts(MAX_UNANSWERED + 2))
        assert len(client.messages) == MAX_UNANSWERED
        for _ in range(2):
            client.socket.answered()
            assert not client.transport.reading
        assert client.messages == [str(number) for number in range(MAX_UNANSWERED + 2)]
        client.socket.answered()
        assert client.transport.reading

    in_a_loop(test)


def test_messages_before_a_close_by_the_client_are_handed_over_first() -> None:
    def test(client: Client) -> None:
        close = Frame(Opcode.CLOSE, Close(1000, "").serialize()).serialize(mask=True)
        client.socket.data_received(texts(MAX_UNANSWERED + 2) + close)
        client.socket.connection_lost(None)
        assert len(client.messages) == MAX_UNANSWERED + 2
        assert client.ends == [(1000, "")]

    in_a_loop(test)


def test_waiting_messages_are_dropped_on_a_close_by_the_gateway() -> None:
    def test(client: Client) -> None:
        client.socket.data_received(texts(MAX_UNANSWERED + 2))
        client.socket.close(1000, "")
        client.socket.answered()
        client.socket.connection_lost(None)
        assert len(client.messages) == MAX_UNANSWERED

    in_a_loop(test)


def test_a_send_fails_while_the_buffer_is_full() -> None:
    def test(client: Client) -> None:
        client.transport.unread = MAX_UNSENT_BYTES
        assert (client.socket.send(b"x"), client.socket.is_clogged) == (False, True)
        client.transport.unread = 0
        assert (client.socket.send(b"x"), client.socket.is_clogged) == (True, False)

    in_a_loop(test)


def test_too_many_unread_pongs_end_the_connection() -> None:
    def test(client: Client) -> None:
        client.transport.unread = 2 * MAX_UNSENT_BYTES + 1
        client.sends(Opcode.PING, b"x")
        assert client.transport.aborted

    in_a_loop(test)


def test_no_timer_keeps_an_ended_connection_in_memory() -> None:
    def test(client: Client) -> None:
        client.socket.close(1000, "")
        client.sends(Opcode.PING, b"x")
        client.socket.connection_lost(None)
        timer = client.socket._closing
        assert timer is not None
        assert timer.cancelled()

    in_a_loop(test)


def test_empty_frames_of_a_message_are_not_kept() -> None:
    """Their number has no limit, and they do not count in the message's size."""
    client = Client()
    client.sends_frame(Frame(Opcode.TEXT, b"", fin=False))
    tracemalloc.start()
    for _ in range(20_000):
        client.sends_frame(Frame(Opcode.CONT, b"", fin=False))
    held, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    client.sends_frame(Frame(Opcode.CONT, b"x"))
    assert client.messages == ["x"]
    assert held < 8 * 20_000
