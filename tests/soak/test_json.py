"""JSON texts: each is read as the tests' own scanner reads it, and none takes long."""

import json
import random
from dataclasses import dataclass, field
from functools import partial
from typing import Literal

import pytest
from pydantic import BaseModel, ValidationError

from decanter import Request, Router
from decanter.runtime.errors import BadJson
from decanter.runtime.jsontext import MAX_DEPTH, member_texts, parse
from tests.soak.conftest import COUNT, NOTES, size
from tests.support.dice import Dice
from tests.support.events import CONNECTED_AT, message_event
from tests.support.fakes import FakeClock, FakeConnections, FakeTransport
from tests.support.json_scanner import Scanner
from tests.support.timing import least_times

MESSAGE_BYTES = 128 * 1024


def scanned(text: str) -> dict[str, str] | None:
    """Return the members' texts as the scanner finds them; None if the text is refused."""
    try:
        return Scanner(text).members
    except ValueError:
        return None


def read(text: str) -> dict[str, str] | None:
    try:
        document = parse(text)
    except BadJson:
        return None
    return member_texts(text) if isinstance(document, dict) else {}


def test_every_text_is_read_as_the_scanner_reads_it(seed: int) -> None:
    dice = Dice(seed)
    accepted = members = 0
    for number in range(size(200_000, 500)):
        text = dice.space() + dice.object() + dice.space()
        if number % 2:
            text = dice.mutated(text.encode()).decode(errors="surrogateescape")
        expected = scanned(text)
        assert read(text) == expected, (number, text)
        assert number % 2 or expected is not None, text
        accepted += expected is not None
        members += len(expected or "")
    NOTES.append(f"JSON: {number + 1:,} texts, {accepted:,} of them valid, {members:,} members")


@dataclass
class Leaf:
    kind: Literal["leaf"]
    x: float = 0.0


@dataclass
class Node:
    kind: Literal["node"]
    left: "Node | Leaf | list[Node | Leaf] | str | None" = None
    right: "dict[str, Node | Leaf | int] | Literal['no'] | None" = None
    many: "list[Leaf | Node | list[int | str] | None]" = field(default_factory=list)


@dataclass
class Point:
    x: int = 0
    y: int = 0


@dataclass
class Tree:
    root: "Node | Leaf | None" = None
    leaves: list[Leaf] = field(default_factory=list)
    table: dict[str, int | str] = field(default_factory=dict)
    points: list[Point | None] = field(default_factory=list)
    numbers: list[float | str | None] = field(default_factory=list)
    grid: list[list[int]] = field(default_factory=list)


class Item(BaseModel):
    x: int = 0


class Basket(BaseModel):
    items: list[Item | list[int]] = []


class Service:
    """A router with a raw route and one whose payload has unions at every depth."""

    def __init__(self) -> None:
        self.transport = FakeTransport(FakeClock())
        self.router = Router(
            "$request.body.message",
            connections=FakeConnections({"a": CONNECTED_AT}),
            open_transport=lambda endpoint, settings: self.transport,
            clock=self.transport.clock,
        )

        @self.router.route("say")
        def say(request: Request) -> None:
            request.broadcast(request.raw("data"))

        @self.router.route("grow")
        def grow(request: Request, payload: Tree) -> None:
            request.reply({"grown": True})

        @self.router.route("fill")
        def fill(request: Request, payload: Basket) -> None:
            request.reply({"filled": True})

    def status(self, text: str) -> int:
        self.transport.posts.clear()
        status: int = self.router.handle(message_event(text))["statusCode"]
        return status


def chain(depth: int, inner: str) -> str:
    """Return a tree. Each node is in the member `left`, `right` or `many` of its parent."""
    ways = [
        '{"kind": "node", "left": ',
        '{"kind": "node", "many": [',
        '{"kind": "node", "right": {"a": ',
    ]
    ends = ["}", "]}", "}}"]
    chosen = [number % 3 for number in range(depth)]
    return "".join(ways[n] for n in chosen) + inner + "".join(ends[n] for n in reversed(chosen))


def grow(root: str) -> str:
    return f'{{"message": "grow", "root": {root}}}'


