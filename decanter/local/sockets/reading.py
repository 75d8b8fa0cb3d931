"""Read from sockets in small pieces, so that no socket keeps the others waiting."""

import asyncio

READ_BYTES = 32 * 1024
"""The most bytes read from one socket before the next one's turn; tiny frames take time, too."""

_buffer = memoryview(bytearray(READ_BYTES))
"""One buffer for all sockets: data is handled before the next read."""


class Reader(asyncio.BufferedProtocol):
    """A protocol whose `data_received` gets pieces of at most `READ_BYTES`."""

    def get_buffer(self, sizehint: int) -> memoryview:
        """Return the buffer for the next bytes."""
        return _buffer

    def buffer_updated(self, nbytes: int) -> None:
        """Handle this number of bytes."""
        self.data_received(bytes(_buffer[:nbytes]))

    def data_received(self, data: bytes) -> None:
        """Bytes have arrived."""
        raise NotImplementedError
