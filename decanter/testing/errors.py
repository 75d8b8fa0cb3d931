"""What a test is told when something is not as it expects.

AssertionError
 ├─ ConnectRefused    the handshake was answered with another status than 101
 ├─ ConnectionClosed  the connection has ended, and all of its frames are read
 ├─ NoFrame           nothing has arrived that is not read yet
 ├─ CallRefused       a call to AWS would have left this machine
 └─ UnreadFrames      a test is over, and frames that it did not expect are not read
"""

from collections.abc import Mapping


class ConnectRefused(AssertionError):
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


class ConnectionClosed(AssertionError):
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


class NoFrame(AssertionError):
    """There is nothing to receive, and as every handler has run, nothing more will come."""

    def __init__(self, who: str, raised: str) -> None:
        super().__init__(who, raised)
        self.who = who
        self.raised = raised

    def __str__(self) -> str:
        hint = f"; the last handler raised {self.raised}" if self.raised else ""
        return f"{self.who} has no frame to receive{hint}"


_REMEDIES = {
    "dynamodb": "While a WebSocketClient is open, boto3 and PynamoDB find the app's tables in it",
    "execute-api": "While a WebSocketClient is open, boto3's calls to @connections end in it, and "
    "others find it at AWS_ENDPOINT_URL_APIGATEWAYMANAGEMENTAPI",
    "credentials": "Set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY to any text",
}
_MOCK = "Mock it with moto's mock_aws or botocore's Stubber"


class CallRefused(AssertionError):
    """A call to AWS would have left this machine; nothing has been sent.

    Attributes:
        call: the service and the operation, as far as they are known.
        host: where it would have gone.
        service: the first part of the service's own host name.
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
            f"{remedy}, or let it out: with decanter.testing.aws_allowed({self.host!r})"
        )


def _service_of(host: str) -> str:
    if host.replace(".", "").isdigit() or ":" in host:
        return "credentials"  # AWS calls by their addresses only what gives out credentials
    return next((label for label in host.split(".") if label in _REMEDIES), "")


class UnreadFrames(AssertionError):
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
