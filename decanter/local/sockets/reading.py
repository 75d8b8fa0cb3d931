"""Reads small pieces from each socket, so that one socket does not block the others."""

import asyncio

READ_BYTES = 32 * 1024
"""The maximum number of bytes per read of a socket. Many tiny frames take time."""

_buffer = memoryview(bytearray(READ_BYTES))
"""The buffer of all sockets. Bytes are handed over before the next read."""


class Reader(asyncio.BufferedProtocol):
    """A protocol whose `data_received` gets pieces of at most `READ_BYTES`."""

    def get_buffer(self, sizehint: int) -> memoryview:
        """Return the buffer for the next bytes."""
        return _buffer

    def buffer_updated(self, nbytes: int) -> None:
        """Hand over the bytes in the buffer."""
        self.data_received(bytes(_buffer[:nbytes]))

    def data_received(self, data: bytes) -> None:
        """Read received bytes."""
        raise NotImplementedError
