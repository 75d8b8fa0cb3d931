"""How the framework's decorators are written: a wrong form names the right one."""

from collections.abc import Callable
from typing import Any

import pytest
from chalice.app import Chalice
from pynamodb.attributes import UnicodeAttribute

import decanter
from decanter import (
    AllowedOrigins,
    IdentifiedModel,
    JobModel,
    Queue,
    RateLimit,
    RateLimitedModel,
    Router,
    Routes,
    SubscriptionModel,
    connection_table,
    job_table,
    publish_route,
    scheduled_sweep,
    subscription_table,
    table,
)
from decanter.runtime.errors import DeclarationError


class Model(IdentifiedModel):
    """A model without a declaration."""


def function(request: object) -> None:
    """A handler, as a decorator without parentheses gets it."""


DECLARATIONS = ["uses", "table", "connection_table", "job_table", "subscription_table"]


@pytest.mark.parametrize("given", [Model, function, "ORDERS_TABLE"])
@pytest.mark.parametrize("name", DECLARATIONS)
def test_a_declaration_takes_only_named_arguments(name: str, given: object) -> None:
    decorator: Callable[..., Any] = getattr(decanter, name)
    said = getattr(given, "__name__", repr(given))
    with pytest.raises(
        DeclarationError, match=rf"@{name} takes only .*, not {said}: write @{name}\("
    ):
        decorator(given)


@pytest.mark.parametrize("name", DECLARATIONS)
def test_a_declaration_names_its_arguments(name: str) -> None:
    decorator: Callable[..., Any] = getattr(decanter, name)
    with pytest.raises(
        DeclarationError, match=rf"@{name} .* argument .*: its arguments are .*, as in @"
    ):
        decorator(env="ORDERS_TABLE", rights="all")


@pytest.mark.parametrize("name", ["table", "connection_table", "job_table", "subscription_table"])
@pytest.mark.parametrize("given", [int, function])
def test_a_table_needs_a_model(name: str, given: Any) -> None:
    decorator: Callable[..., Any] = getattr(decanter, name)
    problem = f"@{name}: {given.__name__} must be a class derived from "
    with pytest.raises(DeclarationError, match=problem):
        decorator(env="ORDERS_TABLE")(given)


@connection_table(env="CONNECTIONS_TABLE")
class Connection(IdentifiedModel):
    connection_id = UnicodeAttribute(hash_key=True)


class Undeclared(IdentifiedModel, RateLimitedModel):
    connection_id = UnicodeAttribute(hash_key=True)


class Jobs(JobModel): ...


class Subscriptions(SubscriptionModel): ...


def router(**arguments: Any) -> Any:
    return Router("$request.body.action", connections=Connection, **arguments)


def included_in_itself() -> None:
    routes = Routes()
    routes.include(routes)


APP: Any = Chalice(app_name="rooms")
ANY: Any = decanter
FIVE: Any = 5
NONE: Any = None
WITH: Any = 'write Router("$request.body.name", connections=Connection)'

