"""`@uses`: what it records, what it refuses, and what the tool reads."""

from functools import wraps
from typing import Any

import pytest
from chalice.app import Chalice
from pynamodb.attributes import UnicodeAttribute
from pynamodb.models import Model

from decanter import AllowedOrigins, table, uses
from decanter.runtime.errors import DeclarationError
from decanter.runtime.rights import contributions

STATEMENT = {"Effect": "Allow", "Action": "s3:GetObject", "Resource": "arn:aws:s3:::pictures/*"}


@table(env="SCORES_TABLE")
class Score(Model):
    game = UnicodeAttribute(hash_key=True)


class Undeclared(Model):
    game = UnicodeAttribute(hash_key=True)


def work(*_: object) -> None: ...


def declared_by(function: Any) -> Any:
    (found,) = contributions([function])
    return found["uses"]


def test_it_records_variables_and_statements() -> None:
    @uses(reads=[Score], sends=True, also=[STATEMENT])
    def function() -> None: ...

    assert declared_by(function) == {
        "place": f"{__name__}.{function.__qualname__}",
        "reads": ["SCORES_TABLE"],
        "writes": [],
        "sends": True,
        "also": [STATEMENT],
    }


def test_a_function_without_it_has_no_rights_of_its_own() -> None:
    assert contributions([work], sends=True) == [
        {"place": f"{__name__}.work", "sends": True, "uses": None}
    ]


def test_the_frameworks_own_hooks_add_nothing() -> None:
    assert contributions([AllowedOrigins()]) == []


def test_an_object_with_a_call_method_may_have_it() -> None:
    class Hook:
        def __call__(self, request: object) -> None: ...

    assert declared_by(uses(writes=[Score])(Hook()))["writes"] == ["SCORES_TABLE"]


def test_a_decorator_that_keeps_attributes_may_be_in_between() -> None:
    @uses(reads=[Score])
    def inner() -> None: ...

    @wraps(inner)
    def outer() -> None: ...

    assert declared_by(outer)["reads"] == ["SCORES_TABLE"]


def test_below_chalices_decorator_it_is_on_the_function() -> None:
    app = Chalice("pour")

    @app.route("/")
    @uses(reads=[Score])
    def index() -> None: ...

    view = app.routes["/"]["GET"].view_function
    assert declared_by(view)["reads"] == ["SCORES_TABLE"]


def above_a_schedule() -> None:
    app = Chalice("pour")

    @uses()
    @app.schedule("rate(1 hour)")
    def hourly(event: Any) -> None: ...


def twice() -> None:
    @uses(sends=True)
    @uses(reads=[Score])
    def function() -> None: ...


@pytest.mark.parametrize(
    ("declare", "problem"),
    [
        (above_a_schedule, "it is above Chalice's decorator: put it below"),
        (twice, "the function has two: write one with all rights"),
        (lambda: uses()(5), "it must decorate a function"),  # type: ignore[type-var]
        (lambda: uses()(Score), "it must decorate a function"),
        (lambda: uses()(print), "it must decorate a function"),
        (lambda: uses(reads=[Undeclared])(work), "Undeclared of reads is not a declared table"),
        (lambda: uses(writes=[Model])(work), "Model of writes is not a declared table"),
        (lambda: uses(reads=["SCORES"])(work), "'SCORES' of reads is not a declared table"),  # type: ignore[list-item]
        (lambda: uses(reads=Score)(work), "reads=Score is not a list: write it in square brackets"),  # type: ignore[arg-type]
        (lambda: uses(also=STATEMENT)(work), "is not a list: write it in square brackets"),  # type: ignore[arg-type]
        (lambda: uses(sends="yes")(work), "work: sends='yes' must be True or False"),  # type: ignore[arg-type]
        (lambda: uses(read=[Score])(work), "'read': its arguments are reads, writes, sends, also,"),  # type: ignore[call-arg]
        (lambda: uses(also=["s3:*"])(work), "is not a dict"),  # type: ignore[list-item]
        (lambda: uses(also=[{**STATEMENT, "Effect": "allow"}])(work), 'needs "Effect"'),
        (lambda: uses(also=[{**STATEMENT, "NotAction": "x"}])(work), '"Action" or "NotAction"'),
        (
            lambda: uses(also=[{"Effect": "Deny", "Action": "s3:*"}])(work),
            '"Resource" or "NotResource"',
        ),
    ],
)
def test_a_mistake_is_refused_at_import(declare: Any, problem: str) -> None:
    with pytest.raises(DeclarationError) as refused:
        declare()
    assert problem in str(refused.value)
    assert "\n" not in str(refused.value)
