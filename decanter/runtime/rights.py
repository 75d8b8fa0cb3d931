"""`@uses` declares the rights of a function on AWS.

    @app.route("/scores")
    @uses(reads=[Score])
    def scores(): ...

Decanter writes the functions' IAM policies from these declarations. By default, the local gateway
and the test client refuse calls that the policies do not allow. On AWS, `@uses` does nothing.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, NamedTuple, TypeVar

from decanter.runtime.errors import DeclarationError
from decanter.runtime.functions import check_flags, name_of, named_arguments

F = TypeVar("F", bound=Callable[..., Any])

_ATTRIBUTE = "decanter_uses"
_EFFECTS = ("Allow", "Deny")


class Uses(NamedTuple):
    """The rights of a function, a route or a hook.

    Attributes:
        reads: the environment variables of the tables that the function reads.
        writes: the environment variables of the tables that the function writes.
        sends: True if the function sends messages or closes connections.
        also: further statements of an IAM policy.
    """

    place: str
    reads: list[str]
    writes: list[str]
    sends: bool
    also: list[Mapping[str, Any]]


declared: list[Uses] = []
"""All declarations. Decanter refuses a declaration on a function that the app never runs."""


@named_arguments("@uses(reads=[Model], writes=[Model], sends=True)")
def uses(
    *,
    reads: Sequence[type] = (),
    writes: Sequence[type] = (),
    sends: bool = False,
    also: Sequence[Mapping[str, Any]] = (),
) -> Callable[[F], F]:
    """Declare the AWS calls of a Lambda function, an HTTP route, or a router's route or hook.

    If a Lambda function runs several routes and hooks, it has the rights of all of them. Code
    without `@uses` may use every declared table. The other rights of the Lambda function then come
    from its policy file or from Chalice's analysis of the code.

    Args:
        reads: models to read, with their indexes: GetItem, BatchGetItem, Query and Scan.
        writes: models to write: PutItem, UpdateItem, DeleteItem, BatchWriteItem and
            ConditionCheckItem.
        sends: True to send messages to connections and to close them.
        also: statements of an IAM policy for other services. With `chalice deploy`, a statement
            cannot contain CloudFormation functions.

    Raises:
        DeclarationError: a model has no decorator such as `@table`, a statement is invalid, or
            `@uses` is above a decorator of Chalice that wraps the function.
    """

    def declare(function: F) -> F:
        found = Uses(
            place_of(function),
            _variables("reads", reads),
            _variables("writes", writes),
            sends,
            [_statement(each) for each in _sequence("also", also)],
        )
        _check_function(function, sends)
        setattr(function, _ATTRIBUTE, found)
        declared.append(found)
        return function

    return declare


def contributions(functions: Iterable[Any], *, sends: bool = False) -> list[dict[str, Any]]:
    """Return the rights that each of these functions adds, for the tool.

    The framework's own hooks without `@uses` add no rights, because the models and the router
    declare the calls of these hooks.

    `sends` is True if a function without `@uses` may send.
    """
    return [
        {"place": place_of(each), "sends": sends, "uses": _as_json(each)}
        for each in functions
        if hasattr(each, _ATTRIBUTE) or not _module(each).startswith("decanter.")
    ]


def place_of(function: Any) -> str:
    """Return the module and name of a function, or of an object's class."""
    name = getattr(function, "__qualname__", None) or type(function).__qualname__
    return f"{_module(function)}.{name}"


def _module(function: Any) -> str:
    return str(getattr(function, "__module__", None) or type(function).__module__)


def _as_json(function: Any) -> dict[str, Any] | None:
    found: Uses | None = getattr(function, _ATTRIBUTE, None)
    return None if found is None else found._asdict()


def _check_function(function: Any, sends: object) -> None:
    where = f"@uses of {place_of(function)}"
    check_flags(where, sends=sends)
    if type(function).__module__.partition(".")[0] == "chalice":
        raise DeclarationError(
            f"{where}: it is above Chalice's decorator: put it below, directly above the function"
        )
    if not callable(function) or isinstance(function, type) or not hasattr(function, "__dict__"):
        raise DeclarationError(f"{where}: it must decorate a function")
    if _ATTRIBUTE in vars(function):
        raise DeclarationError(f"{where}: the function has two: write one with all rights")


def _variables(argument: str, models: Sequence[type]) -> list[str]:
    found = []
    for model in _sequence(argument, models):
        variable = getattr(getattr(model, "Meta", None), "variable", None)
        if not variable:
            raise DeclarationError(
                f"@uses: {name_of(model)} of {argument} is not a declared table: "
                "add @table or @connection_table to its model"
            )
        found.append(variable)
    return found


def _statement(statement: Any) -> dict[str, Any]:
    problem = None
    if not isinstance(statement, Mapping):
        problem = "is not a dict"
    elif statement.get("Effect") not in _EFFECTS:
        problem = 'needs "Effect": "Allow" or "Deny"'
    elif ("Action" in statement) == ("NotAction" in statement):
        problem = 'needs "Action" or "NotAction"'
    elif ("Resource" in statement) == ("NotResource" in statement):
        problem = 'needs "Resource" or "NotResource"'
    if problem:
        raise DeclarationError(f"@uses: the statement {statement!r} of also {problem}")
    return dict(statement)


def _sequence(argument: str, given: Any) -> Sequence[Any]:
    if not isinstance(given, list | tuple | set | frozenset):
        raise DeclarationError(
            f"@uses: {argument}={name_of(given)} is not a list: write it in square brackets"
        )
    return list(given)
