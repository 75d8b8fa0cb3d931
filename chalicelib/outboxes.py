"""From an event to its outbox: settings are read once, a transport is kept for each endpoint."""

import os
from collections.abc import Callable, Mapping
from functools import cached_property
from typing import Any
from weakref import finalize

from .clock import Backoff, Clock
from .collector import collector_paused
from .deadline import deadline_of
from .endpoint import management_endpoint
from .outbox import Outbox
from .recipients import Connections
from .settings import Settings
from .transports import Transport
from .transports.protocol import Reach
from .workers import Workers

OpenTransport = Callable[[str, Settings], Transport]


class Outboxes:
    """Makes the outbox of each event, with what a process keeps from one to the next.

    Args:
        open_transport: from an endpoint and the settings to a transport.
        connections: the table.
        clock: the time.
        backoff: the pauses before a page of the table is read again.
    """

    def __init__(
        self,
        open_transport: OpenTransport,
        connections: Connections,
        clock: Clock,
        backoff: Backoff,
    ) -> None:
        self.open_transport = open_transport
        self._connections = connections
        self._clock = clock
        self._backoff = backoff
        self._workers = Workers(clock)
        self._transports: dict[tuple[str, Settings], Transport] = {}
        self._reaches: dict[str, Reach] = {}
        finalize(self, _shut_down, self._transports)

    @cached_property
    def settings(self) -> Settings:
        """The process's settings.

        Raises:
            SettingError: one has a value that cannot be.
        """
        return Settings.from_env(os.environ)

    def of(self, event: Mapping[str, Any], context: object) -> Outbox:
        """The outbox of an event.

        Raises:
            SettingError: a setting has a value that cannot be.
        """
        settings = self.settings

        def transport() -> Transport:
            return self.transport(management_endpoint(event["requestContext"], settings), settings)

        return Outbox(
            transport=transport,
            connections=self._connections,
            deadline=deadline_of(context, self._clock, settings.deadline_seconds),
            clock=self._clock,
            workers=self._workers,
            backoff=self._backoff,
            max_broadcast_bytes=settings.max_broadcast_bytes,
            metrics_namespace=settings.metrics_namespace,
        )

    def transport(self, endpoint: str, settings: Settings) -> Transport:
        """One for each endpoint and its settings, kept for the process's life.

        Those to one endpoint share what is known of it.
        """
        key = endpoint, settings
        if key not in self._transports:
            with collector_paused():
                transport = self.open_transport(endpoint, settings)
            transport.reach = self._reaches.setdefault(endpoint, transport.reach)
            self._transports[key] = transport
        return self._transports[key]


def _shut_down(transports: Mapping[Any, Transport]) -> None:
    """Let go of sockets, which would otherwise be reported as left open."""
    for transport in transports.values():
        transport.shutdown()
