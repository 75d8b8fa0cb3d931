"""The outcome of an invocation, and API Gateway's rules for a Lambda proxy result."""

import enum
import re
from dataclasses import dataclass
from typing import Any

PROXY_RESULT_KEYS = {"statusCode", "headers", "multiValueHeaders", "body", "isBase64Encoded"}

TOKEN = re.compile(r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+")
"""The syntax of a header's name, a method or a subprotocol (RFC 9110, section 5.6.2)."""


class Failure(enum.Enum):
    """The reason why an invocation has no result."""

    RAISED = enum.auto()
    """The handler raised an exception or did not run, or its result could not be serialized."""
    DIED = enum.auto()
    """The process ended while the handler ran, for example at the function's own timeout."""
    TIMED_OUT = enum.auto()
    """The integration timeout has passed. The handler may still be running."""


@dataclass(frozen=True, slots=True)
class Returned:
    """The result of a handler, which is any JSON value."""

    value: Any


Outcome = Returned | Failure


def is_proxy_result(value: Any) -> bool:
    """Return True if API Gateway accepts a value as a Lambda proxy result."""
    if not isinstance(value, dict) or not value.keys() <= PROXY_RESULT_KEYS:
        return False
    status = value.get("statusCode")
    if not isinstance(status, int) or isinstance(status, bool):
        return False
    single, several = value.get("headers"), value.get("multiValueHeaders")
    if not all(each is None or isinstance(each, dict) for each in (single, several)):
        return False
    return all(isinstance(values, list) for values in (several or {}).values())


def connect_status(outcome: Outcome) -> int:
    """Return the HTTP status of the handshake for a connect handler's outcome."""
    if outcome is Failure.TIMED_OUT:
        return 504
    if not isinstance(outcome, Returned) or not is_proxy_result(outcome.value):
        return 502
    status: int = outcome.value["statusCode"]
    chosen = header(outcome, "Sec-WebSocket-Protocol")
    if chosen is not None and not TOKEN.fullmatch(chosen):
        return 502
    return status if 200 <= status <= 599 else 502


def header(outcome: Outcome, name: str) -> str | None:
    """Return a header of a proxy result, or None. The letter case of the name is ignored."""
    if not isinstance(outcome, Returned):
        return None
    single = outcome.value.get("headers") or {}
    several = outcome.value.get("multiValueHeaders") or {}
    flat = [(key, value) for key, values in several.items() for value in values]
    found = [v for key, v in [*flat, *single.items()] if key.lower() == name.lower()]
    return str(found[-1]) if found else None
