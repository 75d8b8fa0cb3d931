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
        (errors.SettingError("A", "b", "set it to c"), "A is 'b': set it to c"),
        (errors.SettingError("A", None, "set it to c"), "A is not set: set it to c"),
    ],
)
def test_our_own_errors_say_what_to_do(error: Exception, text: str) -> None:
    assert str(error) == text
