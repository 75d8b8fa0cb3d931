"""Examples of payloads: each is one that the route's own reader accepts."""

import datetime as dt
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Literal, NotRequired, TypedDict

import pydantic
import pytest

from decanter.runtime.payload import payload_reader
from decanter.runtime.payload_example import payload_example


@dataclass
class Point:
    x: int
    y: float


@dataclass
class Bid:
    item: str
    amount: int
    loud: bool
    kind: Literal["open", "sealed"]
    points: list[Point]
    tags: dict[str, str | None]
    note: str = ""
    further: list[str] = field(default_factory=list)


class Typed(TypedDict):
    to: str
    cc: NotRequired[str]


class Optional(TypedDict, total=False):
    to: str


@dataclass
class Node:
    name: str
    inner: "Node | None"
    children: "list[Node]"


class Model(pydantic.BaseModel):
    name: str = pydantic.Field(min_length=6)
    amount: int = pydantic.Field(gt=10)
    at: dt.datetime
    colour: Literal["red", "white"]
    inner: "list[Model]" = []
    point: Point


class Secret(pydantic.BaseModel):
    code: str = pydantic.Field(pattern="^[A-Z]{7}$")


def takes_bid(request: Any, payload: Bid) -> None: ...
def takes_typed(request: Any, payload: Typed) -> None: ...
def takes_optional(request: Any, payload: Optional) -> None: ...
def takes_node(request: Any, payload: Node) -> None: ...
def takes_model(request: Any, payload: Model) -> None: ...
def takes_secret(request: Any, payload: Secret) -> None: ...


BID = {
    "item": "text",
    "amount": 1,
    "loud": True,
    "kind": "open",
    "points": [{"x": 1, "y": 1.5}],
    "tags": {"name": "text"},
}
MODEL = {"name": "texttt", "amount": 11, "colour": "red", "point": {"x": 1, "y": 1}}


@pytest.mark.parametrize(
    ("function", "expected"),
    [
        (takes_bid, BID),
        (takes_typed, {"to": "text"}),
        (takes_optional, {"to": "text"}),
        (takes_node, {"name": "text", "inner": None, "children": []}),
        (takes_model, MODEL | {"at": "2026-01-31T12:00:00Z"}),
        (takes_secret, None),
    ],
)
def test_an_example_is_one_that_the_route_accepts(
    function: Callable[..., None], expected: object
) -> None:
    """It is None if the type has a rule for which no example is made."""
    read = payload_reader(function)
    assert read is not None
    assert payload_example(function, read) == expected
