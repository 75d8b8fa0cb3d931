"""Patterns: which names match, and that no name matches two."""

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from decanter.runtime.channels.pattern import Pattern, identity_key
from decanter.runtime.errors import DeclarationError


@pytest.mark.parametrize(
    ("channel", "values"),
    [
        ("chat:42", {"room": "42"}),
        ("chat:ann@x.org", {"room": "ann@x.org"}),
        ("chat:a%3Ab", {"room": "a:b"}),
        ("chat:100%25", {"room": "100%"}),
        ("chat:", None),
        ("chat:a:b", None),
        ("chat:100%", None),
        ("chat:%34%32", None),
        ("chat:a%3ab", None),
        ("chat:a\nb", None),
        ("Chat:42", None),
    ],
)
def test_a_name_matches_in_one_way_only(channel: str, values: dict[str, str] | None) -> None:
    assert Pattern("chat:{room}").match(channel) == values


@settings(deadline=None)  # the machine may be busy
@given(value=st.text(min_size=1, max_size=30))
def test_a_filled_name_gives_the_value_back(value: str) -> None:
    """An identity such as `a:b` or `%` claims only its own channel."""
    pattern = Pattern("user:{identity}:inbox")
    channel = pattern.fill({"identity": value})
    assert channel.count(":") == 2
    assert pattern.match(channel) == {"identity": value}


@settings(deadline=None)  # the machine may be busy
@given(one=st.text(min_size=1, max_size=5), other=st.text(min_size=1, max_size=5))
def test_two_identities_never_share_a_key(one: str, other: str) -> None:
    assert (identity_key(one) == identity_key(other)) is (one == other)


def test_a_value_that_is_not_a_string_is_named() -> None:
    number: Any = 42
    with pytest.raises(TypeError, match="is a string, not 42: use str"):
        identity_key(number)
    with pytest.raises(TypeError, match="is a string, not 42: use str"):
        Pattern("chat:{room}").fill({"room": number})


@pytest.mark.parametrize(
    "source",
    ["", "{", "a}", "{a}{b}", "{a}:{a}", "{1}", "{}", "a%b", "a\n", "$identity:{x}", "x" * 256],
)
def test_an_invalid_pattern_is_refused(source: str) -> None:
    with pytest.raises(DeclarationError, match="channel "):
        Pattern(source)


@pytest.mark.parametrize(
    ("one", "other", "overlap"),
    [
        ("news", "news", True),
        ("news", "sport", False),
        ("{a}", "news", True),
        ("user:{id}", "user:me", True),
        ("user:{id}", "chat:{id}", False),
        ("user:{id}", "user:{id}:x", False),
        ("a{x}", "{y}b", True),
        ("a{x}c", "b{y}c", False),
        ("a{x}c", "a{y}d", False),
        ("a{x}", "a", False),
        ("{x}-{y}", "a-b", True),
        ("{x}-{y}", "ab", False),
    ],
)
def test_patterns_that_share_a_name_are_found(one: str, other: str, overlap: bool) -> None:
    assert Pattern(one).overlaps(Pattern(other)) is overlap
    assert Pattern(other).overlaps(Pattern(one)) is overlap


PIECES = st.lists(st.sampled_from(["a", "b", ":", "{x}", "-"]), min_size=1, max_size=5)


@settings(deadline=None)  # the machine may be busy
@given(
    one=PIECES, other=PIECES, names=st.lists(st.text("ab:-", min_size=1, max_size=6), max_size=9)
)
def test_no_name_matches_two_patterns_that_do_not_overlap(
    one: list[str], other: list[str], names: list[str]
) -> None:
    try:
        first, second = Pattern("".join(one)), Pattern("".join(other))
    except DeclarationError:
        return
    both = [
        name for name in names if first.match(name) is not None and second.match(name) is not None
    ]
    assert not both or first.overlaps(second)
