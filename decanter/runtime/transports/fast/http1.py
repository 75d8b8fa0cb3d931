"""HTTP/1.1 as a client of @connections needs it, without I/O: bytes in, an answer out.

One request is on a connection at a time, so what stands in its buffer is one answer, or the
beginning of one (RFC 9112, sections 6 and 9).
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
"""Nearly every answer: success, nothing more to say, go on. It is read for every post, so in one
go: any other field that begins as one of those that matter leaves it to the full reading."""


class Endpoint(NamedTuple):
    """Where @connections is.

    Attributes:
        secure: whether by TLS.
        host: its name or address.
        port: its port.
        authority: the host as the `Host` header has it, the port only where it is not the usual.
        path: of the stage, without a slash at its end.
    """

    secure: bool
    host: str
    port: int
    authority: str
    path: str

    @classmethod
    def parse(cls, url: str) -> "Endpoint":
        """Read a URL such as `https://{api id}.execute-api.{region}.amazonaws.com/{stage}`."""
        parts = urlsplit(url)
        secure = parts.scheme == "https"
        usual = 443 if secure else 80
        host, port = parts.hostname or "", parts.port or usual
        name = f"[{host}]" if ":" in host else host
        authority = name if port == usual else f"{name}:{port}"
        return cls(secure, host, port, authority, parts.path.rstrip("/"))


class Answer(NamedTuple):
    """A whole response.

    Attributes:
        status: its code.
        error: the error's type, as botocore names it; empty if the answer has none.
        body: its content.
        reusable: whether the connection takes another request.
    """

    status: int
    error: str
    body: bytes
    reusable: bool


PLAIN = Answer(200, "", b"", reusable=True)


class BadAnswerError(Exception):
    """What came is no HTTP/1.1 response, is too large, or ended too early."""


def read_answer(data: bytes, *, ended: bool = False) -> Answer | None:
    """Read the answer that is in a buffer.

    Args:
        data: all that came since the request was sent.
        ended: whether the peer sends no more.

    Returns:
        The answer; None when more has to come.

    Raises:
        BadAnswerError: nothing that comes can make it one.
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
        start = end + len(_HEAD_END)  # 100 Continue and its like
        end = data.find(_HEAD_END, start)
    if ended or len(data) > MAX_ANSWER_BYTES:
        raise BadAnswerError("closed before an answer was whole" if ended else "too large")
    return None


def _answer(data: bytes, start: int, end: int, status: int, *, ended: bool) -> Answer | None:
    """The answer whose head is from `start` to `end`; None when its body is not all there."""
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
    """A field's value, its name given in lower case between line end and colon; else empty."""
    start = lower.find(name)
    if start < 0:
        return b""
    start += len(name)
    return head[start : head.find(b"\r\n", start)].strip()


def _content(
    head: bytes, status: int, data: bytes, start: int, *, ended: bool
) -> tuple[bytes, int] | None:
    """The body and where it ends; None when it is not all there."""
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
            raise BadAnswerError("a chunk longer than it says")
        body += data[at : at + size]
        at += size + 2
    return None


def _trailers(body: bytes, data: bytes, at: int) -> tuple[bytes, int] | None:
    """The body, once the empty line that ends a chunked one is there."""
    while (line_end := data.find(b"\r\n", at)) >= 0:
        if line_end == at:
            return body, at + 2
        at = line_end + 2
    return None


def _number(digits: bytes, form: re.Pattern[bytes], base: int) -> int:
    if form.fullmatch(digits) is None:
        raise BadAnswerError("a length that is no number")
    return int(digits, base)


def _error(head: bytes, body: bytes) -> str:
    named = [value.strip().decode("latin-1") for value in _ERROR_TYPE.findall(head)]
    return error_type(", ".join(named) if named else None, body)
