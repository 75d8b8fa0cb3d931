"""Cursors: they name a place in the table, whatever id the last row has."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from decanter.runtime.recipients import MOST_SEGMENTS, Place

IDS = st.text(max_size=5) | st.from_regex(r"[0-9]{1,5}/[0-9]{1,5}:[a/:0-9]{0,6}", fullmatch=True)


@given(IDS, st.integers(1, 9).flatmap(lambda n: st.tuples(st.integers(0, n - 1), st.just(n))))
def test_a_cursor_names_the_same_place_for_any_id(after: str, segment: tuple[int, int]) -> None:
    place = Place(after, *segment)
    assert Place.of(place.cursor) == place


def test_the_id_of_an_ordinary_connection_is_its_own_cursor() -> None:
    assert Place("L0SM9cOFvHcCIhw=").cursor == "L0SM9cOFvHcCIhw="
    assert Place("").then("a/b") == "a/b"


@pytest.mark.parametrize(
    "text", ["0/0:a", "3/2:a", f"0/{MOST_SEGMENTS + 1}:a", "0/999999999:a", "-1/2:a", "²/3:a"]
)
def test_a_segment_that_no_table_has_is_an_id(text: str) -> None:
    """Otherwise the queue would get an item for each of a billion segments."""
    assert Place.of(text) == Place(text)
