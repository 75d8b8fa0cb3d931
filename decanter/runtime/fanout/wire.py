"""The form of frames in an app without channels. An app with channels has a `ChannelWire`."""

from collections.abc import Collection, Iterable, Mapping
from typing import Any

from decanter.runtime.errors import ConfigurationError
from decanter.runtime.fanout.frame import Frame, text_of
from decanter.runtime.fanout.report import Report
from decanter.runtime.recipients import Connections, Recipient


class Wire:
    """The wire of an app without channels."""

    def text_of(self, frame: Frame) -> str:
        """Return the text of a frame that the application sends."""
        return text_of(frame)

    def frame_of(self, value: Frame, channel: str = "") -> str:
        """Return the text of a frame for every connection, or for a channel.

        Raises:
            ConfigurationError: the channel is not empty, but the app has no channels.
        """
        if channel:
            self.members(channel)
        return self.text_of(value)

    def order(self, method: str, payload: Mapping[str, Any], outbox: Any) -> None:
        """Run another program's order for the connections of an identity.

        Raises:
            ConfigurationError: the app has no channels.
        """
        raise ConfigurationError(f"{method}: the app has no channels")

    def members(self, channel: str) -> Connections:
        """Return the members of a channel, as recipients.

        Raises:
            ConfigurationError: the app has no channels.
        """
        raise ConfigurationError(
            f"channel {channel!r}: the router has no channels: declare one with @router.channel"
        )

    def silent(self, connection_ids: Iterable[str]) -> Collection[str]:
        """Return the connections that must not get messages now."""
        return ()

    def send(self, outbox: Any, connection_ids: str | Iterable[str], frame: Frame) -> Report:
        """Send a frame to connections."""
        return self.send_text(outbox, connection_ids, self.text_of(frame))

    def send_text(self, outbox: Any, ids: str | Iterable[str], text: str) -> Report:
        """Send the text of a frame to connections.

        Connections that `silent` returns get nothing and count as pending.
        """
        given = [ids] if isinstance(ids, str) else [*ids]
        if not (silent := self.silent(given)):
            sent: Report = outbox.send(ids if isinstance(ids, str) else given, text)
            return sent
        report: Report = outbox.send([each for each in given if each not in silent], text)
        return report._replace(
            pending=report.pending + len(silent), failed_ids=(*report.failed_ids, *silent)
        )

    def farewell(self, recipient: Recipient) -> bytes | None:
        """Return a message for a connection that the sweep closes; None for no message."""
        return None
