"""Cases that the tables of test_payload do not cover."""

from typing import Any

import pytest
from pydantic import BaseModel

from decanter.runtime import payload_readers as readers
from decanter.runtime.errors import InvalidPayload


@pytest.mark.parametrize(("value", "is_one"), [(1, True), (True, False), ("a", True), (None, True)])
def test_a_literal_compares_the_type_too(value: Any, is_one: bool) -> None:
    read = readers.literal((1, "a", None)).read
    if is_one:
        assert read(value) == value
    else:
        with pytest.raises(InvalidPayload, match="must be 1 or 'a' or None"):
            read(value)


def test_any_accepts_every_value() -> None:
    values = [None, True, 1.5, "a", [1], {"a": 1}]
    for kind in (Any, object):
        assert [readers.SIMPLE[kind].read(value) for value in values] == values


def test_a_union_reports_the_error_of_the_closest_structure() -> None:
    one = readers.structure(dict, {"kind": readers.literal(("one",))}, ["kind"])
    other = readers.structure(dict, {"kind": readers.literal(("other",))}, ["kind"])
    read = readers.one_of([one, readers.SIMPLE[str]]).read
    with pytest.raises(InvalidPayload, match="'kind' must be 'one'"):
        read({"kind": "two"})
    with pytest.raises(InvalidPayload, match=r"^the value must be of another type"):
        readers.one_of([one, other]).read({"kind": "two"})


def test_another_error_of_a_model_is_an_internal_error() -> None:
    class Model:
        @staticmethod
        def model_validate(value: Any) -> None:
            raise ValueError("no errors to show")

    with pytest.raises(ValueError, match="no errors to show"):
        readers.model(Model).read({})


def test_the_error_of_a_union_names_the_expected_value() -> None:
    read = readers.one_of([readers.literal(("no",)), readers.number(), readers.SIMPLE[None]]).read
    assert [read(value) for value in ("no", 1, None)] == ["no", 1.0, None]
    wrongs: list[Any] = ["yes", 10**400, True, []]
    for wrong in wrongs:
        with pytest.raises(InvalidPayload, match="must be 'no' or a number or null"):
            read(wrong)


def test_a_union_prefers_its_first_choice() -> None:
    numbers, whole = readers.number(), readers.SIMPLE[int]
    assert isinstance(readers.one_of([whole, numbers]).read(1), int)
    assert isinstance(readers.one_of([numbers, whole]).read(1), float)
    assert readers.one_of([numbers, whole]).read(10**400) == 10**400


def test_a_refused_model_in_a_union_is_named() -> None:
    class Order(BaseModel):
        amount: int

    read = readers.one_of([readers.model(Order), readers.SIMPLE[None]]).read
    assert read(None) is None
    with pytest.raises(InvalidPayload, match="must be a valid Order or null"):
        read(3)


LISTS = readers.list_of(readers.one_of([readers.SIMPLE[float], readers.SIMPLE[str]]))


@pytest.mark.parametrize("length", [readers.LONG - 1, readers.LONG])
def test_a_list_is_read_the_same_way_at_any_length(length: int) -> None:
    for item, expected in ((1, 1.0), ("a", "a"), (1.5, 1.5), (10**300, 1e300)):
        values = [item] * length
        result = LISTS.read(values)
        assert result == [expected] * length
        assert {*map(type, result)} == {type(expected)}
        assert result is not values
    assert LISTS.read([1, "a"] * length) == [1.0, "a"] * length


@pytest.mark.parametrize("length", [readers.LONG - 2, readers.LONG])
@pytest.mark.parametrize("wrong", [None, True, [], 10**400, float("inf")])
@pytest.mark.parametrize("right", [1, "a", 1.5])
def test_the_error_names_the_first_wrong_item_of_a_list(
    right: object, wrong: object, length: int
) -> None:
    with pytest.raises(InvalidPayload) as caught:
        LISTS.read([right] * length + [wrong, None])
    assert caught.value.field == f"[{length}]"
    assert caught.value.reason == "must be a number or a string"


def test_a_structure_leaves_the_message_unchanged() -> None:
    message = {"kind": "one", "x": 1, "other": 2}
    members = {"kind": readers.SIMPLE[str], "x": readers.SIMPLE[float]}
    assert readers.structure(None, members, []).read(message) == {"kind": "one", "x": 1.0}
    assert message == {"kind": "one", "x": 1, "other": 2}
    alike = {"kind": "one"}
    assert readers.structure(None, members, []).read(alike) is not alike
