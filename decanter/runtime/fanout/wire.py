"""The form of an app's frames, and who gets them: raw here; an app with channels has its own."""

from collections.abc import Mapping
from typing import Any

from decanter.runtime.errors import ConfigurationError
from decanter.runtime.fanout.frame import Frame, text_of
from decanter.runtime.recipients import Connections, Recipient


class Wire:
    """The wire of a raw app."""

    def text_of(self, frame: Frame) -> str:
        """Return the text of a frame that the application sends."""
        return text_of(frame)

    def frame_of(self, value: Frame, channel: str = "") -> str:
        """Return the text of a frame for every connection, or for a channel.

        Args:
            value: as for `text_of`; a `Json` has a value's JSON text.
            channel: the channel; empty for none.

        Raises:
            ConfigurationError: the app has no such channel.
        """
        if channel:
            self.members(channel)
        return self.text_of(value)

    def order(self, method: str, payload: Mapping[str, Any], outbox: Any) -> None:
        """Do what another program asks for the connections of an identity.

        Raises:
            ConfigurationError: the app has no channels.
        """
        raise ConfigurationError(f"{method}: the app has no channels")

    def members(self, channel: str) -> Connections:
        """Return the connections that listen to a channel.

        Raises:
            ConfigurationError: the app has no channels.
        """
        raise ConfigurationError(
            f"channel {channel!r}: the router has no channels: declare one with @router.channel"
        )

    def farewell(self, recipient: Recipient) -> bytes | None:
        """Return a message for a connection that the sweep closes; None for no message."""
        return None
