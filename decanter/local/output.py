"""Write lines to a stream whose reader may be slow or may have ended.

The gateway does not wait for the reader, except in `drain`.
"""

import io
import os
import sys
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from threading import Condition, Thread
from typing import TextIO

MOST_WAITING = 10_000
"""The highest number of texts that wait for the reader. Further texts are lost."""


class Output:
    """Writes texts to a stream in order, in a thread. Each text gets a line end.

    If the stream has no file descriptor, such as one in memory, texts are written directly. After
    the reader has ended, for example after `| head`, texts are ignored. `lost` takes a number of
    lost lines, and returns the text that reports them.
    """

    def __init__(
        self, stream: TextIO, lost: Callable[[int], str], most: int = MOST_WAITING
    ) -> None:
        self._stream = stream
        self._lost_text = lost
        self._most = most
        self._descriptor = _descriptor(stream)
        self._waiting: deque[str] = deque()
        self._lost = 0
        self._is_gone = False
        self._changed = Condition()
        self._writer: Thread | None = None

    def write(self, text: str) -> None:
        """Queue a text, or drop the text if the queue is full."""
        if self._descriptor is None:
            with suppress(BrokenPipeError):
                print(text, file=self._stream, flush=True)
            return
        with self._changed:
            if len(self._waiting) >= self._most:
                self._lost += text.count("\n") + 1
                return
            self._waiting.append(text)
            self._changed.notify_all()
        if self._writer is None:
            self._writer = Thread(target=self._run, args=[self._descriptor], daemon=True)
            self._writer.start()

    def drain(self, seconds: float) -> None:
        """Wait until all texts are written, but at most this many seconds."""
        with self._changed:
            self._changed.wait_for(lambda: not self._waiting, seconds)

    def _run(self, descriptor: int) -> None:
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._waiting)
                texts = [*self._waiting]
                lost, self._lost = self._lost, 0
            if lost:
                texts.append(self._lost_text(lost))
            self._write_all(descriptor, "".join(f"{text}\n" for text in texts))
            with self._changed:
                for _ in range(len(texts) - bool(lost)):
                    self._waiting.popleft()
                self._changed.notify_all()

    def _write_all(self, descriptor: int, text: str) -> None:
        encoding = getattr(self._stream, "encoding", None) or sys.getdefaultencoding()
        left = memoryview(text.encode(encoding, errors="backslashreplace"))
        try:
            while left and not self._is_gone:
                left = left[os.write(descriptor, left) :]
        except OSError:
            self._is_gone = True


def _descriptor(stream: TextIO) -> int | None:
    try:
        return stream.fileno()
    except (AttributeError, io.UnsupportedOperation):
        return None
