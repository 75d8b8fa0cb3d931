"""One client's socket, on a transport that records its output."""

import asyncio
import tracemalloc
from collections.abc import Callable

from websockets.frames import Close, Frame, Opcode

from decanter.local.sockets.websocket import MAX_UNANSWERED, MAX_UNSENT_BYTES, WebSocket
from tests.support.sockets import FakeTransport


class Client:
    """A socket after its handshake, and the events for the gateway."""

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


def test_the_side_that_closes_first_gives_the_reason() -> None:
    """The client answers our 1003 with its own code."""

    def test(client: Client) -> None:
        client.sends(Opcode.BINARY, b"")
        client.sends(Opcode.CLOSE, Close(1000, "fine").serialize())
        client.socket.connection_lost(None)
        assert client.ends == [(1003, "")]

    in_a_loop(test)


def test_the_clients_close_is_answered_and_ends_it_once() -> None:
    def test(client: Client) -> None:
        client.sends(Opcode.CLOSE, Close(4000, "bye").serialize())
        client.socket.eof_received()
        client.socket.connection_lost(None)
        assert (client.ends, client.transport.ended) == ([(4000, "bye")], True)

    in_a_loop(test)


def test_messages_after_our_close_are_ignored() -> None:
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


def test_a_burst_of_messages_is_passed_on_one_for_each_answer() -> None:
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


def test_messages_before_the_clients_close_are_passed_on_before_the_end() -> None:
    def test(client: Client) -> None:
        close = Frame(Opcode.CLOSE, Close(1000, "").serialize()).serialize(mask=True)
        client.socket.data_received(texts(MAX_UNANSWERED + 2) + close)
        client.socket.connection_lost(None)
        assert len(client.messages) == MAX_UNANSWERED + 2
        assert client.ends == [(1000, "")]

    in_a_loop(test)


def test_waiting_messages_are_dropped_at_our_close() -> None:
    def test(client: Client) -> None:
        client.socket.data_received(texts(MAX_UNANSWERED + 2))
        client.socket.close(1000, "")
        client.socket.answered()
        client.socket.connection_lost(None)
        assert len(client.messages) == MAX_UNANSWERED

    in_a_loop(test)


def test_a_full_buffer_refuses_messages_until_it_is_emptier() -> None:
    def test(client: Client) -> None:
        client.transport.unread = MAX_UNSENT_BYTES
        assert (client.socket.send(b"x"), client.socket.is_clogged) == (False, True)
        client.transport.unread = 0
        assert (client.socket.send(b"x"), client.socket.is_clogged) == (True, False)

    in_a_loop(test)


def test_unread_pongs_end_the_connection() -> None:
    def test(client: Client) -> None:
        client.transport.unread = 2 * MAX_UNSENT_BYTES + 1
        client.sends(Opcode.PING, b"x")
        assert client.transport.aborted

    in_a_loop(test)


def test_no_timer_keeps_an_ended_connection_alive() -> None:
    def test(client: Client) -> None:
        client.socket.close(1000, "")
        client.sends(Opcode.PING, b"x")
        client.socket.connection_lost(None)
        timer = client.socket._closing
        assert timer is not None
        assert timer.cancelled()

    in_a_loop(test)


def test_empty_frames_of_a_message_are_not_kept() -> None:
    """They may repeat endlessly, and do not count towards the message's size."""
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
