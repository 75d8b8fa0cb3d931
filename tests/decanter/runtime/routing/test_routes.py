from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any

import pytest
from pynamodb.attributes import UnicodeAttribute

from decanter import ConnectionModel, IdentifiedModel, RateLimit, Router, connection_table
from decanter.runtime.errors import DeclarationError
from decanter.runtime.functions import place
from decanter.runtime.routing.request import Request
from decanter.runtime.routing.response import Response, response_of
from decanter.runtime.routing.routes import GetResponse, Route, Routes
from tests.support.events import message_event


def request(body: str = "{}") -> Request:
    return Request(message_event(body), None, outbox=None)  # type: ignore[arg-type]


def router() -> Router:
    @connection_table(env="CONNECTIONS_TABLE")
    class Connection(IdentifiedModel):
        connection_id = UnicodeAttribute(hash_key=True, attr_name="connectionID")

    return Router("$request.body.action", connections=Connection)


@pytest.mark.parametrize(
    ("returned", "response"),
    [
        (None, {"statusCode": 200}),
        ("Data sent.", {"statusCode": 200, "body": "Data sent."}),
        ({"statusCode": 202}, {"statusCode": 202}),
    ],
)
def test_a_functions_return_value_becomes_the_response(returned: Any, response: Response) -> None:
    assert response_of(returned) == response


@pytest.mark.parametrize("returned", [3, ["x"], {}, {"statusCode": "200"}])
def test_an_invalid_return_value_is_refused(returned: Any) -> None:
    with pytest.raises(TypeError, match="a dict with an integer statusCode"):
        response_of(returned)


def test_middleware_runs_around_the_function_the_outermost_first() -> None:
    seen: list[str] = []

    def named(name: str) -> Any:
        def around(request: Request, get_response: GetResponse) -> Response:
            seen.append(f"{name} in")
            response = get_response(request)
            seen.append(f"{name} out")
            return {**response, "body": f"{response['body']} {name}"}

        return around

    def function(request: Request) -> str:
        seen.append("route")
        return "done"

    route = Route("move", function, middleware=(named("module"),))
    assert route.answer(request(), [named("router")])["body"] == "done module router"
    assert seen == ["router in", "module in", "route", "module out", "router out"]


def test_middleware_may_answer_without_the_route() -> None:
    def refuse(request: Request, get_response: GetResponse) -> str:
        return "no"

    def function(request: Request) -> None:
        raise AssertionError

    answer = Route("move", function, middleware=(refuse,)).answer(request())
    assert answer == {"statusCode": 200, "body": "no"}


def test_the_payload_is_read_from_the_message() -> None:
    def function(request: Request, payload: str) -> str:
        return payload

    route = Route("move", function, read_payload=lambda document: document["x"])
    assert route.answer(request('{"x": "payload"}'))["body"] == "payload"


@dataclass
class Move:
    x: int


def first(request: Request) -> None: ...


def second(request: Request) -> None: ...


def test_a_duplicate_key_is_refused_and_both_functions_are_named() -> None:
    routes = Routes()
    routes.route("move")(first)
    with pytest.raises(DeclarationError) as caught:
        routes.route("move")(second)
    assert str(caught.value) == (
        f"route 'move' is declared twice: by first ({__name__}) and by second ({__name__})"
    )


@pytest.mark.parametrize("key", ["", "$connect", "$disconnect", "$mine"])
def test_reserved_keys_are_refused(key: str) -> None:
    with pytest.raises(DeclarationError, match="which API Gateway reserves"):
        Routes().route(key)(first)


def test_decorators_return_the_function() -> None:
    routes = Routes()

    def anything(*_: Any) -> None: ...

    for declare in (routes.on_connect, routes.on_disconnect, routes.on_message, routes.middleware):
        assert declare(anything) is anything
    assert routes.on_error(ValueError)(anything) is anything
    assert routes.default(first) is first


def test_a_decorator_without_its_argument_is_refused() -> None:
    """Without a check, the function would be the argument, and nothing would be declared."""

    def move(request: Request) -> None:
        """A route."""

    decorators: dict[str, Any] = {
        '@router.route("move")': Routes().route,
        "@router.on_error(Exception)": Routes().on_error,
        '@router.channel("move")': router().channel,
    }
    for line, decorator in decorators.items():
        with pytest.raises(DeclarationError) as refused:
            decorator(move)
        name = line.partition("(")[0]
        assert str(refused.value) == f"{name} of move ({__name__}) has no argument: write {line}"


async def refuse(*_: Any) -> bool:
    return False


