"""Errors that a test gets if an expectation fails.

AssertionError ├─ ConnectRefused    the handshake's status is not 101 ├─ ConnectionClosed  the
connection has ended, and all of its frames are received ├─ NoFrame           there is no frame to
receive ├─ CallRefused       a call to AWS would have left this machine └─ UnreadFrames      the
test has ended, and frames were not received
"""

from collections.abc import Mapping


class ConnectRefused(AssertionError):
    """The client may not connect.

    Attributes:
        status: the HTTP status of the answer.
        body: the answer's body.
        raised: the connect handler's exception; empty if there was none.
    """

    def __init__(self, status: int, body: Mapping[str, str], raised: str = "") -> None:
        super().__init__(status, body, raised)
        self.status = status
        self.body = body
        self.raised = raised

    def __str__(self) -> str:
        hint = f"; the handler raised {self.raised}" if self.raised else ""
        message = self.body.get("message", "")
        return f"the handshake was answered with {self.status} {message}{hint}"


class ConnectionClosed(AssertionError):
    """The connection has ended.

    Attributes:
        code: the close code; 1006 if the socket was lost.
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
    """There is no frame to receive. Every handler has run, so none will come."""

    def __init__(self, who: str, raised: str) -> None:
        super().__init__(who, raised)
        self.who = who
        self.raised = raised

    def __str__(self) -> str:
        hint = f"; the last handler raised {self.raised}" if self.raised else ""
        return f"{self.who} has no frame to receive{hint}"


_REMEDIES = {
    "dynamodb": "An open WebSocketClient provides the app's tables to boto3 and PynamoDB",
    "execute-api": "An open WebSocketClient answers boto3's calls to @connections; "
    "other libraries find it at AWS_ENDPOINT_URL_APIGATEWAYMANAGEMENTAPI",
    "credentials": "Set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY to any text",
}
_MOCK = "Mock it with moto's mock_aws or botocore's Stubber"


class CallRefused(AssertionError):
    """A call to AWS would have left this machine; nothing was sent.

    Attributes:
        call: the service and the operation, as far as they are known.
        host: the host of the call.
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
            f"{self.call} to {self.host} was refused: a test's calls to AWS stay on this machine. "
            f"{remedy}, or allow it: with decanter.testing.aws_allowed({self.host!r})"
        )


def _service_of(host: str) -> str:
    if host.replace(".", "").isdigit() or ":" in host:
        return "credentials"  # only AWS's credential services are called by address
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
        return "frames that were not received:\n" + "\n".join(lines)
