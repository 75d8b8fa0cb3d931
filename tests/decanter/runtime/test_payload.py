"""Payload types, as an application declares them, and messages that match them or not."""

import datetime as dt
import json
from dataclasses import InitVar, dataclass, field
from enum import Enum
from typing import (  # noqa: UP035 - List and Dict are tested
    TYPE_CHECKING,
    Any,
    Dict,
    List,
    Literal,
    NotRequired,
    Required,
    TypedDict,
)

import pytest
from pydantic import BaseModel, Field

from decanter.runtime.errors import DeclarationError, InvalidPayload, NotAnObject
from decanter.runtime.payload import payload_reader
from decanter.runtime.routing.request import Request
from tests.support.counting import calls_of

if TYPE_CHECKING:
    from decimal import Decimal


@dataclass
class Point:
    x: float
    y: float = 0.0


class Style(TypedDict):
    color: Literal["red", "green"]
    width: NotRequired[int]


@dataclass(frozen=True)
class Draw:
    at: Point
    style: Style | None = None
    tags: list[str] = field(default_factory=list)
    points: list[Point] = field(default_factory=list)
    extra: dict[str, int | str] = field(default_factory=dict)
    note: Any = None
    computed: str = field(init=False, default="computed")


class Color(Enum):
    RED = "red"


@dataclass
class Tree:
    name: str
    children: "list[Tree]" = field(default_factory=list)


class Order(BaseModel):
    amount: int = Field(gt=0)
    lines: list[str] = []


@dataclass
class Checked:
    text: str

    def __post_init__(self) -> None:
        if not self.text:
            raise InvalidPayload("text", "must not be empty")


def draw(request: Request, payload: Draw) -> None: ...


def grow(request: Request, payload: Tree) -> None: ...


def order(request: Request, payload: Order) -> None: ...


def paint(request: Request, payload: Style) -> None: ...


def check(request: Request, payload: Checked) -> None: ...


def read(function: Any, message: str) -> Any:
    reader = payload_reader(function)
    assert reader is not None
    return reader(json.loads(message))


def test_a_message_becomes_a_value_of_the_type() -> None:
    message = """{"message": "draw", "at": {"x": 1, "z": 9}, "style": {"color": "red", "x": 1},
                 "tags": ["a"], "points": [{"x": 1.5, "y": -2}], "extra": {"a": 1, "b": "c"},
                 "note": [null]}"""
    drawn = read(draw, message)
    style = Style(color="red")
    extra: dict[str, int | str] = {"a": 1, "b": "c"}
    assert drawn == Draw(Point(1.0), style, ["a"], [Point(1.5, -2.0)], extra, [None])
    assert isinstance(drawn.at.x, float)


def test_a_missing_member_gets_its_default() -> None:
    assert read(draw, '{"at": {"x": 0}}') == Draw(Point(0.0))


def test_a_type_may_be_recursive() -> None:
    tree = read(grow, '{"name": "a", "children": [{"name": "b"}]}')
    assert tree == Tree("a", [Tree("b")])
    with pytest.raises(InvalidPayload, match=r"'children\[0\].children\[1\].name' is missing"):
        read(grow, '{"name": "a", "children": [{"name": "b", "children": [{"name": ""}, {}]}]}')


def test_a_typed_dict_contains_only_its_own_members() -> None:
    assert read(paint, '{"message": "paint", "color": "green", "width": 2}') == {
        "color": "green",
        "width": 2,
    }


def test_a_pydantic_model_validates_as_pydantic_does() -> None:
    assert read(order, '{"amount": "3"}') == Order(amount=3)
    for message, error in (
        ('{"amount": 0}', "'amount' is refused: Input should be greater than 0"),
        ("{}", "'amount' is refused: Field required"),
        ('{"amount": 1, "lines": ["", 3]}', "'lines[1]' is refused: Input should be a valid str"),
    ):
        with pytest.raises(InvalidPayload) as caught:
            read(order, message)
        assert str(caught.value).startswith(error)


def test_a_dataclass_may_check_values_too() -> None:
    with pytest.raises(InvalidPayload, match="'text' must not be empty"):
        read(check, '{"text": ""}')


