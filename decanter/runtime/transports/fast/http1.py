"""The part of HTTP/1.1 that a client of @connections needs, without I/O.

A connection handles one request at a time, so the buffer contains at most one answer or the start
of one (RFC 9112, sections 6 and 9).
"""

import re
from typing import NamedTuple
from urllib.parse import urlsplit

from decanter.runtime.transports.base import error_type

MAX_ANSWER_BYTES = 65_536

_HEAD_END = b"\r\n\r\n"
_STATUS_LINE = re.compile(rb"HTTP/1\.([01]) ([1-5][0-9][0-9])[ \r]")
_DECIMAL = re.compile(rb"[0-9]{1,9}")
_HEXADECIMAL = re.compile(rb"[0-9A-Fa-f]{1,8}")
_ERROR_TYPE = re.compile(rb"\r\nx-amzn-errortype:([^\r\n]*)", re.IGNORECASE)
_BODILESS = {204, 304}
_USUAL = rb"(?:[^CTct\r][^\r]*+\r\n|[Cc]ontent-[Tt]ype:[^\r]*+\r\n|[Cc]onnection: keep-alive\r\n)*+"
_PLAIN = re.compile(
    rb"HTTP/1\.1 200 [^\r]*+\r\n" + _USUAL + rb"[Cc]ontent-[Ll]ength: 0\r\n" + _USUAL + rb"\r\n"
)
"""Matches the usual answer: a success that has no body and keeps the connection open.

Every post needs this match, so it is one regular expression. Any answer with another field that
starts with C or T is left to the full parser.
"""


class Endpoint(NamedTuple):
    """The address of @connections.

    Attributes:
        secure: True for TLS.
        authority: the value of the `Host` header, with the port unless the port is the default.
        path: the stage's path, without a slash at the end.
    """

    secure: bool
    host: str
    port: int
    authority: str
    path: str

    @classmethod
    def parse(cls, url: str) -> "Endpoint":
        """Parse a URL such as `https://{api id}.execute-api.{region}.amazonaws.com/{stage}`."""
        parts = urlsplit(url)
        secure = parts.scheme == "https"
        usual = 443 if secure else 80
        host, port = parts.hostname or "", parts.port or usual
        name = f"[{host}]" if ":" in host else host
        authority = name if port == usual else f"{name}:{port}"
        return cls(secure, host, port, authority, parts.path.rstrip("/"))


class Answer(NamedTuple):
    """A complete response.

    Attributes:
        error: the error's type, as botocore names it; empty if the answer has no error type.
        reusable: True if the connection accepts another request.
    """

    status: int
    error: str
    body: bytes
    reusable: bool


PLAIN = Answer(200, "", b"", reusable=True)


class BadAnswerError(Exception):
    """The bytes are not an HTTP/1.0 or 1.1 response, or the response is too large or incomplete."""


def read_answer(data: bytes, *, ended: bool = False) -> Answer | None:
    """Return the answer in a buffer; None if the answer is incomplete.

    The buffer contains all bytes received since the request was sent. `ended` is True if the peer
    sends no more bytes.

    Raises:
        BadAnswerError: the answer is invalid or too large, or ended before it was complete.
    """
    if _PLAIN.fullmatch(data) and not ended:
        return PLAIN
    start, end = 0, data.find(_HEAD_END)
    while end >= 0:
        line = _STATUS_LINE.match(data, start)
        if line is None:
            raise BadAnswerError("no status line of HTTP/1.0 or 1.1")
        status = int(line[2])
        if status >= 200:
            answer = _answer(data, start, end, status, ended=ended)
            if answer is None:
                break
            kept = line[1] == b"1" and not ended
            return answer if kept else answer._replace(reusable=False)
        start = end + len(_HEAD_END)  # skips 100 Continue and other 1xx answers
        end = data.find(_HEAD_END, start)
    if ended or len(data) > MAX_ANSWER_BYTES:
        raise BadAnswerError("closed before the answer was complete" if ended else "too large")
    return None


def _answer(data: bytes, start: int, end: int, status: int, *, ended: bool) -> Answer | None:
    """Return the answer whose head is from `start` to `end`; None if the body is incomplete."""
    head = data[start : end + 2]
    lower = head.lower()
    content = _content(lower, status, data, end + len(_HEAD_END), ended=ended)
    if content is None:
        return None
    body, whole = content
    reusable = whole == len(data) and _field(lower, lower, b"\r\nconnection:") != b"close"
    error = _error(head, body) if status >= 300 else ""
    return Answer(status, error, body, reusable)


def _field(head: bytes, lower: bytes, name: bytes) -> bytes:
    """Return a field's value, or b"". `name` includes the preceding line break and the colon."""
    start = lower.find(name)
    if start < 0:
        return b""
    start += len(name)
    return head[start : head.find(b"\r\n", start)].strip()


def _content(
    head: bytes, status: int, data: bytes, start: int, *, ended: bool
) -> tuple[bytes, int] | None:
    """Return the body and the position of its end; None if the body is incomplete."""
    if status in _BODILESS:
        return b"", start
    if coding := _field(head, head, b"\r\ntransfer-encoding:"):
        if coding != b"chunked":
            raise BadAnswerError("a transfer coding other than chunked")
        return _chunks(data, start)
    if length := _field(head, head, b"\r\ncontent-length:"):
        end = start + _number(length, _DECIMAL, 10)
        return (data[start:end], end) if len(data) >= end else None
    return (data[start:], len(data)) if ended else None


def _chunks(data: bytes, at: int) -> tuple[bytes, int] | None:
    body = bytearray()
    while (line_end := data.find(b"\r\n", at)) >= 0:
        size = _number(data[at:line_end].partition(b";")[0].strip(), _HEXADECIMAL, 16)
        at = line_end + 2
        if size == 0:
            return _trailers(bytes(body), data, at)
        if len(data) < at + size + 2:
            return None
        if data[at + size : at + size + 2] != b"\r\n":
            raise BadAnswerError("a chunk longer than its size")
        body += data[at : at + size]
        at += size + 2
    return None


def _trailers(body: bytes, data: bytes, at: int) -> tuple[bytes, int] | None:
    """Return a chunked body and the position of its end; None if the body is incomplete."""
    while (line_end := data.find(b"\r\n", at)) >= 0:
        if line_end == at:
            return body, at + 2
        at = line_end + 2
    return None


def _number(digits: bytes, form: re.Pattern[bytes], base: int) -> int:
    if form.fullmatch(digits) is None:
        raise BadAnswerError("a length that is not a number")
    return int(digits, base)


def _error(head: bytes, body: bytes) -> str:
    named = [value.strip().decode("latin-1") for value in _ERROR_TYPE.findall(head)]
    return error_type(", ".join(named) if named else None, body)
