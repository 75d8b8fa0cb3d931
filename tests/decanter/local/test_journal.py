"""The lines of the log, and the entries for a follower."""

import asyncio
import io
import json
from typing import Any

import pytest

from decanter.errors import ProjectError
from decanter.gateway.model import Invocation
from decanter.gateway.results import Failure, Returned
from decanter.local.functions.functions import Run
from decanter.local.journal import Journal
from decanter.terminal import printable

CONTEXT = {"requestId": "R" * 15 + "=", "connectionId": "C" * 15 + "="}
INVOCATION = Invocation("websocket_message", "$default", {"requestContext": CONTEXT})


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


class Closed(io.StringIO):
    def write(self, text: str) -> int:
        raise BrokenPipeError


def journal(out: io.StringIO, **options: bool) -> Journal:
    return Journal(out, **{"as_json": False, "verbose": False, **options})


def test_a_line_has_the_time_the_kind_and_the_facts() -> None:
    out = io.StringIO()
    journal(out).ran(
        INVOCATION, Run("websocket_message", Returned({"statusCode": 200}), 0.0124, True)
    )
    clock, line = out.getvalue().split(" ", 1)
    assert len(clock) == len("12:00:00.000")
    ran = f"ran        {CONTEXT['connectionId']} websocket_message $default 200 12 ms cold\n"
    assert line == ran


def test_only_a_terminal_gets_colours() -> None:
    pipe, terminal = io.StringIO(), Terminal()
    for out in (pipe, terminal):
        journal(out).note("text", error=True)
    assert "\x1b[31m" in terminal.getvalue()
    assert "\x1b" not in pipe.getvalue()


def test_each_json_line_is_an_object_and_errors_are_marked() -> None:
    out = io.StringIO()
    written = journal(out, as_json=True)
    written.ran(INVOCATION, Run("websocket_message", Failure.TIMED_OUT, 29.0, False))
    written.refused("GET", "/v2", 403, "it is at /v1")
    written.hello({"websocket_url": "ws://x"}, "never seen")
    entries: list[dict[str, Any]] = [json.loads(line) for line in out.getvalue().splitlines()]
    assert [entry["kind"] for entry in entries] == ["ran", "refused", "serving"]
    assert (entries[0]["error"], entries[0]["outcome"]) == (True, "timed out")
    assert entries[1]["error"]
    assert (entries[1]["path"], entries[1]["why"]) == ("/v2", "it is at /v1")


@pytest.mark.parametrize(("verbose", "lines"), [(False, 0), (True, 1)])
def test_events_are_shown_only_if_verbose(verbose: bool, lines: int) -> None:
    out = io.StringIO()
    journal(out, verbose=verbose).given(INVOCATION)
    assert len(out.getvalue().splitlines()) == lines


def test_a_failed_reload_is_one_block() -> None:
    out = io.StringIO()
    journal(out).not_reloaded(["app.py"], ProjectError("app.py:3: invalid", detail="  def (\n ^"))
    first, *rest = out.getvalue().splitlines()
    assert first.endswith("app.py changed: app.py:3: invalid")
    assert [line.strip() for line in rest] == [
        "|   def (",
        "|  ^",
        "| The previous version stays in service until this is fixed.",
    ]


def test_control_characters_of_a_handler_are_escaped() -> None:
    assert printable("a\x1b[2Jb\r\ud800é") == "a\\x1b[2Jb\\r\\ud800é"


def test_a_closed_output_is_ignored() -> None:
    written = journal(Closed())
    written.note("one")
    written.note("two")


def test_a_slow_follower_loses_the_oldest() -> None:
    async def follow() -> list[str]:
        written = journal(io.StringIO())
        with written.follow(most=2) as entries:
            for text in ("one", "two", "three"):
                written.note(text)
            return [entries.get_nowait()["note"] for _ in range(2)]

    assert asyncio.run(follow()) == ["two", "three"]


def test_calls_to_connections_are_logged_together() -> None:
    async def calls(out: io.StringIO) -> None:
        written = journal(out)
        for status in (200, 200, 410):
            written.management("POST", status, 5, "RequestId")
        written._tell_posts_of("RequestId")

    asyncio.run(calls(out := io.StringIO()))
    assert "posts      RequestId 2 x POST 200, 1 x POST 410, 15 B" in out.getvalue()


def test_entries_of_one_moment_are_written_together_and_none_is_lost_at_the_end() -> None:
    class Counting(io.StringIO):
        flushed = 0

        def flush(self) -> None:
            self.flushed += 1

    async def talk(out: io.StringIO) -> None:
        written = journal(out)
        for text in ("one", "two"):
            written.note(text)
        await asyncio.sleep(0)
        written.note("three")

    asyncio.run(talk(out := Counting()))
    assert [line.split()[-1] for line in out.getvalue().splitlines()] == ["one", "two", "three"]
    assert out.flushed == 2


def test_a_traceback_in_a_line_of_json_is_shown_as_lines() -> None:
    line = json.dumps({"level": "ERROR", "traceback": "Traceback\n  raise ValueError\n"})
    written = journal(out := io.StringIO())
    written.log("websocket_message", "R", line)
    first, *rest = out.getvalue().splitlines()
    assert first.endswith('websocket_message R | {"level": "ERROR"}')
    assert [each.strip() for each in rest] == ["| Traceback", "|   raise ValueError"]


@pytest.mark.parametrize("line", ['{"traceback": 1}', '"traceback"', '{"traceback"', "[1]"])
def test_other_lines_are_shown_as_they_are(line: str) -> None:
    written = journal(out := io.StringIO())
    written.log("websocket_message", "R", line)
    assert out.getvalue().endswith(f"| {line}\n")


@pytest.mark.parametrize(("status", "failed"), [(200, False), (404, False), (500, True)])
def test_a_status_of_500_counts_as_failed(status: int, failed: bool) -> None:
    written = journal(out := io.StringIO(), as_json=True)
    written.ran(INVOCATION, Run("websocket_message", Returned({"statusCode": status}), 0.1, False))
    assert json.loads(out.getvalue()).get("error", False) is failed


def test_an_invocations_event_response_and_posts_are_kept_together() -> None:
    async def run(out: io.StringIO) -> Any:
        written = journal(out)
        written.given(INVOCATION)
        written.management("POST", 200, 5, INVOCATION.request_id)
        written.management("POST", 200, 5, "another")
        response = {"statusCode": 200}
        written.ran(INVOCATION, Run("websocket_message", Returned(response), 0.1, False))
        return written.invocation(INVOCATION.request_id)

    kept = asyncio.run(run(out := io.StringIO()))
    assert kept == {"event": INVOCATION.event, "response": {"statusCode": 200}}
    posts, ran = out.getvalue().splitlines()
    assert posts.endswith(f"posts      {INVOCATION.request_id} 1 x POST 200, 5 B")
    assert " ran " in ran