@pytest.mark.parametrize(
    ("message", "error"),
    [
        ("{}", "'at' is missing"),
        ('{"at": null}', "'at' must be an object"),
        ('{"at": {}}', "'at.x' is missing"),
        *((f'{{"at": {{"x": {x}}}}}', "'at.x' must be a number") for x in ('"1"', "true", "null")),
        ('{"at": {"x": 1e999}}', "'at.x' must be a number"),
        (f'{{"at": {{"x": {"9" * 400}}}}}', "'at.x' must be a number"),
        ('{"at": {"x": 1}, "tags": "a"}', "'tags' must be a list"),
        ('{"at": {"x": 1}, "tags": ["a", 3]}', "'tags[1]' must be a string"),
        ('{"at": {"x": 1}, "points": [{"x": "a"}]}', "'points[0].x' must be a number"),
        ('{"at": {"x": 1}, "extra": []}', "'extra' must be an object"),
        (
            '{"at": {"x": 1}, "extra": {"a": true}}',
            "'extra.a' must be a whole number or a string",
        ),
        ('{"at": {"x": 1}, "style": 3}', "'style' must be an object or null"),
        ('{"at": {"x": 1}, "style": {"color": 1}}', "'style.color' must be 'red' or 'green'"),
        (
            '{"at": {"x": 1}, "style": {"color": "red", "width": true}}',
            "'style.width' must be a whole number",
        ),
    ],
)
def test_an_error_names_the_path(message: str, error: str) -> None:
    with pytest.raises(InvalidPayload) as caught:
        read(draw, message)
    assert str(caught.value) == error


@pytest.mark.parametrize("message", ["[]", "3", "null", '"x"'])
def test_a_message_that_is_not_an_object_has_no_payload(message: str) -> None:
    with pytest.raises(NotAnObject):
        read(draw, message)


def test_without_a_second_parameter_there_is_no_payload() -> None:
    def plain(request: Request, limit: int = 3) -> None: ...

    assert payload_reader(plain) is None


@dataclass
class Dated:
    when: dt.date


@dataclass
class Nested:
    dated: list[dict[str, Dated | None]]


@dataclass
class Keyed:
    by_number: dict[int, str]


@dataclass
class Circle:
    radius: float
    kind: Literal["circle"] = "circle"
    inside: "Shape | None" = None


class Box(TypedDict):
    kind: Literal["box", "square"]
    inside: "Shape | list[Shape]"


Shape = Circle | Box


@dataclass
class Drawing:
    shape: Shape | str


@dataclass
class Alike:
    one: Circle | Point


@dataclass
class Twice:
    one: list[Point] | list[str]


@dataclass
class Either:
    one: Order | Point


@dataclass
class Anything:
    one: dict[str, int] | Point


@dataclass
class Scaled:
    text: str
    factor: InitVar[float]


@dataclass(init=False)
class Own:
    text: str

    def __init__(self, words: list[str]) -> None:
        self.text = " ".join(words)


class Partly(TypedDict, total=False):
    note: str
    name: Required[str]


class Wholly(Partly):
    width: int
    height: NotRequired[int]


def drawing(request: Request, payload: Drawing) -> None: ...


def wholly(request: Request, payload: Wholly) -> None: ...


def alike(request: Request, payload: Alike) -> None: ...


def twice(request: Request, payload: Twice) -> None: ...


def either(request: Request, payload: Either) -> None: ...


def anything(request: Request, payload: Anything) -> None: ...


def scaled(request: Request, payload: Scaled) -> None: ...


def own(request: Request, payload: Own) -> None: ...


def test_a_member_selects_the_structure_of_a_union() -> None:
    circle = '{"kind": "circle", "radius": 1}'
    assert read(drawing, f'{{"shape": {circle}}}') == Drawing(Circle(1.0))
    box = f'{{"kind": "square", "inside": [{circle}, {circle}]}}'
    assert read(drawing, f'{{"shape": {box}}}') == Drawing(
        {"kind": "square", "inside": [Circle(1.0), Circle(1.0)]}
    )
    assert read(drawing, '{"shape": "none"}') == Drawing("none")


@pytest.mark.parametrize(
    ("shape", "error"),
    [
        ('{"radius": 1}', "'shape.kind' is missing"),
        ('{"kind": "star"}', "'shape.kind' must be 'circle' or 'box' or 'square'"),
        ('{"kind": []}', "'shape.kind' must be 'circle' or 'box' or 'square'"),
        ('{"kind": "circle"}', "'shape.radius' is missing"),
        (
            '{"kind": "box", "inside": {"kind": "circle", "radius": "x"}}',
            "'shape.inside.radius' must be a number",
        ),
        ("3", "'shape' must be an object or a string"),
    ],
)
def test_an_error_in_a_union_names_the_path(shape: str, error: str) -> None:
    with pytest.raises(InvalidPayload) as caught:
        read(drawing, f'{{"shape": {shape}}}')
    assert str(caught.value) == error


