"""Reading from sockets a little at a time, so that none of them keeps the others waiting."""

import asyncio

READ_BYTES = 32 * 1024
"""Most that is read of one socket before the next one's turn: tiny frames, too, take time."""

_buffer = memoryview(bytearray(READ_BYTES))
"""For all sockets: what is read is handed over before anything else is."""


class Reader(asyncio.BufferedProtocol):
    """A protocol whose `data_received` gets pieces of at most `READ_BYTES`."""

    def get_buffer(self, sizehint: int) -> memoryview:
        """Where the next bytes are to be put."""
        return _buffer

    def buffer_updated(self, nbytes: int) -> None:
        """So many bytes are there."""
        self.data_received(bytes(_buffer[:nbytes]))

    def data_received(self, data: bytes) -> None:
        """Bytes have come in."""
        raise NotImplementedError
