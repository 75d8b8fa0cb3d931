"""Reads small pieces from each socket, so that one socket does not block the others."""

import asyncio

READ_BYTES = 32 * 1024
"""The maximum size of one read. It is small, because many tiny frames take time to process."""

_buffer = memoryview(bytearray(READ_BYTES))
"""The buffer that all sockets share. Its bytes are processed before the next read."""


class Reader(asyncio.BufferedProtocol):
    """A protocol whose `data_received` gets pieces of at most `READ_BYTES`."""

    def get_buffer(self, sizehint: int) -> memoryview:
        """Return the buffer for the next bytes."""
        return _buffer

    def buffer_updated(self, nbytes: int) -> None:
        """Pass the bytes in the buffer to `data_received`."""
        self.data_received(bytes(_buffer[:nbytes]))

    def data_received(self, data: bytes) -> None:
        """Read received bytes."""
        raise NotImplementedError
