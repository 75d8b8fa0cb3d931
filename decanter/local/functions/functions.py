"""The local Lambda: processes that run the handlers. Each process runs one event at a time.

Each function has its own pool, because on AWS each function has its own environment and memory. An
event waits for a free worker. While events wait, a pool starts more workers, up to its limits. A
pool ends idle workers.
"""

import asyncio
import base64
import os
import time
import uuid
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any, Protocol

from decanter.gateway.model import Invocation
from decanter.gateway.results import Failure, Outcome
from decanter.local.functions.pool import Call, Function, Pool, Scaling, Start
from decanter.local.functions.process import Worker
from decanter.project.declaration import HTTP_FUNCTION, Declaration

FIRST_FUNCTION = "websocket_message"
"""The first process at the start reports the app's declarations. It runs as this function."""

KEPT_TRACES = 10_000
"""The number of recent events that are kept, to find the event with a call's trace id."""


@dataclass(frozen=True, slots=True)
class Run:
    """The result of one invocation, for the log and the console.

    Attributes:
        cold: True if the event was the first event of its process.
        error: Lambda's error object after a failure, with the traceback as lines; None after a
            success, and for the run of a route.
    """

    function: str
    outcome: Outcome
    seconds: float
    cold: bool
    error: dict[str, Any] | None = None


class Observer(Protocol):
    """Gets the events and results of routes; for an HTTP request, only the result."""

    def given(self, invocation: Invocation) -> None:
        """Called before an event is passed to its handler."""

    def ran(self, invocation: Invocation | None, run: Run) -> None:
        """Called when a handler has ended, or after the integration timeout."""


