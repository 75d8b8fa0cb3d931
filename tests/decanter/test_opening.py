"""The words of the command line that a connection is opened with."""

import argparse

import pytest

from decanter.opening import seconds, split_header, without_secrets


def test_a_header_value_keeps_its_colons() -> None:
    assert split_header("a: b: c") == ("a", "b: c")


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("wss://host/v1?token=secret", "wss://host/v1"),
        ("ws://name:secret@host:8000/v1", "ws://host:8000/v1"),
        ("ws://host", "ws://host"),
        ("ws://host/a@b", "ws://host/a@b"),
    ],
)
def test_what_may_be_secret_is_not_shown(url: str, shown: str) -> None:
    assert without_secrets(url) == shown


@pytest.mark.parametrize("text", ["-1", "nan", "inf", "soon"])
def test_seconds_are_a_number_of_0_or_more(text: str) -> None:
    with pytest.raises(argparse.ArgumentTypeError, match=f"'{text}' is not a number of seconds"):
        seconds(text)
    assert seconds("0") == 0