CALLS: dict[str, tuple[Callable[[], Any], str]] = {
    "queue 5": (lambda: Queue(FIVE), "Queue(5): a name has 1 to 80 letters"),
    "queue": (ANY.Queue, "missing a required argument: 'name': write Queue(\"broad"),
    "queue x 3": (lambda: ANY.Queue("x", 3), "too many positional arguments: write Queue("),
    "concurrency": (lambda: ANY.Queue("x", concurrency="2"), "concurrency='2' is not from 2 to"),
    "a half": (lambda: ANY.Queue("x", concurrency=2.5), "concurrency=2.5 is not from 2 to 1000"),
    "jobs": (lambda: ANY.Queue("x", jobs=Connection), "jobs Connection must be a class derived fr"),
    "jobs x": (lambda: ANY.Queue("x", jobs="x"), "Queue('x'): jobs 'x' must be a class derived f"),
    "no job table": (lambda: Queue("x", jobs=Jobs), "jobs Jobs is not a declared table: give a"),
    "router": (ANY.Router, f"missing a required argument: 'expression': {WITH}"),
    "no table": (lambda: ANY.Router("$request.body.a"), f"argument: 'connections': {WITH}"),
    "positional": (lambda: ANY.Router("$a", Connection), f"too many positional arguments: {WITH}"),
    "table": (lambda: router(table=1), f"got an unexpected keyword argument 'table': {WITH}"),
    "number": (lambda: ANY.Router(5, connections=Connection), "string such as $request.body.name"),
    "undeclared": (
        lambda: Router("$request.body.a", connections=Undeclared),
        "connections Undeclared is not a declared table: give a class with @connection_table",
    ),
    "row": (
        lambda: Router("$request.body.a", connections=Connection()),
        "is not a declared table: give a class with @connection_table",
    ),
    "subscriptions": (
        lambda: router(subscriptions=Subscriptions).channel("a"),
        "the subscription table Subscriptions is not a declared table: give a class with @subscr",
    ),
    "route": (lambda: router().route(), "argument: 'route_key': write @router.route(\"name\")"),
    "operation": (lambda: router().route("a", 5), "route 'a': operation_name=5 must be a string"),
    "channel": (lambda: router().channel(), "argument: 'pattern': write @router.channel(\"name\""),
    "channel flag": (lambda: router().channel("a", True), "too many positional arguments: write"),
    "on_error": (lambda: router().on_error(), "'kind': write @router.on_error(Exception)"),
    "two errors": (lambda: router().on_error(OSError, KeyError), "too many positional arguments"),
    "include": (lambda: router().include(), "argument: 'routes': write router.include(chat.rou"),
    "include itself": (included_in_itself, "include the Routes object of a module, as in router"),
    "include router": (lambda: router().include(router()), "include the Routes object of a modul"),
    "RateLimit": (ANY.RateLimit, "argument: 'connections': write RateLimit(Connection)"),
    "no rate table": (lambda: RateLimit(Undeclared), "RateLimit: Undeclared is not a declared tab"),
    "rate": (
        lambda: RateLimit(rated(), "10"),  # type: ignore[arg-type]
        "RateLimit does not take '10': set its environment variables instead",
    ),
    "origins": (
        lambda: AllowedOrigins("https://example.com"),  # type: ignore[arg-type]
        "AllowedOrigins does not take 'https://example.com': set its environment variables",
    ),
    "tokens": (lambda: ANY.WebTokens("secret"), "WebTokens does not take 'secret': set its enviro"),
    "publish_route": (ANY.publish_route, "argument: 'router': write publish_route(rou"),
    "publish app": (lambda: publish_route(APP), "publish_route(<chalice.app.Chalice object at"),
    "sweep": (lambda: ANY.scheduled_sweep(APP), "write sweep = scheduled_sweep(app, router)"),
    "sweep swapped": (
        lambda: scheduled_sweep(router(), APP),
        "write sweep = scheduled_sweep(app, ",
    ),
    "sweep minutes": (
        lambda: scheduled_sweep(APP, router(), "5"),  # type: ignore[arg-type]
        "scheduled_sweep does not take '5': set its environment variables instead",
    ),
    "env": (lambda: connection_table(env=FIVE)(Undeclared), "env must name an environment v"),
    "table env": (lambda: table(env=NONE)(Undeclared), "env must name an environment variabl"),
    "jobs env": (lambda: job_table(env=FIVE)(Jobs), "env must name an environment variable"),
    "subscriptions env": (
        lambda: subscription_table(env=FIVE)(Subscriptions),
        "env must name an environment variable",
    ),
    "existing": (lambda: table(env="T", existing=FIVE)(Undeclared), "existing=5 is not a table"),
}


def rated() -> type[RateLimitedModel]:
    @connection_table(env="CONNECTIONS_TABLE")
    class Rated(RateLimitedModel):
        connection_id = UnicodeAttribute(hash_key=True)

    return Rated


@pytest.mark.parametrize("call", CALLS)
def test_a_wrong_argument_is_a_declaration_error(call: str) -> None:
    """Without a check, Python raises a TypeError or AttributeError with a traceback, or nothing."""
    make, problem = CALLS[call]
    with pytest.raises(DeclarationError) as refused:
        make()
    assert problem in str(refused.value)


def test_a_type_error_inside_a_declaration_is_kept() -> None:
    class Broken(dict[str, str]):
        def get(self, *_: Any) -> Any:
            raise TypeError("broken")

    with pytest.raises(TypeError, match="broken"):
        scheduled_sweep(APP, router(), Broken())