class Functions:
    """The functions of the app.

    `integration_seconds` is API Gateway's time limit for an event's outcome. The time starts when
    a process gets the event.

    Attributes:
        ran: the functions that have received an event since the start.
    """

    def __init__(
        self,
        *,
        scaling: Scaling,
        integration_seconds: float,
        observer: Observer,
        start: Start = Worker.start,
    ) -> None:
        self._scaling = scaling
        self._integration_seconds = integration_seconds
        self._observer = observer
        self._start = start
        self._pools: dict[str, Pool] = {}
        self._handlers: dict[str, str] = {}
        self._late: set[asyncio.Task[Outcome]] = set()
        self._traces: dict[str, tuple[str, str]] = {}
        self.ran: set[str] = set()

    async def start(
        self,
        make: Callable[[str], Function],
        accept: Callable[[Declaration], object] = lambda _: None,
        adopt: Callable[[Declaration], object] = lambda _: None,
    ) -> Declaration:
        """Start the first worker of each function, or replace all workers after a change.

        Args:
            make: returns a function of the app by its name.
            accept: raises a DecanterError if the app's declarations must not be served.
            adopt: called when every worker is ready, before the workers get events.

        Raises:
            DecanterError: the app cannot be loaded or is not accepted. Older workers continue.
        """
        ready = await self._prepare(make, self._handlers.keys() or {FIRST_FUNCTION})
        declared = next(iter(ready.values()))[1].declared
        wanted = declared.lambdas.keys()
        make = in_modules(make, declared)
        kill(ready.pop(name)[1] for name in [*ready] if make(name).launch.module != "app")
        try:
            accept(declared)
            ready |= await self._prepare(make, wanted - ready.keys())
            adopt(declared)
            declared = with_all_warnings(declared, [worker for _, worker in ready.values()])
        except BaseException:
            kill(worker for _, worker in ready.values())
            raise
        kill(ready.pop(name)[1] for name in ready.keys() - wanted)
        for name in self._pools.keys() - wanted:
            self._pools[name].retire()
        for name, (first, worker) in ready.items():
            function = with_names(first, declared, is_declared=True)
            new = Pool(function, self._scaling, self._start)
            self._pools.setdefault(name, new).adopt(worker, function)
        self._handlers = {name: each.handler for name, each in declared.lambdas.items()}
        return declared

    async def invoke(self, invocation: Invocation) -> Outcome:
        """Run the event of a WebSocket route."""
        handler = self._handlers.get(invocation.function)
        if handler is None:  # the template names a function that the app does not have
            return Failure.RAISED
        self._observer.given(invocation)
        fields = {"handler": handler, "event": invocation.event}
        call = self._call(invocation.function, invocation.request_id, fields)
        return await self._integrate(invocation.function, call, invocation)

    async def http(
        self,
        method: str,
        path: str,
        headers: Mapping[str, str],
        body: bytes,
        *,
        authorizers: bool = True,
    ) -> Outcome:
        """Answer an HTTP request to the app's own routes. The app must have HTTP routes.

        `path` includes the query. With `authorizers=False`, the request does not need the signature
        that the route requires.
        """
        request = {
            "method": method,
            "path": path,
            "headers": dict(headers),
            "body": base64.b64encode(body).decode(),
            "authorizers": authorizers,
        }
        call = self._call(HTTP_FUNCTION, str(uuid.uuid4()), {"http": request}, path)
        return await self._integrate(HTTP_FUNCTION, call, None)

    async def scheduled(self, name: str, event: dict[str, Any]) -> Run:
        """Run an event of a scheduled function."""
        return await self.run(name, event, event["id"])

    async def run(self, name: str, event: Any, request_id: str) -> Run:
        """Run any function of the app. Only the function's own timeout limits the run's time."""
        fields = {"handler": self._handlers[name], "event": event}
        call = self._call(name, request_id, fields)
        began = time.monotonic()
        outcome = await self._pools[name].run(call)
        return Run(name, outcome, time.monotonic() - began, call.cold, call.error)

    async def stop(self) -> None:
        """End every process."""
        await asyncio.gather(*(pool.stop() for pool in self._pools.values()))

    def request_of(self, trace_id: str) -> str:
        """Return the request id of the event with this trace id; "" for an unknown trace id."""
        return self._traces.get(trace_id.partition(";")[0], ("", ""))[0]

    def path_of(self, trace_id: str) -> str:
        """Return the path of the HTTP request with this trace id; "" for an unknown trace id."""
        return self._traces.get(trace_id.partition(";")[0], ("", ""))[1].partition("?")[0]

    @property
    def processes(self) -> int:
        """The number of processes of all functions."""
        return sum(pool.size for pool in self._pools.values())

    async def _prepare(
        self, make: Callable[[str], Function], names: Iterable[str]
    ) -> dict[str, tuple[Function, Worker]]:
        """Return a new worker for every function, or raise. No function may keep older code."""
        functions = [make(name) for name in sorted(names)]
        started = await asyncio.gather(
            *(self._start(function.launch) for function in functions), return_exceptions=True
        )
        pairs = [*zip(functions, started, strict=True)]
        ready = {f.name: (f, worker) for f, worker in pairs if isinstance(worker, Worker)}
        errors = [each for each in started if isinstance(each, BaseException)]
        if errors:
            kill(worker for _, worker in ready.values())
            raise errors[0]
        return ready

    def _call(self, function: str, request_id: str, fields: dict[str, Any], path: str = "") -> Call:
        self.ran.add(function)
        settings = self._pools[function].function
        trace_id = f"Root=1-{int(time.time()):08x}-{os.urandom(12).hex()}"
        self._traces[trace_id] = request_id, path
        if len(self._traces) > KEPT_TRACES:
            del self._traces[next(iter(self._traces))]
        message = {
            "type": "invoke",
            "request_id": str(uuid.uuid4()),
            "api_request_id": request_id,
            "function_arn": settings.arn,
            "timeout_ms": settings.timeout_seconds * 1000,
            "trace_id": trace_id,
        }
        return Call(message | fields, request_id)

    async def _integrate(self, name: str, call: Call, invocation: Invocation | None) -> Outcome:
        began = time.monotonic()
        task = asyncio.create_task(self._pools[name].run(call))
        await call.assigned.wait()  # on AWS, this time is zero: Lambda always has a process
        done, _ = await asyncio.wait({task}, timeout=self._integration_seconds)
        outcome = task.result() if done else Failure.TIMED_OUT
        if not done:
            self._late.add(task)  # the run continues, and may still post
            task.add_done_callback(self._late.discard)
        run = Run(name, outcome, time.monotonic() - began, call.cold)
        self._observer.ran(invocation, run)
        return outcome


def in_modules(make: Callable[[str], Function], declared: Declaration) -> Callable[[str], Function]:
    """Return a variant of `make`: its functions import only the module that their handler names.

    The environments of these functions also contain the variables that `Launch.names` returns.
    """

    def made(name: str) -> Function:
        function, found = make(name), declared.lambdas.get(name)
        module = found.handler.rpartition(".")[0] if found else "app"
        return with_names(function, declared, module=module)

    return made


def with_names(function: Function, declared: Declaration, **changes: Any) -> Function:
    """Return the function with the variables that `Launch.names` returns, and other changes.

    Its environment is complete, so its own `names` returns nothing more.
    """
    launch = function.launch
    environment = {**launch.environment, **launch.names(declared)}
    changed = replace(launch, environment=environment, names=lambda _: {}, **changes)
    return replace(function, launch=changed)


def with_all_warnings(declared: Declaration, workers: Iterable[Worker]) -> Declaration:
    """Return the declarations with the warnings of all processes, without duplicates.

    Each process has checked the variables of its own function.
    """
    found = [getattr(worker, "declared", declared) for worker in workers]
    texts = dict.fromkeys(text for each in found for text in each.warnings)
    return declared.warned(text for text in texts if text not in declared.warnings)


def kill(workers: Iterable[Worker]) -> None:
    """Kill these processes."""
    for worker in workers:
        worker.kill()
