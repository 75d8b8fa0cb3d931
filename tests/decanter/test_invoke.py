"""`decanter invoke` without a gateway; tests/contract/test_functions.py has one."""

import socket

import pytest

from tests.field_cases.apps import run
from tests.field_cases.servers import Answer, serving


def test_without_a_gateway_the_line_says_how_to_start_one() -> None:
    with socket.create_server(("127.0.0.1", 0)) as sock:
        port = sock.getsockname()[1]
    done = run("invoke", "work", "--url", f"http://127.0.0.1:{port}")
    assert done.refused
    assert done.reason == (
        f"decanter: error: no gateway answers at http://127.0.0.1:{port}: Connection refused: "
        "start `decanter local`, or name its address with --url"
    )


@pytest.mark.parametrize("body", [b"[]", b"{}", b"hello"])
@pytest.mark.parametrize("status", [200, 404])
def test_another_server_is_named(status: int, body: bytes) -> None:
    with serving(lambda _: Answer(status, {}, body)) as url:
        done = run("invoke", "work", "--url", url)
    assert done.refused
    assert f"the server at {url} " in done.reason
    assert "not `decanter local`" in done.reason


@pytest.mark.parametrize("url", ["ws://127.0.0.1:8000/api", "127.0.0.1:8000", "http://"])
def test_an_invalid_address_is_one_line(url: str) -> None:
    assert run("invoke", "work", "--url", url).refused


def test_an_event_and_a_body_exclude_each_other() -> None:
    assert "not allowed with" in run("invoke", "work", "-", "--body", "a").err
