"""The Lambda functions of a Chalice app, and the objects that Lambda finds for them.

Chalice packages each function with a handler string, such as `app.message`. The first part is `app`
or the Blueprint's module. The second part is the name of the decorated function, even if the app
sets another name with `name=`. Lambda imports the module and calls the attribute. Source: Chalice
1.34, `app.py`, `deploy/appgraph.py`.

In the project's own environment, this file is loaded by its path, as `app_process` is. Therefore,
this file imports only the standard library and the project's Chalice.
"""

from __future__ import annotations

import enum
import gc
import importlib
import inspect
import json
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from types import ModuleType
from typing import Any

# The keys of the WebSocket functions in Chalice's configuration. They do not depend on the
# handlers' names. One function runs all routes except $connect and $disconnect.
FUNCTION_OF_ROUTE = {
    "$connect": "websocket_connect",
    "$default": "websocket_message",
    "$disconnect": "websocket_disconnect",
}
HTTP_FUNCTION = "api_handler"
"""Chalice's name for the function that runs all HTTP routes of an app."""

SOURCES: dict[str, tuple[str, Callable[[Any], Any]]] = {
    "ScheduledEventConfig": ("schedule", lambda source: expression(source.schedule_expression)),
    "CloudWatchEventConfig": ("cloudwatch", lambda source: json.dumps(source.event_pattern)),
    "S3EventConfig": ("s3", lambda source: source.bucket),
    "SNSEventConfig": ("sns", lambda source: source.topic),
    "SQSEventConfig": ("sqs", lambda source: getattr(source, "queue_arn", None) or source.queue),
    "KinesisEventConfig": ("kinesis", lambda source: source.stream),
    "DynamoDBEventConfig": ("dynamodb", lambda source: source.stream_arn),
}
"""The kind of each event source class in Chalice, and a function that returns its source."""

WINDOW = "maximum_batching_window_in_seconds"

MOST_OBJECTS = 2000
"""The maximum number of objects to examine when `leads_to` searches for a function."""


class HandlerNotFound(Exception):
    """Lambda would not find a handler.

    The text is Lambda's message. The cause, if any, is the error of the import.
    """


class Finding(enum.Enum):
    """The ways in which an object that Lambda finds may run a function of the app."""

    WRAPPED = enum.auto()
    """The object seems to run Chalice's wrapper of the function."""
    BARE = enum.auto()
    """The object seems to run the function without Chalice's wrapper."""
    OTHER = enum.auto()


@dataclass(frozen=True)
class Registered:
    """A Lambda function that Chalice creates for the app.

    `declaration.LambdaFunction` describes the attributes that the two classes share.

    Attributes:
        label: the name of the function in messages to the user.
        function: the decorated function, or None if Decanter cannot find it.
    """

    name: str
    kind: str
    source: str
    handler: str
    label: str
    function: Callable[..., Any] | None = None
    mapping: dict[str, Any] = field(default_factory=dict)
    objects: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Fault:
    """A reason why a function does not run on AWS, in one line for the user.

    `certain` is False if the function may run correctly in spite of this reason.
    """

    text: str
    certain: bool = True


def registered(app: Any) -> list[Registered]:
    """Return the functions that Chalice creates for the app, in Chalice's order."""
    found = [*websocket_functions(app)]
    if app.routes:
        found.append(Registered(HTTP_FUNCTION, "http", first_route(app), "app.app", "app"))
    found += [
        Registered(each.name, "lambda", "", each.handler_string, each.name, each.func)
        for each in app.pure_lambda_functions
    ]
    found += [event_function(app, each) for each in app.event_sources]
    if app.routes:  # Chalice creates the function of an authorizer only if there is a REST API
        found += [
            Registered(
                *(each.name, "authorizer", "", each.handler_string, each.name),
                decorated(app, each),
            )
            for each in app.builtin_auth_handlers
        ]
    return found


def websocket_functions(app: Any) -> Iterator[Registered]:
    """Yield at most three functions. The first message handler gets all messages."""
    routes: dict[str, list[Any]] = {}
    for key, handler in app.websocket_handlers.items():
        routes.setdefault(function_of_route(key), []).append(handler)
    for name, handlers in routes.items():
        first = handlers[0]
        keys = ", ".join(each.route_key_handled for each in handlers)
        function = first.handler_function
        yield Registered(name, "websocket", keys, first.handler_string, first.name, function)


def websocket_handlers(app: Any) -> dict[str, dict[str, str]]:
    """Return each handler's name and the configuration key of its function, by route key."""
    return {
        route_key: {"name": handler.name, "function": function_of_route(route_key)}
        for route_key, handler in sorted(app.websocket_handlers.items())
    }


def function_of_route(key: str) -> str:
    """Return the configuration key of a route's function."""
    return FUNCTION_OF_ROUTE.get(key, FUNCTION_OF_ROUTE["$default"])


