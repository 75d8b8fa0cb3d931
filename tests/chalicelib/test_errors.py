from typing import Any

import pytest

from chalicelib import errors
from chalicelib.errors import Fault

FAULTS: list[tuple[Fault, str, int, bool, str, dict[str, Any]]] = [
    (errors.BadJson("no"), "bad_json", 400, False, "the message is not JSON: no", {}),
    (errors.NotAnObject(), "not_an_object", 400, False, "the message must be a JSON object", {}),
    (
        errors.MissingData("data"),
        *("missing_data", 400, False, "'data' is missing", {"field": "data"}),
    ),
    (
        errors.InvalidPayload("to", "must be a string"),
        *("invalid_payload", 400, False, "'to' must be a string", {"field": "to"}),
    ),
    (
        errors.UnknownRoute(["a", "b"]),
        *("unknown_route", 404, False, "no such route; there are: a, b"),
        {"known_routes": ["a", "b"]},
    ),
    (
        errors.TooLarge(131073, 131072),
        *("too_large", 413, False),
        "131073 bytes are more than the 131072 that one message may have",
        {},
    ),
    (
        errors.RateLimited(),
        *("rate_limited", 429, True, "too many messages: wait before the next one", {}),
    ),
    (
        errors.Internal(),
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
    ours = {kind for kind in _leaves(Fault) if kind.__module__ == errors.__name__}
    assert {type(fault) for fault, *_ in FAULTS} == ours


def test_the_module_shows_the_whole_tree() -> None:
    for kind in (*_leaves(errors.DecanterError), errors.Fault, errors.StoreError):
        if kind.__module__ == errors.__name__:
            assert kind.__name__ in str(errors.__doc__)


@pytest.mark.parametrize(
    ("error", "text"),
    [
        (
            errors.MissingTableError("t", "CONNECTIONS_TABLE"),
            (
                "table 't' (from CONNECTIONS_TABLE) does not exist: create it with "
                "`decanter table create --stage dev`, with your own stage"
            ),
        ),
        (
            errors.PostingRefusedError("ForbiddenException"),
            (
                "posting to connections is refused (ForbiddenException): grant "
                "execute-api:ManageConnections on this API and stage to the function's role"
            ),
        ),
        (errors.SettingError("A", "b", "set it to c"), "A is 'b': set it to c"),
        (errors.SettingError("A", None, "set it to c"), "A is not set: set it to c"),
    ],
)
def test_our_own_errors_say_what_to_do(error: Exception, text: str) -> None:
    assert str(error) == text


def _leaves(kind: type[Exception]) -> list[type[Exception]]:
    below = kind.__subclasses__()
    return [leaf for each in below for leaf in _leaves(each)] if below else [kind]
