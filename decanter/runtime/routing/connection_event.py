"""A client that asks to connect, for the hooks that may let it in, tell it apart, or refuse it."""

from collections.abc import Mapping
from typing import Any

from decanter.runtime.errors import DecanterError

_SUBPROTOCOL = "Sec-WebSocket-Protocol"


class Refused(DecanterError):  # noqa: N818 - the client's fate, not an error of the program
    """Raised by a connect hook: the client gets this HTTP status and is not connected.

    Attributes:
        status: 400 to 599.
        reason: for the log; API Gateway sends it to nobody.
    """

    def __init__(self, status: int = 403, reason: str = "") -> None:
        super().__init__(status, reason)
        if not 400 <= status <= 599:
            raise ValueError(f"a connection is refused with a status of 400 to 599, not {status}")
        self.status = status
        self.reason = reason

    def __str__(self) -> str:
        return self.reason or f"status {self.status}"


class Handshake:
    """What a client says when it connects.

    It cannot be sent to yet: until the handler has returned, API Gateway answers posts with 410.

    Attributes:
        event: of `$connect`, as API Gateway sent it.
        connection_id: the id that it will have.
        headers: the last value of each, by its name in small letters.
        query: the last value of each parameter.
        source_ip: the client's address.
        subprotocols: those it offers, its favourite first.
        attributes: the application's own, for the connection's row.
    """

    def __init__(
        self, event: Mapping[str, Any], attributes: Mapping[str, Any] | None = None
    ) -> None:
        context = event["requestContext"]
        headers: Mapping[str, str] = event.get("headers") or {}
        self.event = event
        self.connection_id: str = context["connectionId"]
        self.headers = {name.lower(): value for name, value in headers.items()}
        self.query: Mapping[str, str] = event.get("queryStringParameters") or {}
        self.source_ip: str = context.get("identity", {}).get("sourceIp", "")
        self.subprotocols = self._offered()
        self.attributes: dict[str, Any] = dict(attributes or {})
        self._subprotocol: str | None = None

    @property
    def subprotocol(self) -> str | None:
        """The subprotocol that the connection will speak; None for none."""
        return self._subprotocol

    @subprotocol.setter
    def subprotocol(self, chosen: str | None) -> None:
        """Choose one.

        Raises:
            ValueError: the client did not offer it, and would close the connection.
        """
        if chosen is not None and chosen not in self.subprotocols:
            raise ValueError(f"subprotocol {chosen!r} is none of those offered")
        self._subprotocol = chosen

    @property
    def response(self) -> dict[str, Any]:
        """The handler's response, which lets the client in."""
        if self._subprotocol is None:
            return {"statusCode": 200}
        return {"statusCode": 200, "headers": {_SUBPROTOCOL: self._subprotocol}}

    def _offered(self) -> list[str]:
        """From every header of that name: a client may send one a subprotocol."""
        several: Mapping[str, list[str]] = self.event.get("multiValueHeaders") or {}
        lines = [
            line
            for name, values in several.items()
            if name.lower() == _SUBPROTOCOL.lower()
            for line in values
        ] or [self.headers.get(_SUBPROTOCOL.lower(), "")]
        return [word.strip() for line in lines for word in line.split(",") if word.strip()]
