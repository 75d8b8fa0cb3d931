"""The errors that the test client and the block of calls to AWS raise in tests.

AssertionError
 ├─ ConnectRefused    the handshake's status is not 101
 ├─ ConnectionClosed  a send or a receive fails, because the connection is closed
 ├─ NoFrame           there is no frame to receive
 ├─ CommandRefused    the reply to a channel client's command is an error
 ├─ CallRefused       a call to AWS would have left this machine
 └─ UnreadFrames      at the end of a test, there are frames that the test has not received
"""

from collections.abc import Mapping, Sequence
from typing import Any

from decanter.aws_hosts import gives_credentials


class ConnectRefused(AssertionError):
    """The connection is refused.

    Attributes:
        status: the HTTP status of the answer.
        body: the JSON body of the answer.
        raised: the connect handler's exception as text, or "".
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


class ConnectionClosed(AssertionError):
    """The connection is closed.

    Attributes:
        code: the close code; 1006 if no close frame was sent.
        reason: the close reason.
    """

    def __init__(self, who: str, code: int, reason: str) -> None:
        super().__init__(who, code, reason)
        self.who = who
        self.code = code
        self.reason = reason

    def __str__(self) -> str:
        return f"{self.who} is closed: {self.code} {self.reason}".rstrip()


class NoFrame(AssertionError):
    """No frame is left to receive. Waiting does not help, because every handler has run."""

    def __init__(self, who: str, raised: str, what: str = "no frame to receive") -> None:
        super().__init__(who, raised, what)
        self.who = who
        self.raised = raised
        self.what = what

    def __str__(self) -> str:
        hint = f"; the last handler raised {self.raised}" if self.raised else ""
        return f"{self.who} has {self.what}{hint}"


class CommandRefused(AssertionError):
    """The reply to a command is an error.

    Attributes:
        command: the command's method, such as `subscribe`.
        code: the error code. Codes of 400 and above belong to the app; lower codes belong to the
            protocol.
        message: the error's text.
        temporary: True if the client should repeat the command.
    """

    def __init__(self, who: str, command: str, error: Mapping[str, Any]) -> None:
        super().__init__(who, command, error)
        self.who = who
        self.command = command
        self.code: int = error["code"]
        self.message: str = error.get("message", "")
        self.temporary: bool = error.get("temporary", False)

    def __str__(self) -> str:
        return f"{self.command} of {self.who} is refused: {self.code} {self.message}".rstrip()


_REMEDIES = {
    "dynamodb": "Open a WebSocketClient: it has the app's tables, for boto3 and PynamoDB",
    "execute-api": "Open a WebSocketClient: it answers boto3's calls to @connections; for other "
    "libraries it sets AWS_ENDPOINT_URL_APIGATEWAYMANAGEMENTAPI",
    "credentials": "Set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY to any text",
}
_MOCK = "Mock it with moto's mock_aws or botocore's Stubber"


class CallRefused(AssertionError):
    """A call to AWS was not sent, because it would have left this machine.

    Attributes:
        call: the service and the operation, if they are known.
        host: the host of the call.
        service: the prefix of the service in host names, `credentials`, or "" if unknown.
    """

    def __init__(self, call: str, host: str, service: str = "") -> None:
        super().__init__(call, host, service)
        self.call = call
        self.host = host
        self.service = service or _service_of(host)

    def __str__(self) -> str:
        remedy = _REMEDIES.get(self.service, _MOCK)
        return (
            f"{self.call} to {self.host} is refused: a test's calls to AWS stay on this machine. "
            f"{remedy}, or allow the call: with decanter.testing.aws_allowed({self.host!r})"
        )


def _service_of(host: str) -> str:
    if gives_credentials(host):
        return "credentials"
    return next((label for label in host.split(".") if label in _REMEDIES), "")


class UnreadFrames(AssertionError):
    """The test has ended, but it has not received all frames that have arrived.

    Attributes:
        frames: the unread frames of each client, by the client's name.
    """

    def __init__(self, frames: Mapping[str, list[str]]) -> None:
        super().__init__(frames)
        self.frames = frames

    def __str__(self) -> str:
        lines = [f"  {who}: {frame}" for who, frames in self.frames.items() for frame in frames]
        return "frames that the test did not receive:\n" + "\n".join(lines)


def report(
    error: BaseException | None,
    unseen: Sequence[BaseException],
    unread: Mapping[str, list[str]],
    raised: Sequence[BaseException],
) -> None:
    """Report unseen exceptions and unread frames at the end of a test.

    The error of a failed test gets the report as notes. After a success, raise the first exception
    in `unseen`. If `unseen` is empty, raise `UnreadFrames` for the unread frames. `unseen` has the
    exceptions that no client and no test has seen. `unread` has the frames by the client's name.
    `raised` has all exceptions of the app's functions.
    """
    __tracebackhide__ = True
    if error is not None:
        notes = [f"{type(each).__name__}: {each}" for each in unseen]
        for note in [*notes, *([str(UnreadFrames(unread))] if unread else [])]:
            error.add_note(note)
    elif unseen:
        raise unseen[0]
    elif unread:
        raise UnreadFrames(unread) from (raised[-1] if raised else None)