def filled(start: str, piece: str, end: str) -> str:
    """Return as many pieces as fit into a message."""
    return start + piece * ((MESSAGE_BYTES - len(start) - len(end)) // len(piece)) + end


LEAF = '{"kind": "leaf", "x": 1.5}'
SAY = '{"message": "say", "data": '


def wide(member: str, piece: str, last: str) -> str:
    return filled(f'{{"message": "grow", "{member}": [', piece, last + "]}")


HOSTILE = {
    "10,000 arrays": SAY + "[" * 10_000 + "]" * 10_000 + "}",
    "10,000 arrays, open": SAY + "[" * 10_000,
    "10,000 objects": SAY + '{"a":' * 10_000 + "1" + "}" * 10_001,
    "unions": grow(chain(70, LEAF)),
    "unions, a wrong leaf": grow(chain(70, '{"kind": "leaf", "x": "no"}')),
    "unions, of no kind": grow(chain(70, '{"kind": "tree"}')),
    "unions, too deep": grow(chain(3_000, LEAF)),
    "128 KB of null": filled(grow('{"kind": "node", "many": [')[:-1], "null,", "null]}}"),
    "128 KB of digits": filled(SAY + "[", "9" * 4300 + ",", "9]}"),
    "128 KB of one number": filled(SAY, "9", "}"),
    "128 KB of a fraction": filled(SAY + "0.", "9", "}"),
    "128 KB of text": filled(SAY + '"', "x", '"}'),
    "128 KB of pairs of surrogates": filled(SAY + '"', "\\ud83d\\ude00", '"}'),
    "128 KB of escapes": filled(SAY + '"\\ud83d\\ude00', "\\n", '"}'),
    "128 KB of quotes": filled(SAY + "[" * 200 + '"', '\\"', ""),
    "128 KB of space": filled(SAY, " ", "1}"),
    "leaves": wide("leaves", LEAF + ",", LEAF),
    "integers as floats": wide("numbers", "1,", "1"),
    "arrays": filled(SAY + "[", "[],", "[]]}"),
    "objects": filled(SAY + "[", "{},", "{}]}"),
    "fractions": filled(SAY + "[", "1e1,", "1]}"),
    "a route key's items": filled('{"message": [', "1,", "1]}"),
    "a route key's objects": filled('{"message": [', "{},", "1]}"),
    "many in a union": filled(grow('{"kind": "node", "many": [')[:-1], LEAF + ",", LEAF + "]}}"),
    "lists in unions": filled(grow('{"kind": "node", "many": [')[:-1], '[1,"a"],', "null]}}"),
}
WIDE = {
    "points": wide("points", "{},", "null"),
    "points with members": wide("points", '{"x":1},', "null"),
    "points, a wrong one": wide("points", "{},", "[]"),
    "lists": wide("grid", "[],", "[]"),
    "lists, a wrong one": wide("grid", "[1],", "[null]"),
    "members": filled('{"message": "say", "data": 1', ',"":1', "}"),
    "arrays in members": filled('{"message": "say", "data": 1', ',"":[]', "}"),
    "nested arrays in members": filled('{"message": "say", "data": 1', ',"":[[]]', "}"),
    "escapes in members": filled('{"message": "say", "data": 1', ',"\\n":1', "}"),
}
"""The forms that take most time for each byte: 17 to 24 ms on the same machine."""
MODELS = {
    "models": filled('{"message": "fill", "items": [', "{},", "{}]}"),
    "models, all wrong": filled('{"message": "fill", "items": [', '"",', '""]}'),
}
"""pydantic itself takes more than 20 ms for these."""
REFERENCE = filled("[", "1e1,", "1]")
QUICK = 2.7 if COUNT else 10.0
"""20 ms where Python's own `json` takes 7.4 ms for the reference.

`make soak` measures on a machine that does nothing else. In `make test`, other tests run at the
same time and share the processor's caches, so it only finds what takes several times too long.
"""
SLOWEST = 5.0 if COUNT else 10.0
ROUNDS = 9 if COUNT else 1


def ratio(name: str, text: str, most: float) -> float:
    """Return the time for a message, as a multiple of the time for the reference."""
    assert len(text) <= MESSAGE_BYTES + 64
    service = Service()
    spent, reference = least_times(
        lambda: service.status(text), lambda: json.loads(REFERENCE), most, ROUNDS
    )
    NOTES.append(f"{name}: {spent * 1000:.1f} ms, {spent / reference:.1f} references")
    return spent / reference


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_message_takes_at_most_20_ms(name: str) -> None:
    assert ratio(name, HOSTILE[name], QUICK) < QUICK


@pytest.mark.parametrize("name", WIDE)
def test_the_worst_message_takes_a_few_times_as_long_as_json_itself(name: str) -> None:
    assert ratio(name, WIDE[name], SLOWEST) < SLOWEST


@pytest.mark.skipif(not COUNT, reason="make soak: pydantic takes half a second for each")
@pytest.mark.parametrize("name", MODELS)
def test_a_model_takes_hardly_longer_than_pydantic_itself(name: str) -> None:
    text, service = MODELS[name], Service()

    def validate() -> None:
        try:
            Basket.model_validate(json.loads(text))
        except ValidationError as error:
            error.errors(include_url=False, include_context=False)

    spent, floor = least_times(lambda: service.status(text), validate, 2, ROUNDS)
    NOTES.append(f"{name}: {spent * 1000:.1f} ms, pydantic itself {floor * 1000:.1f} ms")
    assert spent < 2 * floor


def test_the_depth_of_unions_costs_linear_time() -> None:
    service = Service()
    assert service.status(HOSTILE["unions"]) == 200
    deep, shallow = (partial(service.status, grow(chain(depth, "1"))) for depth in (70, 35))
    many, few = least_times(deep, shallow, most=5)
    assert many < 5 * few


class Messages:
    """Random messages for both routes; about half of them are mutated."""

    def __init__(self, seed: int) -> None:
        self._dice = Dice(seed)
        self._chance = random.Random(seed)

    def tree(self, depth: int) -> str:
        """Return a node or a leaf, or rarely another value."""
        kind = self._chance.randrange(12)
        if kind == 0:
            return self._dice.value(2)
        if depth == 0 or kind < 5:
            return LEAF
        return chain(1, self.tree(depth - 1))[: -1 if kind == 5 else None]

    def text(self) -> str:
        kind = self._chance.randrange(4)
        if kind == 0:
            return self._dice.text()
        if kind == 1:
            return f'{{"message": "say", "data": {self._dice.value()}}}'
        text = grow(self.tree(self._chance.randrange(MAX_DEPTH)))
        if kind == 3:
            return self._dice.mutated(text.encode()).decode(errors="replace")
        return text


def test_no_message_raises(seed: int) -> None:
    messages, service = Messages(seed), Service()
    statuses: dict[int, int] = {}
    for _ in range(size(100_000, 250)):
        text = messages.text()
        status = service.status(text)
        assert status in (200, 400, 404), text
        statuses[status] = statuses.get(status, 0) + 1
        for _, frame in service.transport.posts:
            json.loads(frame, parse_constant=pytest.fail)
    assert statuses[200] > statuses[400] / 20
    NOTES.append(f"messages by status: {statuses}")
