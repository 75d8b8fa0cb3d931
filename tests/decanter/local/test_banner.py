"""The lines about rights and functions in the text at start."""

import pytest

from decanter.local.banner import functions, rights


@pytest.mark.parametrize(
    ("iam", "is_embedded", "text"),
    [
        ("enforce", True, "enforced by the functions' roles, as on AWS (--iam warn, --iam off)"),
        ("warn", True, "only noted: calls that AWS refuses are allowed (--iam warn)"),
        ("off", True, "not checked: calls that AWS refuses are allowed (--iam off)"),
        ("off", False, "not checked: calls that AWS refuses are allowed (--iam off)"),
    ],
)
def test_the_mode_is_shown(iam: str, is_embedded: bool, text: str) -> None:
    assert rights({"iam": iam, "dynamodb_is_embedded": is_embedded}) == text


def test_another_dynamodb_does_not_know_who_calls() -> None:
    text = rights({"iam": "enforce", "dynamodb_is_embedded": False})
    assert text.endswith("; DynamoDB checks no rights: only the embedded DynamoDB knows the caller")


@pytest.mark.parametrize(
    ("url", "options"),
    [
        ("http://127.0.0.1:8000/", ""),
        ("http://127.0.0.1:9000/", " --url http://127.0.0.1:9000"),
        ("http://[::1]:8000/", " --url http://[::1]:8000"),
    ],
)
def test_the_command_for_a_function_names_an_unusual_address(url: str, options: str) -> None:
    function = {"kind": "lambda", "name": "work", "source": ""}
    lines = functions({"functions": [function], "console_url": url})
    assert lines[-1][0] == "Invoke"
    assert lines[-1][1].endswith(f" invoke work{options}")
