import re
from typing import Any

import pytest

from decanter.runtime import errors
from decanter.runtime.errors import MessageError


def test_the_module_shows_the_whole_tree() -> None:
    ours = [
        kind
        for kind in vars(errors).values()
        if isinstance(kind, type) and issubclass(kind, Exception)
    ]
    assert len(ours) > 5
    for kind in ours:
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
                "execute-api:ManageConnections on this API and stage, and the actions on the "
                "connection table, to the function's role, as @uses(sends=True) on the function "
                "does"
            ),
        ),
        (
            errors.NobodyReachedError(40, "https://a1.example.com/v1", "'t' (from TABLE)"),
            (
                "40 connections are said to be gone and none was reached, so none is deleted or "
                "reported as gone: check that the endpoint https://a1.example.com/v1 belongs "
                "to this API, that its stage 'v1' is the one that clients connect to, and that "
                "table 't' (from TABLE) belongs to this stage. If all three are right, all clients "
                "have left, and the rows expire"
            ),
        ),
        (errors.SettingError("A", "b", "set it to c"), "A is 'b': set it to c"),
        (errors.SettingError("A", None, "set it to c"), "A is not set: set it to c"),
    ],
)
def test_configuration_errors_name_the_remedy(error: Exception, text: str) -> None:
    assert str(error) == text


ERRORS: list[tuple[MessageError, str, int, bool, str, dict[str, Any]]] = [
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
    (errors.Forbidden(), "forbidden", 403, False, "you are not allowed to send this", {}),
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
        errors.Flooding(),
        *("rate_limited", 429, True, "too many messages: the connection is closed", {}),
    ),
    (
        errors.Internal(),
        *("internal", 500, True),
        "the service failed; its log has the details under this request id",
        {},
    ),
]


@pytest.mark.parametrize(("error", "code", "status", "temporary", "text", "details"), ERRORS)
def test_every_client_error_has_its_frame(
    error: MessageError, code: str, status: int, temporary: bool, text: str, details: dict[str, Any]
) -> None:
    assert (error.code, error.status, error.temporary) == (code, status, temporary)
    assert str(error) == text
    assert error.details() == details


def test_the_tables_cover_every_error() -> None:
    ours = {
        kind for kind in vars(errors).values() if isinstance(kind, type) and "code" in vars(kind)
    }
    assert {type(error) for error, *_ in ERRORS} == ours | {errors.Flooding}


def test_only_flooding_closes_the_connection() -> None:
    assert [type(error) for error, *_ in ERRORS if error.closes] == [errors.Flooding]


def test_the_tree_shows_the_code_and_status_of_every_client_error() -> None:
    for error, code, status, *_ in ERRORS:
        row = rf"─ {type(error).__name__} +{code} +{status}"
        assert re.search(row, str(errors.__doc__)), row