def refuse_later(*_: Any) -> Iterator[bool]:
    yield False


class Refuse:
    async def __call__(self, *_: Any) -> bool:
        return False


class Hook:
    """A hook whose object is declared, not the class."""

    def __call__(self, *_: Any) -> None: ...


@pytest.mark.parametrize(
    ("given", "problem"),
    [
        (refuse, f"refuse ({__name__}) is async, but the router calls it without await: write def"),
        (Refuse(), f"Refuse ({__name__}) is async, but the router calls it without await"),
        (partial(refuse), f"refuse ({__name__}) is async, but the router calls it without await"),
        (
            refuse_later,
            f"refuse_later ({__name__}) contains yield, so a call runs none of its code",
        ),
        (Hook, f"Hook ({__name__}) is a class, and a call only creates an object: write Hook()"),
        (partial(Hook), f"Hook ({__name__}) is a class, and a call only creates an object"),
        (object(), "<object object at "),
        (Move(1), f"Move ({__name__}) cannot be called: declare a function"),
        ("hook", "'hook' cannot be called: declare a function, or an object with __call__"),
        (None, "None cannot be called: declare a function, or an object with __call__"),
    ],
)
def test_a_function_that_a_call_would_not_run_is_refused(given: Any, problem: str) -> None:
    """Such a hook would refuse nobody, because its code does not run."""
    routes, app = Routes(), router()
    declare: list[Callable[[Any], Any]] = [
        *(routes.on_connect, routes.on_disconnect, routes.on_message, routes.middleware),
        *(routes.default, routes.route("move"), routes.on_error(KeyError), app.authenticate),
        *(app.channel("chat:{room}"), app.channel("news")(lambda _: True).on_publish),
    ]
    if given is not None:
        declare.append(lambda allow: routes.route("other", allow=allow)(lambda _: None))
    for each in declare:
        with pytest.raises(DeclarationError) as refused:
            each(given)
        assert problem in str(refused.value)
    assert not any([routes.declared, routes.connect_hooks, routes.message_hooks, routes.around])


def test_a_hook_may_be_an_object_or_partial() -> None:
    routes = Routes()
    routes.on_connect(Hook())
    routes.on_message(partial(first))
    routes.on_message(lambda request, limit=3: None)
    without_signature: Any = max
    routes.on_message(without_signature)
    assert len(routes.connect_hooks) == 1


class NoRequest:
    def __call__(self) -> None: ...


@pytest.mark.parametrize(
    "given", [lambda: None, lambda a, b, c: None, NoRequest(), partial(first, request())]
)
@pytest.mark.parametrize(
    ("declare", "problem"),
    [
        (lambda app: app.on_connect, "connect hook {} must take (handshake), not ("),
        (lambda app: app.on_disconnect, "disconnect hook {} must take (disconnection), not ("),
        (lambda app: app.on_message, "message hook {} must take (request), not ("),
        (lambda app: app.authenticate, "authenticate hook {} must take (hello), not ("),
        (lambda app: app.middleware, "middleware {} must take (request, get_response), not ("),
        (lambda app: app.on_error(OSError), "error handler of OSError: {} must take (request, err"),
        (
            lambda app: lambda allow: app.route("a", allow=allow)(first),
            "allow of route 'a': {} must take (request), not (",
        ),
        (lambda app: app.route("a"), "{} must take a request, or a request and a payload"),
        (lambda app: app.default, "{} must take a request, or a request and a payload"),
        (lambda app: app.channel("a:{b}"), "channel 'a:{{b}}': {} must take (subscription, b)"),
    ],
)
def test_a_function_with_other_parameters_is_refused(
    declare: Any, problem: str, given: Any
) -> None:
    with pytest.raises(DeclarationError) as refused:
        declare(router())(given)
    assert problem.format(place(given)) in str(refused.value)


def test_empty_parentheses_are_refused() -> None:
    app: Any = router()
    names = ("on_connect", "on_disconnect", "on_message", "middleware", "default", "authenticate")
    publish = app.channel("news")(lambda _: True).on_publish
    for decorator in (*(getattr(app, name) for name in names), publish):
        with pytest.raises(DeclarationError) as refused:
            decorator()
        name = decorator.__name__
        assert (
            str(refused.value) == f"@{name}() gets no function: write @{name} without parentheses"
        )


@connection_table(env="CONNECTIONS_TABLE")
class Room(ConnectionModel):
    """A connection table without an identity and without a count."""

    connection_id = UnicodeAttribute(hash_key=True)


