"""The gateway's messages to the process of the embedded DynamoDB: faults and roles.

`server.py` loads this file by its path.
"""

import json
import os
import select
import threading
from typing import Any

READ_BYTES = 64 * 1024


class Parent:
    """Reads the gateway's messages from a pipe, and ends the process after the gateway has ended.

    The messages change the `faults` and `rights` of the server.
    """

    def __init__(self, descriptor: int, server: Any) -> None:
        self._descriptor = descriptor
        self._server = server
        server.rights.before = self.hear
        self._unread = b""
        self._reading = threading.Lock()

    def follow(self) -> None:
        """Read messages when they arrive."""
        while True:
            select.select([self._descriptor], [], [])
            self.hear()

    def hear(self) -> None:
        """Apply all messages that have arrived, so that they affect the next call."""
        with self._reading:
            while select.select([self._descriptor], [], [], 0)[0]:
                data = os.read(self._descriptor, READ_BYTES)
                if not data:
                    os._exit(0)
                *lines, self._unread = (self._unread + data).split(b"\n")
                for line in lines:
                    self._obey(json.loads(line))

    def _obey(self, message: dict[str, Any]) -> None:
        if "rights" in message:
            self._server.rights.guard.obey(message["rights"])
        else:
            self._server.faults.obey(message)
