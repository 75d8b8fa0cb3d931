"""The command line, a table of commands with one module for each command.

A command's module has `add_arguments(parser)` and `run(args) -> int`. Only the module of the
command that runs is imported, so `decanter --help` is fast.
"""

import argparse
import os
import select
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from importlib import import_module
from typing import Any

from decanter import __version__
from decanter.errors import DecanterError
from decanter.extras import missing_extra
from decanter.gc_paused import gc_paused

# A shell's status for a process that SIGINT ended: 128 + 2.
INTERRUPTED = 130

# The same for SIGPIPE: the reader of the output, such as `head`, has ended.
UNREAD = 128 + 13


class Parser(argparse.ArgumentParser):
    """A parser that accepts options anywhere, and option values that start with `-`.

    Some connection ids start with `-`. Without this class, argparse refuses such a value. It also
    refuses `invoke NAME --url URL FILE`, because it sets FILE as soon as it has read NAME.
    """

    def parse_known_args(  # type: ignore[override]
        self, args: Sequence[str] | None = None, namespace: Any = None
    ) -> tuple[Any, list[str]]:
        """Parse arguments.

        The word after an option that takes a value is the option's value, unless the word is itself
        an option.
        """
        words = sys.argv[1:] if args is None else args
        # The parser of the tool leaves the order of the words to the parser of the command.
        if self._subparsers:
            return super().parse_known_args(words, namespace)
        found, unknown = super().parse_known_args(self._options_first(words), namespace)
        if unknown:  # refused here, because the usage of the command helps more than the tool's
            self.error(f"unrecognized arguments: {' '.join(unknown)}")
        return found, unknown

    def _options_first(self, words: Sequence[str]) -> list[str]:
        """Return the options, each joined with its value, and then the other words."""
        options: list[str] = []
        others: list[str] = []
        takes_value = False
        for at, word in enumerate(words):
            if word == "--":
                return [*options, *others, *words[at:]]
            if takes_value and word not in self._option_string_actions:
                options[-1] += f"={word}"
                takes_value = False
            elif self._parse_optional(word):
                options.append(word)
                takes_value = self._takes_value(word)
            else:
                others.append(word)
        return [*options, *others]

    def _takes_value(self, word: str) -> bool:
        """True for an option that takes a value. Its name may be abbreviated."""
        actions = self._option_string_actions
        found = [actions[word]] if word in actions else []
        found = found or [it for name, it in actions.items() if name.startswith(word)]
        return len(found) == 1 and found[0].nargs is None  # `nargs` of a flag is 0


@dataclass(frozen=True)
class Command:
    """A command, with its name, its module, its help text and an example."""

    name: str
    module: str
    help: str
    example: str