def event_function(app: Any, source: Any) -> Registered:
    """Return the function of an event source."""
    names = [each.__name__ for each in type(source).__mro__]
    kind, read = next(
        (SOURCES[each] for each in names if each in SOURCES), ("lambda", lambda _: "")
    )
    handler = source.handler_string
    function = decorated(app, source)
    text, mapping = str(read(source)), mapping_of(source) if kind == "sqs" else {}
    objects = objects_of(source) if kind == "s3" else {}
    return Registered(source.name, kind, text, handler, source.name, function, mapping, objects)


def mapping_of(source: Any) -> dict[str, Any]:
    """Return the settings of the event source mapping that Chalice creates for a queue."""
    found = {
        "BatchSize": source.batch_size,
        "MaximumBatchingWindowInSeconds": getattr(source, WINDOW, None),
        "MaximumConcurrency": getattr(source, "maximum_concurrency", None),
    }
    return {name: value for name, value in found.items() if value is not None}


def objects_of(source: Any) -> dict[str, Any]:
    """Return the bucket's events that invoke a function, and the prefix and suffix of the keys."""
    return {
        "events": [*source.events],
        "prefix": source.prefix or "",
        "suffix": source.suffix or "",
    }


def functions_of(app: Any, each: Registered) -> list[Any]:
    """Return the app's functions that a Lambda function runs."""
    if each.kind == "http":
        return [entry.view_function for path in app.routes.values() for entry in path.values()]
    return [each.function] if each.function is not None else []


def called(app: Any) -> tuple[list[Any], Any, Any]:
    """Return the functions that Chalice calls, the function for `$connect`, and the HTTP routes."""
    functions = [it for each in registered(app) for it in functions_of(app, each)]
    connect = app.websocket_handlers.get("$connect")
    return functions, connect and connect.handler_function, app.routes


def expression(schedule: Any) -> str:
    """Return a schedule as `rate(…)` or `cron(…)`."""
    return schedule if isinstance(schedule, str) else str(schedule.to_string())


def first_route(app: Any) -> str:
    """Return the method and the path of an HTTP route of the app."""
    path = min(app.routes)
    return f"{min(app.routes[path])} {path}"


def decorated(app: Any, config: Any) -> Any:
    """Return a registration's function; None if `handler_map` has another one under its name."""
    function = inner(app.handler_map.get(config.name))
    name = getattr(function, "__name__", None)
    return function if name == config.handler_string.rpartition(".")[2] else None


def inner(wrapper: Any) -> Any:
    """Return the function in one of Chalice's wrappers; None if the object is not a wrapper."""
    from chalice.app import ChaliceAuthorizer, EventSourceHandler, PureLambdaWrapper

    if not isinstance(wrapper, (EventSourceHandler, ChaliceAuthorizer)):
        return None
    function = wrapper.func
    return function._original_func if isinstance(function, PureLambdaWrapper) else function


# ------------------------------------------------------------------------------- what Lambda does


def find(handler: str, module: ModuleType) -> Callable[..., Any]:
    """Return the object that a handler string, such as `app.message`, names.

    `module` is the app's module, whose `__name__` may differ from the name in `handler`.

    Raises:
        HandlerNotFound: the handler string names no callable object.
    """
    name, _, attribute = handler.rpartition(".")
    try:
        there = module if name == "app" else importlib.import_module(name)
    except Exception as error:
        raise HandlerNotFound(f"Unable to import module '{name}': {error}") from error
    found = getattr(there, attribute, None)
    if not callable(found):
        state = "missing on" if found is None else "is not callable in"
        raise HandlerNotFound(f"Handler '{attribute}' {state} module '{name}'")
    handle: Callable[..., Any] = found
    return handle


# ---------------------------------------------------------------------------------------- faults


def faults(app: Any, module: ModuleType) -> list[Fault]:
    """Return the reasons why Lambda would not run functions that the app registers."""
    functions = registered(app)
    found = filter(None, (fault_of(each, functions, app, module) for each in functions))
    return [*same_names(functions), *unused_messages(app), *found]


def same_names(functions: list[Registered]) -> Iterator[Fault]:
    """Yield a fault for each name that more than one function has."""
    for name, times in Counter(each.name for each in functions).items():
        if times > 1:
            yield Fault(
                f"{times} Lambda functions have the name {name}: Chalice refuses to package them. "
                "Give each another name="
            )


def unused_messages(app: Any) -> Iterator[Fault]:
    """Yield a fault for each message handler whose function is not the first handler's function."""
    message = FUNCTION_OF_ROUTE["$default"]
    handlers = [
        each for key, each in app.websocket_handlers.items() if function_of_route(key) == message
    ]
    for each in handlers[1:]:
        if each.handler_string != handlers[0].handler_string:
            yield Fault(
                f"Lambda will not find {each.name}, the handler of {each.route_key_handled}: "
                f"Chalice packages one function for all messages, with the first handler, "
                f"{handlers[0].handler_string}. Choose the function by route key in that handler"
            )


