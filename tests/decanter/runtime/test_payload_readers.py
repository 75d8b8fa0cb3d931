"""Cases that the tables of test_payload do not cover."""

from typing import Any

import pytest

from decanter.runtime import payload as readers
from decanter.runtime.errors import InvalidPayload


@pytest.mark.parametrize(("value", "is_one"), [(1, True), (True, False), ("a", True), (None, True)])
def test_a_literal_compares_the_type_too(value: Any, is_one: bool) -> None:
    read = readers.literal((1, "a", None))
    if is_one:
        assert read(value) == value
    else:
        with pytest.raises(InvalidPayload, match="must be 1 or 'a' or None"):
            read(value)


def test_any_accepts_every_value() -> None:
    values = [None, True, 1.5, "a", [1], {"a": 1}]
    for kind in (Any, object):
        assert [readers.SIMPLE[kind](value) for value in values] == values


def test_a_union_reports_the_error_of_the_closest_structure() -> None:
    one = readers.structure(dict, {"kind": readers.literal(("one",))}, {"kind"})
    other = readers.structure(dict, {"kind": readers.literal(("other",))}, {"kind"})
    read = readers.one_of([one, readers.SIMPLE[str]])
    with pytest.raises(InvalidPayload, match="'kind' must be 'one'"):
        read({"kind": "two"})
    with pytest.raises(InvalidPayload, match="'' must be of another type"):
        readers.one_of([one, other])({"kind": "two"})


def test_another_error_of_a_model_is_an_internal_error() -> None:
    class Model:
        @staticmethod
        def model_validate(value: Any) -> None:
            raise ValueError("no errors to show")

    with pytest.raises(ValueError, match="no errors to show"):
        readers.model(Model)({})
