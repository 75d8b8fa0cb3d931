"""`decanter publish`: send messages to the connections of a stage."""

import argparse
import json
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path

from decanter.errors import DecanterError
from decanter.publish.queue import QueuePublisher
from decanter.publish.target import add_arguments as add_target_arguments
from decanter.publish.target import target
from decanter.runtime.publishing.outside import BEGINNING, BadJson, Publisher, Report, TooLarge

STANDARD_INPUT = "-"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments of `decanter publish`."""
    add_target_arguments(parser)
    whom = parser.add_mutually_exclusive_group()
    whom.add_argument(
        "--to",
        action="append",
        metavar="ID",
        help="send only to this connection; may be repeated",
    )
    whom.add_argument(
        "--exclude",
        action="append",
        default=[],
        metavar="ID",
        help="exclude this connection; may be repeated",
    )
    whom.add_argument(
        "--channel", metavar="NAME", help="publish to this channel of an app with channels"
    )
    parser.add_argument("--file", metavar="FILE", help="send each line of this file")
    parser.add_argument("--format", choices=("text", "json"), default="text", help="(text)")
    parser.add_argument(
        "messages",
        nargs="*",
        metavar="MESSAGE",
        help="a message; - sends each line of standard input. In an app without channels, a "
        "message is sent unchanged. In an app with channels, a message must be JSON",
    )


def run(args: argparse.Namespace) -> int:
    """Send each message, and print a line with its report.

    Return 1 if a post failed or connections were left over.

    Raises:
        DecanterError: there is no message, a message or the stage is invalid, or a call fails.
    """
    if not (args.messages or args.file):
        raise DecanterError("no message is given: write it as an argument, or use --file or -")
    there = target(args)
    if args.channel is not None:
        there.check_channel(args.channel)
    if not (args.to or there.queue_url):
        there.check_table()
    complete = True
    with there.queueing() if there.queue_url else there.publishing() as publisher:
        for where, data in messages(args.messages, args.file):
            report = sent(publisher, args, where, data)
            print(line(report, args.format), flush=True)
            complete &= is_complete(report)
    return 0 if complete else 1


def sent(
    publisher: Publisher | QueuePublisher, args: argparse.Namespace, where: str, data: bytes
) -> Report:
    """Send or queue a message.

    Raises:
        DecanterError: the message is not UTF-8, is too large, or is not the JSON that an app with
            channels needs.
    """
    try:
        text = data.decode()
        if args.to:
            ids = args.to[0] if len(args.to) == 1 else args.to
            return publisher.send(ids, text, None)
        if args.channel is not None:
            return publisher.publish_text(args.channel, text)
        return publisher.broadcast(text, BEGINNING, args.exclude, None)
    except UnicodeDecodeError as error:
        raise DecanterError(f"{where} is not UTF-8 at byte {error.start + 1}: encode it") from error
    except BadJson as error:
        raise DecanterError(
            f"""{where}: {error}: an app with channels sends JSON, such as '"hello"'"""
        ) from error
    except TooLarge as error:
        raise DecanterError(f"{where} is too large: {error}: split it") from error


def messages(given: Iterable[str], file: str | None) -> Iterator[tuple[str, bytes]]:
    """Yield the place of each message, such as `line 3 of FILE`, and the message.

    Raises:
        DecanterError: the file cannot be read.
    """
    for number, message in enumerate(given, start=1):
        if message == STANDARD_INPUT:
            yield from lines("standard input", sys.stdin.buffer)
        else:
            yield f"message {number}", message.encode(errors="surrogateescape")
    if file is None:
        return
    try:
        with Path(file).open("rb") as opened:
            yield from lines(file, opened)
    except OSError as error:
        raise DecanterError(f"cannot read {file}: {error.strerror}") from error


def lines(name: str, source: Iterable[bytes]) -> Iterator[tuple[str, bytes]]:
    """Yield the place of each line, and the line without its line feed."""
    for number, data in enumerate(source, start=1):
        yield f"line {number} of {name}", data.removesuffix(b"\n")


def is_complete(report: Report) -> bool:
    """Return True if no post failed and no connection was left over."""
    return not (report.failed or report.left_over) and report.left_over_exact


def line(report: Report, form: str) -> str:
    """Return a report in one line."""
    if form == "json":
        return json.dumps(report._asdict())
    if report.queued:
        return f"queued {report.queued}"
    names = ("sent", "gone", "pending", "failed", "left_over", "repeated")
    counts = [f"{name.replace('_', ' ')} {getattr(report, name)}" for name in names]
    if not report.left_over_exact:
        counts[4] += " or more"
    return ", ".join([*counts, f"{report.milliseconds} ms"])
