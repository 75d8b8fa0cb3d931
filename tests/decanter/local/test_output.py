import fcntl
import io
import os
from collections.abc import Iterator

import pytest

from decanter.local.output import Output
from tests.support.gateways import SECONDS

PIPE_BYTES = 4096


@pytest.fixture(name="pipe")
def _pipe() -> Iterator[tuple[int, io.TextIOWrapper]]:
    reading, writing = os.pipe()
    fcntl.fcntl(writing, fcntl.F_SETPIPE_SZ, PIPE_BYTES)
    with os.fdopen(writing, "w", encoding="ascii") as stream:
        yield reading, stream
    os.close(reading)


def lost(count: int) -> str:
    return f"{count} lost"


def read_until(descriptor: int, end: bytes) -> str:
    data = b""
    while end not in data:
        data += os.read(descriptor, PIPE_BYTES)
    return data.decode()


def test_texts_arrive_in_order_in_the_streams_encoding(
    pipe: tuple[int, io.TextIOWrapper],
) -> None:
    output = Output(pipe[1], lost)
    for text in ("one", "two\nthree", "vier é"):
        output.write(text)
    output.drain(SECONDS)
    assert os.read(pipe[0], PIPE_BYTES) == b"one\ntwo\nthree\nvier \\xe9\n"


def test_a_reader_that_stalls_costs_lines_and_no_time(
    pipe: tuple[int, io.TextIOWrapper],
) -> None:
    reading, stream = pipe
    output = Output(stream, lost, most=3)
    output.write("x" * 2 * PIPE_BYTES)
    for number in range(6):
        output.write(f"{number}\nsecond line")
    output.drain(0)
    written = read_until(reading, b"lost\n")
    assert written.splitlines()[1:] == ["0", "second line", "1", "second line", "8 lost"]
    output.write("after")
    assert read_until(reading, b"after\n") == "after\n"


def test_a_reader_that_has_gone_is_ignored() -> None:
    reading, writing = os.pipe()
    os.close(reading)
    with os.fdopen(writing, "w", encoding="utf-8") as stream:
        output = Output(stream, lost)
        output.write("one")
        output.write("two")
        output.drain(SECONDS)


def test_a_stream_in_memory_is_not_buffered() -> None:
    stream = io.StringIO()
    Output(stream, lost).write("one")
    assert stream.getvalue() == "one\n"