@pytest.mark.parametrize("end", ["1", '{"kind": "circle", "radius": "x"}'])
def test_a_type_that_contains_itself_is_read_in_linear_time(end: str) -> None:
    def refused(depth: int) -> None:
        start = '{"kind": "box", "inside": '
        with pytest.raises(InvalidPayload):
            read(drawing, f'{{"shape": {start * depth}{end}{"}" * depth}}}')

    few, more, many = (calls_of(refused, depth) for depth in (10, 20, 40))
    assert many - more < 2.5 * (more - few)


@pytest.mark.parametrize(
    ("message", "missing"),
    [
        ('{"name": "a", "width": 1}', None),
        ('{"width": 1}', "name"),
        ('{"name": "a", "height": 1}', "width"),
    ],
)
def test_a_typed_dict_requires_its_own_and_its_bases_keys(
    message: str, missing: str | None
) -> None:
    if missing is None:
        assert read(wholly, message) == {"name": "a", "width": 1}
    else:
        with pytest.raises(InvalidPayload, match=f"'{missing}' is missing"):
            read(wholly, message)


def dated(request: Request, payload: Dated) -> None: ...


def nested(request: Request, payload: Nested) -> None: ...


def keyed(request: Request, payload: Keyed) -> None: ...


@dataclass
class Binary:
    kind: Literal["a", b"b"]


@dataclass
class Painted:
    color: Literal[Color.RED] | None = None


@dataclass
class Broken:
    one: "list["  # type: ignore[valid-type] # noqa: F722
    other: int


@dataclass
class Absent:
    when: "dt.nothing"  # type: ignore[name-defined]


@dataclass
class Bare:
    items: List  # type: ignore[type-arg] # noqa: UP006
    table: Dict | None = None  # type: ignore[type-arg] # noqa: UP006


def bare(request: Request, payload: Bare) -> None: ...


def binary(request: Request, payload: Binary) -> None: ...


def painted(request: Request, payload: Painted) -> None: ...


def broken(request: Request, payload: Broken) -> None: ...


def absent(request: Request, payload: Absent) -> None: ...


def test_a_list_or_a_dict_of_typing_may_have_no_parameters() -> None:
    assert read(bare, '{"items": [1, "a"], "table": {"b": null}}') == Bare([1, "a"], {"b": None})


def hidden(request: Request, payload: "Decimal") -> None: ...


def unnamed(request: Request, payload) -> None: ...  # type: ignore[no-untyped-def] # noqa: ANN001


def number(request: Request, payload: int) -> None: ...


def listed(request: Request, payload: list[Point]) -> None: ...


def crowded(request: Request, payload: Point, other: Point) -> None: ...


def nothing() -> None: ...


@pytest.mark.parametrize(
    ("function", "error"),
    [
        (dated, "payload.when is date, which cannot be validated: use str, int"),
        (nested, "payload.dated[][].when is date, which cannot be validated"),
        (keyed, "payload.by_number is dict[int, str], which cannot be validated"),
        (alike, "payload.one is a union of Circle and Point, which nothing distinguishes: give"),
        (either, "or put models into one model"),
        (twice, "payload.one is a union of types that look alike in JSON: declare one list"),
        (anything, "payload.one is a union of types that look alike in JSON"),
        (scaled, "Scaled is not made from its fields alone: remove its InitVar"),
        (own, "Own is not made from its fields alone"),
        (binary, "payload.kind has the literal b'b', which JSON does not have: use a string"),
        (painted, "payload.color has the literal <Color.RED: 'red'>, which JSON does not have"),
        (broken, "an annotation cannot be read: Forward reference must be an expression"),
        (absent, "an annotation cannot be read: module 'datetime' has no attribute 'nothing'"),
        (hidden, "an annotation cannot be read: name 'Decimal' is not defined"),
        *((each, "annotate 'payload' with the type of its payload: a dataclass")
          for each in (unnamed, number, listed)),
        *((each, "must take a request, or a request and a payload")
          for each in (crowded, nothing)),
    ],
)  # fmt: skip
def test_an_unsupported_type_is_refused_at_declaration(function: Any, error: str) -> None:
    with pytest.raises(DeclarationError) as caught:
        payload_reader(function)
    assert error in str(caught.value)
    assert str(caught.value).startswith(f"{function.__name__} ({__name__})")
