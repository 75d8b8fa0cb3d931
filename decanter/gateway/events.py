"""The events that API Gateway sends to WebSocket handlers, with their ids and times.

Sources: API Gateway Developer Guide, "WebSocket API mapping template reference" and "Set up
WebSocket API integration requests"; the members and their letter case come from events that were
logged on AWS.
"""

import base64
import os
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qsl

API_ID = "localapi00"
"""The id of the local API: ten letters and digits, as on AWS."""

MONTHS = "JanFebMarAprMayJunJulAugSepOctNovDec"

Event = dict[str, Any]
Clock = Callable[[], float]
"""Returns a time in seconds. The clock of an `EventMaker` returns seconds since the epoch."""

MakeId = Callable[[], str]


def new_id() -> str:
    """Return an id for a connection, request or message: 11 random bytes in URL-safe base64."""
    return base64.urlsafe_b64encode(os.urandom(11)).decode()


def milliseconds(seconds: float) -> int:
    """Return epoch seconds as whole epoch milliseconds."""
    return int(seconds * 1000)


def clf_time(epoch_milliseconds: int) -> str:
    """Return a time in the format of `requestTime`, in UTC: `19/Feb/2024:07:21:46 +0000`."""
    moment = time.gmtime(epoch_milliseconds // 1000)
    month = MONTHS[3 * moment.tm_mon - 3 : 3 * moment.tm_mon]
    return time.strftime(f"%d/{month}/%Y:%H:%M:%S +0000", moment)


def iso_time(epoch_milliseconds: int) -> str:
    """Return a time in the format of GET @connections: `2024-02-19T07:21:46.123Z`."""
    seconds, rest = divmod(epoch_milliseconds, 1000)
    return time.strftime(f"%Y-%m-%dT%H:%M:%S.{rest:03d}Z", time.gmtime(seconds))


@dataclass(frozen=True, slots=True)
class Handshake:
    """A client's request to open a connection.

    Attributes:
        headers: the names and values in order; names have the client's letter case.
        query: the raw query string, without the question mark.
        port: the port that the gateway listens on.
        path: the path of the URL, without a slash at either end.
    """

    headers: tuple[tuple[str, str], ...] = ()
    query: str = ""
    host: str = "127.0.0.1"
    source_ip: str = "127.0.0.1"
    port: int = 80
    path: str = ""

    def header(self, name: str) -> str | None:
        """Return the last value of a header, or None. The letter case of the name is ignored."""
        values = [value for key, value in self.headers if key.lower() == name.lower()]
        return values[-1] if values else None


@dataclass(frozen=True, slots=True)
class Identity:
    """The member `identity` in all events of a connection."""

    source_ip: str
    user_agent: str | None = None

    def to_dict(self) -> dict[str, str]:
        """Return the identity as in an event, without `userAgent` if the client sent none."""
        agent = {} if self.user_agent is None else {"userAgent": self.user_agent}
        return {**agent, "sourceIp": self.source_ip}


def multi(pairs: Iterable[tuple[str, str]]) -> dict[str, list[str]]:
    """Return all values of each name, in order."""
    values: dict[str, list[str]] = {}
    for name, value in pairs:
        values.setdefault(name, []).append(value)
    return values


def last(values: dict[str, list[str]]) -> dict[str, str]:
    """Return the last value of each name."""
    return {name: several[-1] for name, several in values.items()}


@dataclass(frozen=True, slots=True)
class ConnectionContext:
    """The values that all events of a connection share. `connected_at` is epoch milliseconds."""

    connection_id: str
    connected_at: int
    identity: Identity


@dataclass(slots=True)
class EventMaker:
    """Creates the events of one API stage.

    Attributes:
        mapping: the API mapping key of a custom domain; empty without such a domain. The key is a
            second path of the socket. As on AWS, the header names of handshakes at this path are
            in lower case if the key has several levels ("Map API stages to a custom domain name for
            WebSocket APIs").
    """

    stage: str
    domain_name: str
    clock: Clock = time.time
    make_id: MakeId = new_id
    api_id: str = API_ID
    mapping: str = ""

    @property
    def paths(self) -> tuple[str, ...]:
        """The paths of the socket, without a slash at either end."""
        return (self.stage, self.mapping) if self.mapping else (self.stage,)

    def connect(self, context: ConnectionContext, handshake: Handshake) -> Event:
        """Return the CONNECT event, with the handshake's headers and query."""
        sent = self._headers(handshake)
        if handshake.path == self.mapping and "/" in self.mapping:
            sent = [(name.lower(), value) for name, value in sent]
        headers = multi(sent)
        query = multi(parse_qsl(handshake.query, keep_blank_values=True))
        with_query = (
            {"queryStringParameters": last(query), "multiValueQueryStringParameters": query}
            if query
            else {}
        )
        return {
            "headers": last(headers),
            "multiValueHeaders": headers,
            **with_query,
            "requestContext": self._request_context(context, "CONNECT", "$connect"),
            "isBase64Encoded": False,
        }

    def message(self, context: ConnectionContext, route_key: str, body: str) -> Event:
        """Return the MESSAGE event, with the unchanged body and without headers."""
        request_context = self._request_context(context, "MESSAGE", route_key)
        request_context["messageId"] = self.make_id()
        return {"requestContext": request_context, "body": body, "isBase64Encoded": False}

    def disconnect(self, context: ConnectionContext, code: int, reason: str) -> Event:
        """Return the DISCONNECT event, with the four headers that API Gateway adds."""
        headers = {
            "Host": self.domain_name,
            "x-api-key": "",
            "X-Forwarded-For": "",
            "x-restapi": "",
        }
        request_context = self._request_context(context, "DISCONNECT", "$disconnect")
        request_context["disconnectStatusCode"] = code
        request_context["disconnectReason"] = reason
        return {
            "headers": headers,
            "multiValueHeaders": {name: [value] for name, value in headers.items()},
            "requestContext": request_context,
            "isBase64Encoded": False,
        }

    def _headers(self, handshake: Handshake) -> list[tuple[str, str]]:
        dropped = {"connection", "upgrade"}
        kept = [(name, value) for name, value in handshake.headers if name.lower() not in dropped]
        root = f"{int(self.clock()):08x}-{os.urandom(12).hex()}"
        return [
            *kept,
            ("X-Amzn-Trace-Id", f"Root=1-{root}"),
            ("X-Forwarded-For", handshake.source_ip),
            ("X-Forwarded-Port", str(handshake.port)),
            ("X-Forwarded-Proto", "http"),
        ]

    def _request_context(
        self, context: ConnectionContext, event_type: str, route_key: str
    ) -> dict[str, Any]:
        request_id = self.make_id()
        # If the clock was set back, an event must still not precede its own connection.
        now = max(milliseconds(self.clock()), context.connected_at)
        return {
            "routeKey": route_key,
            "eventType": event_type,
            "extendedRequestId": request_id,
            "requestTime": clf_time(now),
            "messageDirection": "IN",
            "stage": self.stage,
            "connectedAt": context.connected_at,
            "requestTimeEpoch": now,
            "identity": context.identity.to_dict(),
            "requestId": request_id,
            "domainName": self.domain_name,
            "connectionId": context.connection_id,
            "apiId": self.api_id,
        }
