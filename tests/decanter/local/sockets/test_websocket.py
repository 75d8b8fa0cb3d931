"""One client's socket, on a transport that keeps what is written."""

import asyncio
import tracemalloc
from collections.abc import Callable

from websockets.frames import Close, Frame, Opcode

from decanter.local.sockets.websocket import MAX_UNANSWERED, MAX_UNSENT_BYTES, WebSocket
from tests.support.sockets import FakeTransport


class Client:
    """A socket taken over from its handshake, and what it told the gateway."""

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


def test_who_closes_first_says_why() -> None:
    """The client answers our 1003 with a code of its own."""

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


def test_nothing_is_taken_after_our_close() -> None:
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


def test_many_messages_that_come_at_once_are_handed_over_one_for_each_that_is_answered() -> None:
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


def test_what_a_client_said_before_its_close_is_handed_over_before_its_end() -> None:
    def test(client: Client) -> None:
        close = Frame(Opcode.CLOSE, Close(1000, "").serialize()).serialize(mask=True)
        client.socket.data_received(texts(MAX_UNANSWERED + 2) + close)
        client.socket.connection_lost(None)
        assert len(client.messages) == MAX_UNANSWERED + 2
        assert client.ends == [(1000, "")]

    in_a_loop(test)


def test_what_waits_when_we_close_is_dropped() -> None:
    def test(client: Client) -> None:
        client.socket.data_received(texts(MAX_UNANSWERED + 2))
        client.socket.close(1000, "")
        client.socket.answered()
        client.socket.connection_lost(None)
        assert len(client.messages) == MAX_UNANSWERED

    in_a_loop(test)


def test_a_full_buffer_takes_nothing_and_an_emptier_one_again() -> None:
    def test(client: Client) -> None:
        client.transport.unread = MAX_UNSENT_BYTES
        assert (client.socket.send(b"x"), client.socket.is_clogged) == (False, True)
        client.transport.unread = 0
        assert (client.socket.send(b"x"), client.socket.is_clogged) == (True, False)

    in_a_loop(test)


def test_pongs_that_nobody_reads_end_the_connection() -> None:
    def test(client: Client) -> None:
        client.transport.unread = 2 * MAX_UNSENT_BYTES + 1
        client.sends(Opcode.PING, b"x")
        assert client.transport.aborted

    in_a_loop(test)


def test_a_connection_that_has_ended_is_kept_alive_by_no_timer() -> None:
    def test(client: Client) -> None:
        client.socket.close(1000, "")
        client.sends(Opcode.PING, b"x")
        client.socket.connection_lost(None)
        timer = client.socket._closing
        assert timer is not None
        assert timer.cancelled()

    in_a_loop(test)


def test_empty_frames_of_a_message_are_not_kept() -> None:
    """They may come without end, and count nothing towards the message's size."""
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
