"""The protocol's codes, and the code for each `MessageError`.

Source: Centrifugo's documentation, "Client protocol codes".

- An error answers one command. After a temporary error, the client can repeat the command. After
  error 109, it gets a new token first.
- An unsubscribe push ends a subscription. With a code of 2500 or more, the client subscribes again.
- A disconnect push ends the connection. With a code from 3000 to 3499 or from 4000 to 4499, the
  client reconnects. With any other code, it does not.
"""

from decanter.runtime.errors import DecanterError, MessageError

INTERNAL = 100
UNAUTHORIZED = 101
UNKNOWN_CHANNEL = 102
PERMISSION_DENIED = 103
METHOD_NOT_FOUND = 104
LIMIT_EXCEEDED = 106
BAD_REQUEST = 107
NOT_AVAILABLE = 108
TOKEN_EXPIRED = 109
EXPIRED = 110
TOO_MANY_REQUESTS = 111

TEXTS = {
    INTERNAL: "internal server error",
    UNAUTHORIZED: "unauthorized",
    UNKNOWN_CHANNEL: "unknown channel",
    PERMISSION_DENIED: "permission denied",
    METHOD_NOT_FOUND: "method not found",
    LIMIT_EXCEEDED: "limit exceeded",
    BAD_REQUEST: "bad request",
    NOT_AVAILABLE: "not available",
    TOKEN_EXPIRED: "token expired",
    EXPIRED: "expired",
    TOO_MANY_REQUESTS: "too many requests",
}

TEMPORARY = {INTERNAL, TOO_MANY_REQUESTS}

UNSUBSCRIBED = 2000
SUBSCRIPTION_EXPIRED = 2501

CONNECTION_EXPIRED = 3005
FORCE_RECONNECT = 3011
INVALID_TOKEN = 3500
BAD_FRAME = 3501
STALE = 3502
FORCE_DISCONNECT = 3503

REASONS = {
    UNSUBSCRIBED: "unsubscribed",
    SUBSCRIPTION_EXPIRED: "subscription expired",
    CONNECTION_EXPIRED: "connection expired",
    FORCE_RECONNECT: "force reconnect",
    INVALID_TOKEN: "invalid token",
    BAD_FRAME: "bad request",
    STALE: "stale",
    FORCE_DISCONNECT: "force disconnect",
}

_CODES = {
    "unknown_route": METHOD_NOT_FOUND,
    "invalid_payload": BAD_REQUEST,
    "missing_data": BAD_REQUEST,
    "bad_json": BAD_REQUEST,
    "not_an_object": BAD_REQUEST,
    "forbidden": PERMISSION_DENIED,
    "too_large": LIMIT_EXCEEDED,
    "rate_limited": TOO_MANY_REQUESTS,
    "internal": INTERNAL,
}
LEAST_OWN = 400
"""The first code of an application's own errors."""


class ReplyError(DecanterError):
    """The error that answers one command.

    Attributes:
        code: a code of the protocol, or a code of the application from 400 on.
        text: the message, for people.
        temporary: True if the same command may succeed later.
    """

    def __init__(self, code: int, text: str = "", *, temporary: bool | None = None) -> None:
        super().__init__(code, text)
        if not isinstance(code, int):
            raise TypeError(f"the code of an error is a whole number, not {code!r}")
        self.code = code
        self.text = text or TEXTS.get(code, "error")
        self.temporary = code in TEMPORARY if temporary is None else temporary

    def __str__(self) -> str:
        return f"{self.code} {self.text}"


class Disconnect(DecanterError):
    """Ends a connection with a code and a reason.

    Attributes:
        code: 3000 to 4999; the code determines whether the client reconnects.
        reason: the reason, for people.
    """

    def __init__(self, code: int, reason: str = "") -> None:
        super().__init__(code, reason)
        if code not in range(3000, 5000):
            raise ValueError(f"a disconnect code is from 3000 to 4999, not {code!r}")
        self.code = code
        self.reason = reason or REASONS.get(code, "disconnected")

    def __str__(self) -> str:
        return f"{self.code} {self.reason}"


def reply_error(error: MessageError) -> ReplyError:
    """Return the protocol's error for an error of the framework or of the application.

    The code of an application's own error is the error's attribute `number`; the default is 400.
    """
    code = _CODES.get(error.code, getattr(error, "number", LEAST_OWN))
    return ReplyError(code, str(error), temporary=error.temporary)
