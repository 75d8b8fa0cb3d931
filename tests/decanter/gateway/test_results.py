"""API Gateway's handling of a handler's outcome."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from decanter.gateway.results import Failure, Returned, connect_status, header, is_proxy_result

KEYS = st.sampled_from(["statusCode", "headers", "multiValueHeaders", "body", "x"])
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=4),
    max_leaves=6,
)


@pytest.mark.parametrize(
    ("value", "accepted"),
    [
        ({"statusCode": 200}, True),
        ({"statusCode": 200, "headers": None, "multiValueHeaders": None, "body": None}, True),
        ({"statusCode": 200, "isBase64Encoded": False}, True),
        ({"statusCode": True}, False),
        ({"statusCode": "200"}, False),
        ({"statusCode": 200, "headers": []}, False),
        ({"statusCode": 200, "multiValueHeaders": {"a": "text"}}, False),
        ({"statusCode": 200, "cookies": []}, False),
        ({}, False),
        (None, False),
        ([], False),
    ],
)
def test_proxy_results_are_recognised(value: Any, accepted: bool) -> None:
    assert is_proxy_result(value) is accepted


@pytest.mark.parametrize(
    ("outcome", "status"),
    [
        (Returned({"statusCode": 200}), 200),
        (Returned({"statusCode": 401}), 401),
        (Returned({"statusCode": 101}), 502),
        (Returned({"statusCode": 600}), 502),
        (Returned({"statusCode": 200, "headers": {"Sec-WebSocket-Protocol": "a\r\nX: y"}}), 502),
        (Returned("text"), 502),
        (Failure.RAISED, 502),
        (Failure.DIED, 502),
        (Failure.TIMED_OUT, 504),
    ],
)
def test_the_status_of_a_handshake(outcome: Any, status: int) -> None:
    assert connect_status(outcome) == status


@given(VALUES)
def test_any_value_gives_a_status(value: Any) -> None:
    """Whatever a handler returns, the handshake's answer has a valid HTTP status."""
    assert 200 <= connect_status(Returned(value)) <= 599


def test_a_header_is_found_in_any_letter_case_and_the_single_map_takes_precedence() -> None:
    value = {"headers": {"X-a": 1}, "multiValueHeaders": {"x-A": ["0", "2"]}}
    assert header(Returned(value), "x-a") == "1"
    assert header(Returned({"multiValueHeaders": {"x-A": ["0", "2"]}}), "X-A") == "2"
    assert header(Returned({}), "x-a") is None
    assert header(Failure.DIED, "x-a") is None
