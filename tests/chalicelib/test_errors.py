import pytest

from chalicelib import errors


def test_the_module_shows_the_whole_tree() -> None:
    ours = [kind for kind in vars(errors).values() if isinstance(kind, type)]
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
                "execute-api:ManageConnections on this API and stage to the function's role"
            ),
        ),
        (
            errors.NobodyReachedError(40, "https://a1.example.com/v1", "'t' (from TABLE)"),
            (
                "40 connections are said to be gone and none was reached, so none is deleted or "
                "reported as gone: check that the endpoint https://a1.example.com/v1 is this "
                "API's, that its stage 'v1' is the one that clients connect to, and that table "
                "'t' (from TABLE) is this stage's. If all is right, everyone has left, and the "
                "rows expire"
            ),
        ),
        (errors.SettingError("A", "b", "set it to c"), "A is 'b': set it to c"),
        (errors.SettingError("A", None, "set it to c"), "A is not set: set it to c"),
    ],
)
def test_our_own_errors_say_what_to_do(error: Exception, text: str) -> None:
    assert str(error) == text