def fault_of(
    each: Registered, functions: list[Registered], app: Any, module: ModuleType
) -> Fault | None:
    """Return the fault of one function; None if Decanter finds no fault."""
    if each.kind == "http":
        return None
    try:
        found = find(each.handler, module)
    except HandlerNotFound as error:
        return Fault(f"Lambda will not find {each.label}: {missing(each, module, error)}")
    if each.function is None:
        return None
    finding = leads_to(found, each.function, app)
    if finding is Finding.OTHER:
        return elsewhere(each, found, functions)
    return bare(each, app) if finding is Finding.BARE else None


def elsewhere(each: Registered, found: object, functions: list[Registered]) -> Fault:
    """Return the fault of a function whose handler string names another object."""
    where = f"Lambda will not find {each.label}: its handler string is {each.handler}, and there"
    for other in functions:
        if other is not each and other.handler == each.handler:
            return Fault(
                f"{where} Lambda finds {other.label}, because both functions have the same name. "
                "Rename one of them"
            )
    plain = inner(found) or (inspect.isfunction(found) and not found.__closure__)
    return Fault(f"{where} Lambda finds {named(found)}. Rename one of them", certain=bool(plain))


def missing(each: Registered, module: ModuleType, error: HandlerNotFound) -> str:
    """Return the reason why Lambda does not find a handler, and the remedy."""
    place, _, name = each.handler.rpartition(".")
    if error.__cause__ is not None:
        return f"its handler string is {each.handler}, but importing {place} fails: {error}"
    head = f"its handler string is {each.handler}, but {place}.py has no {name}"
    *outer, _ = getattr(each.function, "__qualname__", name).split(".<locals>.")
    origin = getattr(each.function, "__module__", place)
    if name == "<lambda>":
        return f"{head}, because a lambda has no name. Write a function with def"
    if outer:
        return (
            f"{head}: it is made inside {outer[-1]}(). Define it at the top level of {place}.py, "
            f"or assign Chalice's result to {name} there. If {outer[-1]} is a decorator, use "
            "functools.wraps in it"
        )
    if origin not in (module.__name__, place):
        return f"{head}: it is defined in {origin}. Assign Chalice's result to {name} in {place}.py"
    return f"{head} after its import. Keep Chalice's result under this name"


def bare(each: Registered, app: Any) -> Fault | None:
    """Return the fault of a function that Lambda calls without Chalice's wrapper, if any."""
    if each.kind == "lambda":
        return None  # the function takes Lambda's arguments
    certain = not takes_two(each.function)
    fails = "it fails" if certain else "its event is a plain dict"
    if app.handler_map.get(each.label) is each.function:
        return Fault(
            f"{each.label} ({each.source}) is registered through a Blueprint: Chalice never wraps "
            f"such a handler, so Lambda calls it with (event, context) and {fails}. "
            "Register it on the app itself",
            certain,
        )
    return Fault(
        f"Lambda will find {each.label} without Chalice's wrapper: its handler string is "
        f"{each.handler}, which is the function itself. Lambda calls it with (event, context) and "
        f"{fails}. Assign Chalice's result to {each.handler.rpartition('.')[2]}",
        certain,
    )


def takes_two(function: Any) -> bool:
    """Return True if a function can be called with (event, context)."""
    try:
        inspect.signature(function).bind(None, None)
    except (TypeError, ValueError):
        return False
    return True


def named(found: object) -> str:
    """Describe an object for a message to the user."""
    name = getattr(inner(found) or found, "__qualname__", None)
    return f"another {name}" if name else f"an object of type {type(found).__name__}"


def leads_to(found: object, function: object, app: object) -> Finding:
    """Return how an object seems to run a function.

    A decorator refers to the wrapped function in a closure or in an attribute, so `leads_to`
    follows the references. If an object has too many references, the result is `WRAPPED`.
    """
    finding, seen, waiting = Finding.OTHER, {id(app)}, [found]
    for current in waiting:
        if len(seen) > MOST_OBJECTS or inner(current) is function:
            return Finding.WRAPPED
        if current is function:
            # Continue, because functools.wraps copies this reference from Chalice's wrapper.
            finding = Finding.BARE
        elif id(current) not in seen and inner(current) is None and not is_shared(current):
            seen.add(id(current))
            waiting += gc.get_referents(current)
    return finding


def is_shared(value: object) -> bool:
    """Return True for a module, a module's dict or a class, because all code refers to them."""
    return isinstance(value, (ModuleType, type)) or (
        isinstance(value, dict) and "__spec__" in value
    )
