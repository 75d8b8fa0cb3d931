"""The transports to @connections. The variable `DECANTER_TRANSPORT` selects a transport."""

from collections.abc import Callable

from decanter.runtime.clock import Backoff, Clock, full_jitter
from decanter.runtime.errors import SettingError
from decanter.runtime.settings import Settings
from decanter.runtime.transports.base import (
    Delivery,
    Outcome,
    Result,
    Transport,
    outcome_of,
)

__all__ = [
    "Delivery",
    "Outcome",
    "Result",
    "Transport",
    "open_transport",
    "outcome_of",
]


def _botocore(endpoint: str, settings: Settings, clock: Clock, backoff: Backoff) -> Transport:
    from decanter.runtime.transports.botocore import BotocoreTransport

    return BotocoreTransport(endpoint, settings, clock, backoff)


def _fast(endpoint: str, settings: Settings, clock: Clock, backoff: Backoff) -> Transport:
    from decanter.runtime.transports.fast.transport import FastTransport

    return FastTransport(endpoint, settings, clock, backoff)


TRANSPORTS: dict[str, Callable[[str, Settings, Clock, Backoff], Transport]] = {
    "botocore": _botocore,
    "fast": _fast,
}
"""The transports by name. Each transport imports its modules only when it is used."""


def transport_of(settings: Settings) -> Callable[[str, Settings, Clock, Backoff], Transport]:
    """Return the function that creates the transport that the settings name.

    Raises:
        SettingError: no transport has this name.
    """
    if settings.transport not in TRANSPORTS:
        names = " or ".join(sorted(TRANSPORTS))
        raise SettingError("DECANTER_TRANSPORT", settings.transport, f"set it to {names}")
    return TRANSPORTS[settings.transport]


def open_transport(
    endpoint: str,
    settings: Settings,
    clock: Clock | None = None,
    backoff: Backoff = full_jitter,
) -> Transport:
    """Return the transport that the settings name.

    Raises:
        SettingError: no transport has this name, or the region is unknown.
    """
    return transport_of(settings)(endpoint, settings, clock or Clock(), backoff)
