"""Answers as servers write them: complete, in pieces and invalid."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from decanter.runtime.transports.fast.http1 import (
    MAX_ANSWER_BYTES,
    PLAIN,
    Answer,
    BadAnswerError,
    Endpoint,
    read_answer,
)

AWS = (
    b"HTTP/1.1 200 OK\r\nDate: Sat, 22 Nov 2025 10:00:00 GMT\r\nContent-Type: application/json\r\n"
    b"Content-Length: 0\r\nConnection: keep-alive\r\nx-amz-apigw-id: Xh3kEFFfIAMEb1w=\r\n\r\n"
)
GONE = (
    b"HTTP/1.1 410 Gone\r\ncontent-length: 2\r\n"
    b"x-amzn-ErrorType: GoneException:http://internal.amazon.com/\r\n\r\n{}"
)
CHUNKED = (
    b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
    b"4;name=value\r\nwiki\r\nA\r\n0123456789\r\n0\r\nX-Trailer: a\r\n\r\n"
)
CASES = [
    (AWS, PLAIN),
    (b"HTTP/1.1 200 OK\r\nContent-Length:0\r\n\r\n", PLAIN),
    (b"HTTP/1.1 204 No Content\r\n\r\n", Answer(204, "", b"", reusable=True)),
    (GONE, Answer(410, "GoneException", b"{}", reusable=True)),
    (b"HTTP/1.1 503 \r\nContent-Length: 1\r\n\r\nx", Answer(503, "", b"x", reusable=True)),
    (CHUNKED, Answer(200, "", b"wiki0123456789", reusable=True)),
    (
        b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: Close\r\n\r\n",
        Answer(200, "", b"", reusable=False),
    ),
    (
        b"HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nok",
        Answer(200, "", b"ok", reusable=False),
    ),
    (b"HTTP/1.1 100 Continue\r\n\r\n" + AWS, PLAIN),
    (b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n" * 3 + GONE, read_answer(GONE)),
]


@pytest.mark.parametrize(("data", "answer"), CASES)
def test_an_answer_is_complete_only_at_its_last_byte(data: bytes, answer: Answer) -> None:
    for end in range(len(data)):
        assert read_answer(data[:end]) is None
        with pytest.raises(BadAnswerError, match="closed before the answer was complete"):
            read_answer(data[:end], ended=True)
    assert read_answer(data) == answer


@pytest.mark.parametrize(("data", "answer"), CASES)
def test_a_connection_that_closes_or_sends_more_is_not_reused(data: bytes, answer: Answer) -> None:
    assert read_answer(data, ended=True) == answer._replace(reusable=False)
    assert read_answer(data + b"more") == answer._replace(reusable=False)


def test_without_a_length_the_body_ends_with_the_connection() -> None:
    data = b"HTTP/1.1 500 Oops\r\nServer: x\r\n\r\nsome text"
    assert read_answer(data) is None
    assert read_answer(data, ended=True) == Answer(500, "", b"some text", reusable=False)


@pytest.mark.parametrize(
    ("data", "problem"),
    [
        (b"HTTP/2 200\r\n\r\n", "no status line"),
        (b"220 smtp.example.com ESMTP\r\n\r\n", "no status line"),
        (b"HTTP/1.1 2000 OK\r\n\r\n", "no status line"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n", "a length that is not a number"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 1, 1\r\n\r\nx", "a length that is not a number"),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\n\r\n", "a transfer coding other than"),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0x1\r\n", "not a number"),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nabcd", "a chunk longer"),
        (b"x" * (MAX_ANSWER_BYTES + 1), "too large"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 99999\r\n\r\n" + b"x" * 70_000, "too large"),
        (b"HTTP/1.1 100 Go\r\n\r\n" * 4_000, "too large"),
    ],
)
def test_an_invalid_answer_is_refused(data: bytes, problem: str) -> None:
    with pytest.raises(BadAnswerError, match=problem):
        read_answer(data)


FIELDS = st.sampled_from(
    [
        b"Content-Length: 0",
        b"content-length:0",
        b"Content-Length: 2",
        b"Transfer-Encoding: chunked",
        b"Connection: keep-alive",
        b"Connection: close",
        b"CONNECTION:close",
        b"Content-Type: text/plain",
        b"Trailer: Expires",
        b"Date: today",
    ]
)


@given(
    st.sampled_from([b"HTTP/1.1 200 OK", b"HTTP/1.1 200 ", b"HTTP/1.0 200 OK", b"HTTP/1.1 204 x"]),
    st.lists(FIELDS, unique_by=lambda field: field.lower()[:9]),
)
def test_the_shortcut_for_plain_answers_agrees_with_the_full_parser(
    line: bytes, fields: list[bytes]
) -> None:
    head = b"\r\n".join([line, *fields, b"", b""])
    # Extra bytes in front keep an answer from matching the shortcut.
    assert read_answer(head) == read_answer(b"HTTP/1.1 100 Continue\r\n\r\n" + head)


@given(st.binary(max_size=200), st.booleans())
def test_any_bytes_are_complete_incomplete_or_invalid(data: bytes, ended: bool) -> None:
    try:
        answer = read_answer(b"HTTP/1.1 200 OK\r\n" + data, ended=ended)
    except BadAnswerError:
        return
    assert answer is None or answer.status == 200


@pytest.mark.parametrize(
    ("url", "endpoint"),
    [
        ("https://a.example/v1", Endpoint(True, "a.example", 443, "a.example", "/v1")),
        ("http://127.0.0.1:80/v1/", Endpoint(False, "127.0.0.1", 80, "127.0.0.1", "/v1")),
        ("http://[::1]:8000/v1", Endpoint(False, "::1", 8000, "[::1]:8000", "/v1")),
        ("https://A.example:8443", Endpoint(True, "a.example", 8443, "a.example:8443", "")),
    ],
)
def test_an_endpoint_is_parsed_from_its_url(url: str, endpoint: Endpoint) -> None:
    assert Endpoint.parse(url) == endpoint
