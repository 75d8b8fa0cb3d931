"""`decanter invoke`: run a function of the app that a local gateway serves."""

import argparse
import json
import sys
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlencode

from decanter.errors import DecanterError
from decanter.running_gateway import URL, ask
from decanter.terminal import printable

SECONDS = 910
"""The timeout of the request in seconds. A Lambda function runs for at most 900 seconds."""


class InvokeError(DecanterError):
    """The event is invalid."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the command's options."""
    add = parser.add_argument
    add("name", metavar="NAME", help="the function's name, as `decanter local` lists it")
    which = parser.add_mutually_exclusive_group()
    which.add_argument(
        "event",
        nargs="?",
        metavar="EVENT.json",
        help="a file with the event, or - for standard input (default: an example event)",
    )
    which.add_argument(
        "--body",
        metavar="TEXT",
        help="the text of the example's message, record or request, or the key of its S3 object",
    )
    add("--url", default=URL, help="the address of `decanter local` (%(default)s)")


def run(args: argparse.Namespace) -> int:
    """Run the function. Print its result as JSON or, after a failure, its traceback.

    Return 0 if the function returned, and 1 if it failed.

    Raises:
        DecanterError: the event is invalid, no gateway answers, or the gateway refuses the request.
    """
    event = None if args.event is None else read_event(args.event)
    answer = ask_to_run(args.url, args.name, event, args.body)
    if "error" not in answer:
        print(json.dumps(answer["result"], indent=2, ensure_ascii=False))
        return 0
    error = answer["error"]
    lines = error["traceback"] or [f"{error['type']}: {error['message']}"]
    print("\n".join(printable(line) for line in lines), file=sys.stderr)
    return 1


def read_event(name: str) -> bytes:
    """Return the event that a file or standard input contains.

    Raises:
        InvokeError: the event cannot be read, or is not JSON.
    """
    try:
        text = sys.stdin.buffer.read() if name == "-" else Path(name).read_bytes()
    except OSError as error:
        raise InvokeError(f"cannot read the event {name}: {error.strerror}") from error
    try:
        json.loads(text)
    except (ValueError, RecursionError) as error:
        raise InvokeError(f"the event {name} is not JSON: {error}") from error
    return text


def ask_to_run(url: str, name: str, event: bytes | None, body: str | None) -> dict[str, Any]:
    """Ask a gateway to run a function, and return the gateway's answer.

    Raises:
        DecanterError: no gateway answers at this address, or the gateway refuses the request.
    """
    query = "" if body is None else f"?{urlencode({'body': body})}"
    path = f"/_gateway/functions/{quote(name, safe='')}{query}"
    return ask(url, path, {"result", "error"}, body=event or b"", seconds=SECONDS)
