"""The gateway's log, and the entries of the log for the console's live view.

The gateway's own lines contain payloads and query strings only with `--verbose`, which adds whole
events.
"""

import asyncio
import json
import sys
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, TextIO

from decanter.errors import DecanterError
from decanter.gateway.model import Accept, Connection, Invocation, Refuse
from decanter.gateway.results import Failure, Outcome, Returned
from decanter.local.functions.functions import Run
from decanter.local.output import Output
from decanter.terminal import printable

POSTS_SECONDS = 0.25
"""An invocation's calls to @connections within this time are logged as one line."""

DRAIN_SECONDS = 0.5
"""The time limit in seconds for the reader of the output to read the last lines."""

KEPT_INVOCATIONS = 500
"""The number of recent invocations whose event and response are kept for the console."""

COLOURS = {"connect": 32, "disconnect": 33, "message": 36, "posts": 35, "error": 31, "log": 90}
LABEL_WIDTH = 10
CLOCK_WIDTH = 12

NO_ID = "-" * 16
"""The text for a missing connection id or request id. It has 16 characters, like these ids."""

Entry = dict[str, Any]


class Journal:
    """Writes entries to a stream and to the queues of `follow`.

    On a terminal, lines of text have colours. With `as_json`, each entry is a line of JSON. With
    `verbose`, whole events are written too.
    """

    def __init__(self, out: TextIO = sys.stdout, *, as_json: bool, verbose: bool) -> None:
        self._out = Output(out, self._lost)
        self._as_json = as_json
        self._verbose = verbose
        self._colour = out.isatty() and not as_json
        self._followers: set[asyncio.Queue[Entry]] = set()
        self._posts: dict[str, Counter[str]] = {}
        self._invocations: dict[str, Entry] = {}
        self._unwritten: list[str] = []
        self._is_held = False

    def hold(self) -> None:
        """Keep all lines in memory while a debugger uses the terminal."""
        self._write()
        self._out.drain(DRAIN_SECONDS)
        self._is_held = True

    def release(self) -> None:
        """Write the lines that `hold` kept."""
        self._is_held = False
        self._write()

    def close(self) -> None:
        """Write the last lines. A slow reader of the output may lose some of them."""
        self.release()
        self._out.drain(DRAIN_SECONDS)

    @contextmanager
    def follow(self, most: int = 1000) -> Iterator[asyncio.Queue[Entry]]:
        """Yield a queue that gets all new entries. A full queue drops its oldest entry."""
        queue: asyncio.Queue[Entry] = asyncio.Queue(most)
        self._followers.add(queue)
        try:
            yield queue
        finally:
            self._followers.discard(queue)

    # -- entries ----------------------------------------------------------------------------

    def connect(self, connection: Connection, decision: Accept | Refuse) -> None:
        """Report the answer to a handshake."""
        status = decision.status if isinstance(decision, Refuse) else 101
        source = connection.context.identity.source_ip
        text = f"{connection.id} {status} from {source}"
        self._tell("connect", text, connection=connection.id, status=status, source=source)

    def message(self, connection: Connection, invocation: Invocation | None, body: str) -> None:
        """Report a message from a client."""
        route = invocation.route_key if invocation else None
        size = len(body.encode())
        text = f"{connection.id} {route or 'no route: Forbidden'} {size} B"
        self._tell("message", text, connection=connection.id, route=route, bytes=size)

    def disconnect(self, connection: Connection, code: int, reason: str) -> None:
        """Report the end of a connection."""
        text = f"{connection.id} {code} {reason}".rstrip()
        self._tell("disconnect", text, connection=connection.id, code=code, reason=reason)

    def invocation(self, request_id: str) -> Entry | None:
        """Return the `event` and the `response` of a recent invocation."""
        return self._invocations.get(request_id)

    def given(self, invocation: Invocation) -> None:
        """Keep an event before its handler runs. With `--verbose`, also log the event."""
        self.given_alone(invocation.event, invocation.request_id)

    def given_alone(self, event: Any, request_id: str) -> None:
        """Keep the event of a run that no route caused. With `--verbose`, also log the event."""
        self._invocations[request_id] = {"event": event, "response": None}
        if len(self._invocations) > KEPT_INVOCATIONS:
            del self._invocations[next(iter(self._invocations))]
        if self._verbose:
            self._tell("event", json.dumps(event), event=event)

    def ran(self, invocation: Invocation | None, run: Run) -> None:
        """Report the outcome of an invocation. An HTTP request has no `invocation`."""
        outcome = outcome_text(run.outcome)
        milliseconds = round(run.seconds * 1000)
        route = invocation.route_key if invocation else "http"
        cold = " cold" if run.cold else ""
        connection = invocation.connection_id if invocation else None
        if invocation is not None:
            self._keep_response(invocation.request_id, run.outcome)
            self._tell_posts_of(invocation.request_id)
        self._tell(
            "ran",
            f"{connection or NO_ID} {run.function} {route} {outcome} {milliseconds} ms{cold}",
            error=has_failed(run.outcome),
            connection=connection,
            function=run.function,
            route=route,
            request=invocation.request_id if invocation else None,
            outcome=outcome,
            milliseconds=milliseconds,
            cold=run.cold,
        )

    def ran_alone(self, run: Run, request_id: str, route: str) -> None:
        """Report the end of a run that no route caused. The log shows its cause as the `route`."""
        self._keep_response(request_id, run.outcome)
        failed = isinstance(run.outcome, Failure)
        outcome = outcome_text(run.outcome) if failed else "returned"
        milliseconds = round(run.seconds * 1000)
        cold = " cold" if run.cold else ""
        self._tell(
            "ran",
            f"{NO_ID} {run.function} {route} {outcome} {milliseconds} ms{cold}",
            error=failed,
            connection=None,
            function=run.function,
            route=route,
            request=request_id,
            outcome=outcome,
            milliseconds=milliseconds,
            cold=run.cold,
        )

    def management(self, method: str, status: int, size: int, request_id: str = "") -> None:
        """Count a call to @connections for the invocation that made the call."""
        posts = self._posts.get(request_id)
        if posts is None:
            posts = self._posts[request_id] = Counter()
            loop = asyncio.get_running_loop()
            loop.call_later(POSTS_SECONDS, self._tell_posts_of, request_id, posts)
        posts[f"{method} {status}"] += 1
        posts["bytes"] += size

    def refused(self, method: str, path: str, status: int, why: str) -> None:
        """Report a request for an unknown path, or a request that is not allowed."""
        text = f"{method} {path} {status}: {why}"
        self._tell("refused", text, error=True, method=method, path=path, status=status, why=why)

    def log(self, function: str, request_id: str, line: str) -> None:
        """Report a line that a handler printed.

        If the line is JSON with a traceback, the log shows the traceback as text below the line.
        """
        shown, trace = split_traceback(line)
        text = f"{function} {request_id or NO_ID} | {shown}"
        facts = {"function": function, "request": request_id, "line": line}
        if trace:
            facts |= {"shown": shown, "traceback": trace}
        self._tell("log", text, trace.splitlines(), error=bool(trace), **facts)

    def note(self, text: str, *, error: bool = False, detail: str = "") -> None:
        """Report a fact about the gateway. `detail`, such as a traceback, is shown below it."""
        facts = {"detail": detail} if detail else {}
        self._tell("note", text, detail.rstrip().splitlines(), error=error, note=text, **facts)

    def hello(self, about: dict[str, Any], text: str) -> None:
        """Report that the gateway has started. The log shows the text, or the facts as JSON."""
        if self._as_json:
            self._tell("serving", "", **about)
        else:
            self._print(text)

    def reloaded(self, changed: list[str], seconds: float) -> None:
        """Report that the gateway now serves the changed project."""
        milliseconds = round(seconds * 1000)
        text = f"{', '.join(changed)} changed: in service after {milliseconds} ms"
        self._tell("reload", text, changed=changed, milliseconds=milliseconds)

    def not_reloaded(self, changed: list[str], error: DecanterError) -> None:
        """Report that the changed project cannot be served."""
        text = f"{', '.join(changed)} changed: {error}"
        went_on = "The previous version stays in service until this is fixed."
        block = [*error.detail.rstrip().splitlines(), went_on]
        facts = {"changed": changed, "message": str(error), "detail": error.detail}
        self._tell("reload", text, block, error=True, **facts)

    # -- output -----------------------------------------------------------------------------

    def _tell_posts_of(self, request_id: str, only: Counter[str] | None = None) -> None:
        """Write the counts of an invocation's calls, unless newer counts have replaced `only`."""
        posts = self._posts.get(request_id)
        if posts is None or (only is not None and only is not posts):
            return
        del self._posts[request_id]
        size = posts.pop("bytes")
        counts = ", ".join(f"{count} x {what}" for what, count in sorted(posts.items()))
        text = f"{request_id or NO_ID} {counts}, {size} B"
        request = request_id or None
        self._tell("posts", text, request=request, counts=dict(posts), bytes=size)

    def _keep_response(self, request_id: str, outcome: Outcome) -> None:
        kept = self._invocations.get(request_id)
        if kept is not None:
            kept["response"] = outcome.value if isinstance(outcome, Returned) else None

    def _tell(
        self, kind: str, text: str, block: Sequence[str] = (), *, error: bool = False, **facts: Any
    ) -> None:
        entry = {"time": round(time.time(), 3), "kind": kind, **facts}
        if error:
            entry["error"] = True
        for queue in self._followers:
            if queue.full():
                queue.get_nowait()
            queue.put_nowait(entry)
        if self._as_json:
            self._print(json.dumps(entry))
        else:
            indent = " " * (CLOCK_WIDTH + 1 + LABEL_WIDTH + 1)
            further = [f"{indent}| {printable(line)}" for line in block]
            self._print("\n".join([self._line(kind, text, error=error), *further]))

    def _print(self, text: str) -> None:
        self._unwritten.append(text)
        try:
            loop = asyncio.get_running_loop()
        except RuntimeError:
            self._write()
            return
        if len(self._unwritten) == 1:  # the entries of one turn of the loop are one write
            loop.call_soon(self._write)

    def _write(self) -> None:
        if self._is_held:
            return
        lines, self._unwritten = self._unwritten, []
        if lines:
            self._out.write("\n".join(lines))

    def _lost(self, count: int) -> str:
        text = f"{count} lines are not shown here: the output was not read"
        if self._as_json:
            return json.dumps({"time": round(time.time(), 3), "kind": "note", "note": text})
        return self._line("note", text, error=False)

    def _line(self, kind: str, text: str, *, error: bool) -> str:
        now = time.time()
        clock = time.strftime("%H:%M:%S", time.localtime(now)) + f".{int(now % 1 * 1000):03d}"
        colour = COLOURS.get("error" if error else kind)
        label = f"{kind:<{LABEL_WIDTH}}"
        if self._colour and colour:
            label = f"\x1b[{colour}m{label}\x1b[0m"
        return f"{clock} {label} {printable(text)}"


def has_failed(outcome: Outcome) -> bool:
    """Return True if there is no result, or if the status is 500 or above."""
    if isinstance(outcome, Failure):
        return True
    status = outcome.value.get("statusCode") if isinstance(outcome.value, dict) else None
    return isinstance(status, int) and status >= 500


def split_traceback(line: str) -> tuple[str, str]:
    """Return a log line without its member `traceback`, and this traceback, which may be ""."""
    if '"traceback"' not in line:
        return line, ""
    try:
        fields = json.loads(line)
    except (ValueError, RecursionError):
        return line, ""
    if not isinstance(fields, dict) or not isinstance(fields.get("traceback"), str):
        return line, ""
    trace = fields.pop("traceback").rstrip()
    return json.dumps(fields, ensure_ascii=False), trace


def outcome_text(outcome: Outcome) -> str:
    """Return the status or the failure of an outcome as a short text."""
    if isinstance(outcome, Returned):
        value = outcome.value
        return str(value.get("statusCode", "no status") if isinstance(value, dict) else "no status")
    return outcome.name.lower().replace("_", " ")
