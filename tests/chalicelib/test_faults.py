"""What a client can do wrong, as its error frame tells it."""

import re
from typing import Any

import pytest

from chalicelib import faults
from chalicelib.faults import Fault

FAULTS: list[tuple[Fault, str, int, bool, str, dict[str, Any]]] = [
    (faults.BadJson("no"), "bad_json", 400, False, "the message is not JSON: no", {}),
    (faults.NotAnObject(), "not_an_object", 400, False, "the message must be a JSON object", {}),
    (
        faults.MissingData("data"),
        *("missing_data", 400, False, "'data' is missing", {"field": "data"}),
    ),
    (
        faults.InvalidPayload("to", "must be a string"),
        *("invalid_payload", 400, False, "'to' must be a string", {"field": "to"}),
    ),
    (faults.Forbidden(), "forbidden", 403, False, "you may not send this", {}),
    (
        faults.UnknownRoute(["a", "b"]),
        *("unknown_route", 404, False, "no such route; there are: a, b"),
        {"known_routes": ["a", "b"]},
    ),
    (
        faults.TooLarge(131073, 131072),
        *("too_large", 413, False),
        "131073 bytes are more than the 131072 that one message may have",
        {},
    ),
    (
        faults.RateLimited(),
        *("rate_limited", 429, True, "too many messages: wait before the next one", {}),
    ),
    (
        faults.Flooding(),
        *("rate_limited", 429, True, "too many messages: the connection is closed", {}),
    ),
    (
        faults.Internal(),
        *("internal", 500, True),
        "the service failed; its log has the details under this request id",
        {},
    ),
]


@pytest.mark.parametrize(("fault", "code", "status", "temporary", "text", "details"), FAULTS)
def test_every_fault_knows_its_frame(
    fault: Fault, code: str, status: int, temporary: bool, text: str, details: dict[str, Any]
) -> None:
    assert (fault.code, fault.status, fault.temporary) == (code, status, temporary)
    assert str(fault) == text
    assert fault.details() == details


def test_the_table_above_has_every_fault() -> None:
    ours = {
        kind for kind in vars(faults).values() if isinstance(kind, type) and "code" in vars(kind)
    }
    assert {type(fault) for fault, *_ in FAULTS} == ours | {faults.Flooding}


def test_only_a_flood_is_told_by_closing() -> None:
    assert [type(fault) for fault, *_ in FAULTS if fault.closes] == [faults.Flooding]


def test_the_module_shows_the_whole_tree() -> None:
    for fault, code, status, *_ in FAULTS:
        row = rf"─ {type(fault).__name__} +{code} +{status}"
        assert re.search(row, str(faults.__doc__)), row
