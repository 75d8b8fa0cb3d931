"""Hand-written stand-ins for what surrounds the gateway's core."""

from dataclasses import dataclass, field


@dataclass
class FakeClock:
    """Seconds that pass when a test says so."""

    now: float = 1_700_000_000.0

    def __call__(self) -> float:
        return self.now


@dataclass
class FakeOutlet:
    """A client that keeps what it is sent, and may have stopped reading."""

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