COMMANDS = (
    Command(
        "new",
        "decanter.new",
        "create a new project, ready to run, test and package",
        "decanter new hello",
    ),
    Command(
        "vendor",
        "decanter.vendor",
        "copy the framework into vendor/, so that plain `chalice deploy` packages it",
        "decanter vendor --project-dir chat",
    ),
    Command(
        "local",
        "decanter.local.command",
        "run the project's WebSocket API on this machine",
        "decanter local --port 9000",
    ),
    Command(
        "client",
        "decanter.client",
        "connect to a WebSocket, send each typed line and print each received message",
        "decanter client ws://127.0.0.1:8000/v1",
    ),
    Command(
        "invoke",
        "decanter.invoke",
        "run a function of the app that `decanter local` serves, and print its result",
        "decanter invoke work --body hello",
    ),
    Command(
        "rights",
        "decanter.rights",
        "show the rights, the calls and the @uses of each function of a running `decanter local`",
        "decanter rights --format json",
    ),
    Command(
        "publish",
        "decanter.publish.command",
        "send messages to the connections of a stage, or of a running `decanter local`",
        "decanter publish --stage prod '{\"n\": 1}'",
    ),
    Command(
        "connections",
        "decanter.publish.connections",
        "list or close connections of a stage, or of a running `decanter local`",
        "decanter connections --stage prod",
    ),
    Command(
        "template",
        "decanter.aws.template",
        "write the merge template and the policies from the app's declarations",
        "decanter template --check",
    ),
    Command(
        "table",
        "decanter.aws.table",
        "create, delete or describe the tables that the app declares",
        "decanter table create --stage dev",
    ),
    Command(
        "provision",
        "decanter.aws.provision",
        "package the project and create or update its CloudFormation stack",
        "decanter provision --stage dev --s3-bucket my-bucket --noop",
    ),
    Command(
        "status",
        "decanter.aws.status",
        "show the stack, the functions, the API, the tables and the URLs of a stage on AWS",
        "decanter status --stage dev --redact",
    ),
    Command(
        "describe",
        "decanter.aws.describe",
        "draw the template's routes, functions, tables, queues and policies as a Mermaid diagram",
        "decanter describe --stage dev",
    ),
    Command(
        "delete",
        "decanter.aws.delete",
        "delete a stage's stack and the files uploaded for it",
        "decanter delete --stage dev --keep-table",
    ),
    Command(
        "verify",
        "decanter.verify.command",
        "check your app's endpoint, local or on AWS: handshake, routes, errors, limits, closing",
        "decanter verify ws://127.0.0.1:8000/v1 --format markdown",
    ),
    Command(
        "package",
        "decanter.aws.package_command",
        "make the zip file and the template for AWS, without a change on AWS",
        "decanter package --stage prod",
    ),
)


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command.

    Args:
        argv: the arguments after the program's name; by default, the arguments of the process.

    Returns:
        The exit status. It is the command's status, 2 after a `DecanterError` or if a required
        extra is not installed, 130 after Ctrl-C, or 141 if the reader of the output has ended.
    """
    arguments = list(sys.argv[1:] if argv is None else argv)
    try:
        with gc_paused():
            args = build_parser(arguments).parse_args(arguments)
            command = import_module(args.module)
        status: int = command.run(args)
        sys.stdout.flush()
    except DecanterError as error:
        if error.detail:
            print(error.detail.rstrip(), file=sys.stderr)
        return _mistake(str(error))
    except ModuleNotFoundError as error:
        if (line := missing_extra(error)) is None:
            raise
        return _mistake(line)
    except KeyboardInterrupt:
        return INTERRUPTED
    except BrokenPipeError:
        if not _is_unread():
            raise
        return UNREAD
    return status


def _is_unread() -> bool:
    """True if standard output has no reader. In that case, discard the rest of the output."""
    output = select.poll()
    output.register(sys.stdout, 0)  # errors are always reported
    if not output.poll(0):
        return False
    # The interpreter flushes the output at its end (Python's documentation of `signal`).
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return True


def _mistake(line: str) -> int:
    print(f"decanter: error: {line}", file=sys.stderr)
    return 2


def build_parser(arguments: Sequence[str]) -> argparse.ArgumentParser:
    """Return a parser for all commands. Only the command in `arguments` gets its options."""
    parser = Parser(
        prog="decanter",
        description="Run a Chalice WebSocket application on this machine and put it on AWS.",
        epilog="`decanter COMMAND --help` shows the options of a command.",
    )
    parser.add_argument("--version", action="version", version=f"decanter {__version__}")
    subparsers = parser.add_subparsers(metavar="COMMAND", required=True)
    # Options before the command take no values, so the first other word is the command.
    asked = next((word for word in arguments if not word.startswith("-")), None)
    for command in COMMANDS:
        subparser = subparsers.add_parser(
            command.name,
            help=command.help,
            description=f"{command.help[0].upper()}{command.help[1:]}.",
            epilog=f"example: {command.example}",
        )
        subparser.set_defaults(module=command.module)
        if command.name == asked:
            import_module(command.module).add_arguments(subparser)
    return parser
