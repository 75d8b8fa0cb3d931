"""What a test is told when something is not as it expects.

AssertionError
 ├─ ConnectRefused    the handshake was answered with another status than 101
 ├─ ConnectionClosed  the connection has ended, and all of its frames are read
 ├─ NoFrame           nothing has arrived that is not read yet
 └─ UnreadFrames      a test is over, and frames that it did not expect are not read
"""

from collections.abc import Mapping


class ConnectRefused(AssertionError):  # noqa: N818 - named as what happened
    """The client may not connect.

    Attributes:
        status: the HTTP status of the answer.
        body: the answer's.
        raised: what the connect handler raised, empty if it did not.
    """

    def __init__(self, status: int, body: Mapping[str, str], raised: str = "") -> None:
        super().__init__(status, body, raised)
        self.status = status
        self.body = body
        self.raised = raised

    def __str__(self) -> str:
        hint = f"; the handler raised {self.raised}" if self.raised else ""
        message = self.body.get("message", "")
        return f"the handshake is answered with {self.status} {message}{hint}"


class ConnectionClosed(AssertionError):  # noqa: N818 - named as what happened
    """The connection has ended.

    Attributes:
        code: of the close; 1006 when the socket was lost.
        reason: of the close.
    """

    def __init__(self, who: str, code: int, reason: str) -> None:
        super().__init__(who, code, reason)
        self.who = who
        self.code = code
        self.reason = reason

    def __str__(self) -> str:
        return f"{self.who} is closed: {self.code} {self.reason}".rstrip()


class NoFrame(AssertionError):  # noqa: N818 - named as what happened
    """There is nothing to receive, and as every handler has run, nothing more will come."""

    def __init__(self, who: str, raised: str) -> None:
        super().__init__(who, raised)
        self.who = who
        self.raised = raised

    def __str__(self) -> str:
        hint = f"; the last handler raised {self.raised}" if self.raised else ""
        return f"{self.who} has no frame to receive{hint}"


class UnreadFrames(AssertionError):  # noqa: N818 - named as what happened
    """Frames arrived that the test did not receive.

    Attributes:
        frames: by the client's description.
    """

    def __init__(self, frames: Mapping[str, list[str]]) -> None:
        super().__init__(frames)
        self.frames = frames

    def __str__(self) -> str:
        lines = [f"  {who}: {frame}" for who, frames in self.frames.items() for frame in frames]
        return "frames that nobody received:\n" + "\n".join(lines)
