"""The hook that allows only certain web pages to connect."""

from typing import Any

import pytest

from decanter import Router
from decanter.runtime.errors import SettingError
from decanter.runtime.hooks.origins import VARIABLE, AllowedOrigins
from decanter.runtime.routing.connection_event import Handshake, Refused
from tests.support.events import connect_event
from tests.support.fakes import FakeConnections
from tests.support.fixtures import LogLines

ALLOWED = "https://example.com, http://127.0.0.1:8000"


def event(*origins: str) -> dict[str, Any]:
    it = connect_event()
    if origins:
        it["headers"]["origin"] = origins[-1]
        it["multiValueHeaders"]["origin"] = [*origins]
    return it


def admits(value: str, *origins: str) -> bool:
    try:
        AllowedOrigins({VARIABLE: value})(Handshake(event(*origins)))
    except Refused:
        return False
    return True


@pytest.mark.parametrize(
    "origin",
    [
        "https://example.com",
        "https://example.com:443",
        "HTTPS://EXAMPLE.com",
        "http://127.0.0.1:8000",
    ],
)
def test_an_allowed_page_may_connect(origin: str) -> None:
    assert admits(ALLOWED, origin)


@pytest.mark.parametrize(
    "origin",
    [
        "http://example.com",
        "https://example.com:8443",
        "https://example.com.evil.net",
        "https://evilexample.com",
        "https://www.example.com",
        "https://example.com.",
        "https://example.com/",
        "https://example.com/path",
        "https://example.com@evil.net",
        "https://user@example.com",
        "https://evil.net#https://example.com",
        "https://example.com\\.evil.net",
        " https://example.com",
        "https://example.com:",
        "https://example.com:99999999",
        "https://example.com:0443",
        "https://exämple.com",
        "https://example.com:\uff14\uff14\uff13",
        "http://127.0.0.1",
        "http://127.0.0.1:8001",
        "http://localhost:8000",
        "file://",
        "null",
        "NULL",
        "",
        "*",
        "x" * 10_000,
    ],
)
def test_any_other_page_is_refused(origin: str) -> None:
    assert not admits(ALLOWED, origin)


def test_two_origin_headers_are_refused_even_if_both_are_allowed() -> None:
    assert not admits(ALLOWED, "https://example.com", "https://example.com")


def test_null_is_allowed_only_if_listed() -> None:
    assert admits("null", "null")
    assert not admits("null", "https://example.com")


def test_a_client_without_origin_may_connect() -> None:
    assert admits(ALLOWED)


def test_without_multi_value_headers_the_single_header_counts() -> None:
    it = event("https://evil.net")
    del it["multiValueHeaders"]
    with pytest.raises(Refused, match=r"'https://evil\.net' is not allowed"):
        AllowedOrigins({VARIABLE: ALLOWED})(Handshake(it))


@pytest.mark.parametrize("environ", [{}, {VARIABLE: ""}])
def test_without_the_variable_every_page_may_connect_and_the_log_says_so_once(
    environ: dict[str, str], log_lines: LogLines
) -> None:
    hook = AllowedOrigins(environ)
    for origin in ("https://evil.net", "null"):
        hook(Handshake(event(origin)))
    (line,) = log_lines()
    assert (line["level"], line["event"]) == ("WARNING", "any_origin")
    assert VARIABLE in line["remedy"]


@pytest.mark.parametrize(
    "value",
    [
        *("*", "example.com", "https://example.com/", "https://*.a.com", " ", " , "),
        *("https://a.com, *", "https://a.com:65536"),
    ],
)
def test_an_invalid_origin_is_named(value: str) -> None:
    with pytest.raises(SettingError, match="name origins such as"):
        AllowedOrigins({VARIABLE: value})(Handshake(event("https://example.com")))


def test_a_refused_page_is_not_recorded(log_lines: LogLines) -> None:
    connections = FakeConnections()
    router = Router("$request.body.message", connections=connections)
    router.on_connect(AllowedOrigins({VARIABLE: ALLOWED}))
    assert router.handle(event("https://evil.net")) == {"statusCode": 403}
    assert connections.rows == {}
    (line,) = log_lines()
    assert (line["outcome"], line["level"]) == ("refused", "INFO")
    assert line["reason"] == "origin 'https://evil.net' is not allowed"
