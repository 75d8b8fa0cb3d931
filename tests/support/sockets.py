"""Hand-written fakes around the gateway's core."""

import asyncio
from dataclasses import dataclass, field


@dataclass
class FakeClock:
    """A clock that a test moves."""

    now: float = 1_700_000_000.0

    def __call__(self) -> float:
        return self.now


@dataclass
class FakeOutlet:
    """A client that records its frames, and may have stopped reading."""

    is_clogged: bool = False
    sent: list[bytes] = field(default_factory=list)
    ended: list[tuple[int, str] | str] = field(default_factory=list)

    def send(self, data: bytes) -> bool:
        if self.is_clogged:
            return False
        self.sent.append(data)
        return True

    def close(self, code: int, reason: str) -> None:
        self.ended.append((code, reason))

    def abort(self) -> None:
        self.ended.append("aborted")


class FakeTransport(asyncio.Transport):
    """Records written bytes; `unread` of them still wait for the client."""

    def __init__(self) -> None:
        super().__init__()
        self.written = bytearray()
        self.unread = 0
        self.reading = True
        self.aborted = False
        self.ended = False

    def set_protocol(self, protocol: asyncio.BaseProtocol) -> None:
        pass

    def write(self, data: bytes | bytearray | memoryview) -> None:
        self.written += data

    def can_write_eof(self) -> bool:
        return True

    def write_eof(self) -> None:
        self.ended = True

    def get_write_buffer_size(self) -> int:
        return self.unread

    def pause_reading(self) -> None:
        self.reading = False

    def resume_reading(self) -> None:
        self.reading = True

    def abort(self) -> None:
        self.aborted = True