@pytest.mark.parametrize(
    ("declare", "problem"),
    [
        (lambda app: app.route(5), '@router.route does not take 5: write @router.route("name")'),
        (lambda app: app.channel(5), "@router.channel does not take 5"),
        (lambda app: app.on_error("KeyError"), "@router.on_error does not take 'KeyError'"),
        (
            lambda app: app.on_error(Room),
            "@router.on_error does not take Room: write @router.on_er",
        ),
        (lambda app: app.channel("news", presence="yes"), "presence='yes' must be True or False"),
        (
            lambda app: app.channel("news", join_leave=1),
            "channel 'news': join_leave=1 must be True",
        ),
        (lambda app: app.include("chat"), "router.include('chat'): include the Routes object"),
        (lambda app: app.include(Routes), "router.include(Routes): include the Routes object"),
        (lambda _: RateLimit("ROOMS"), "'ROOMS' must be a class derived from RateLimitedModel"),  # type: ignore[arg-type]
        (lambda _: RateLimit(Room), "RateLimit: Room must be a class derived from RateLimited"),  # type: ignore[arg-type]
        (lambda _: Router("$request.body.a", connections=Move), "connections=Move must be a class"),  # type: ignore[arg-type]
        (
            lambda _: Router("$request.body.a", connections=Room, queue="jobs"),  # type: ignore[arg-type]
            "Router: queue='jobs' must be a Queue, such as Queue(",
        ),
        (
            lambda _: Router("$request.body.a", connections=Room).authenticate(Hook()),
            "the connection table stores no identity: derive Room from IdentifiedModel",
        ),
        (
            lambda _: Router("$request.body.a", connections=Room).channel("news"),
            "the connection table Room must be a class derived from IdentifiedModel",
        ),
    ],
)
def test_an_argument_of_another_kind_is_refused(declare: Any, problem: str) -> None:
    with pytest.raises(DeclarationError) as refused:
        declare(router())
    assert problem in str(refused.value)


def test_nothing_can_be_declared_after_closing() -> None:
    routes = Routes()
    routes.seal("the first event: declare routes where app.py is imported")
    late: list[Any] = [
        *(routes.route("late"), routes.default, routes.on_connect, routes.on_disconnect),
        *(routes.on_message, routes.middleware, routes.on_error(ValueError)),
    ]
    for declare in late:
        with pytest.raises(DeclarationError, match="after the first event: declare routes where"):
            declare(first)
    with pytest.raises(DeclarationError, match="a module of routes is declared after the first"):
        routes.include(Routes())


def test_include_adds_all_declarations_and_closes_the_module() -> None:
    inner, outer = Routes(), Routes()

    def around(request: Request, get_response: Any) -> Any:
        return get_response(request)

    def hook(_: object) -> None: ...

    def answer(request: Request, error: ValueError) -> None: ...

    @inner.route("move", operation_name="Move")
    def move(request: Request, payload: Move) -> None: ...

    inner.middleware(around)
    inner.on_connect(hook)
    inner.on_disconnect(hook)
    inner.on_message(hook)
    inner.on_error(ValueError)(answer)
    outer.include(inner)
    route = outer.declared["move"]
    assert (route.function, route.operation_name, route.middleware) == (move, "Move", (around,))
    assert [outer.connect_hooks, outer.disconnect_hooks, outer.message_hooks] == [[hook]] * 3
    assert (outer.around, outer.error_handlers) == ([], {ValueError: answer})
    with pytest.raises(DeclarationError, match="after its Routes were included: include them"):
        inner.route("late")(first)


def test_nested_modules_keep_the_order_of_their_middleware() -> None:
    def outermost(request: Request, get_response: Any) -> Any: ...

    def innermost(request: Request, get_response: Any) -> Any: ...

    inner, middle, outer = Routes(), Routes(), Routes()
    inner.route("move")(first)
    inner.middleware(innermost)
    middle.middleware(outermost)
    middle.include(inner)
    outer.include(middle)
    assert outer.declared["move"].middleware == (outermost, innermost)


def test_a_declaration_in_two_modules_is_refused() -> None:
    def answer(request: Request, error: ValueError) -> None: ...

    def other(request: Request, error: ValueError) -> None: ...

    one, two = Routes(), Routes()
    one.on_error(ValueError)(answer)
    two.on_error(ValueError)(other)
    one_more = Routes()
    one_more.include(one)
    with pytest.raises(
        DeclarationError, match=r"ValueError has two error handlers: answer .* other"
    ):
        one_more.include(two)
