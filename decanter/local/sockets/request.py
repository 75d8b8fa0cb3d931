"""An HTTP request as a value."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Request:
    """An HTTP request; header names in the client's own letter case."""

    method: str
    target: str
    headers: tuple[tuple[str, str], ...]
    body: bytes = b""
    source_ip: str = ""
    version: str = "1.1"

    @property
    def path(self) -> str:
        """The path as sent, still percent-encoded."""
        return self.target.partition("?")[0]

    @property
    def query(self) -> str:
        """The query string as sent."""
        return self.target.partition("?")[2]

    def header(self, name: str) -> str:
        """A header's last value, empty if there is none."""
        values = [value for key, value in self.headers if key.lower() == name]
        return values[-1] if values else ""

    @property
    def is_upgrade(self) -> bool:
        """Whether the client asks for a WebSocket, in a version of HTTP that has them."""
        return self.version == "1.1" and self.header("upgrade").lower() == "websocket"
