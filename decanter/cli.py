"""The command line: one table of commands, each in its own module.

A command's module has `add_arguments(parser)` and `run(args) -> int`. It is imported only for its
own command, so that `decanter --help` answers at once.
"""

import argparse
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from importlib import import_module

from decanter import __version__
from decanter.errors import DecanterError
from decanter.extras import missing_extra

# The exit status that a shell reports for a process ended by SIGINT: 128 + 2.
INTERRUPTED = 130


@dataclass(frozen=True)
class Command:
    """One command: its name, its module, and its help text."""

    name: str
    module: str
    help: str
    example: str


COMMANDS = (
    Command(
        "new",
        "decanter.new",
        "create a new project that runs, passes its tests and can be packaged",
        "decanter new hello",
    ),
    Command(
        "vendor",
        "decanter.vendor",
        "copy the framework into vendor/, for plain `chalice deploy`",
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
        "connect to a WebSocket: send each typed line, print each received message",
        "decanter client ws://127.0.0.1:8000/v1",
    ),
    Command(
        "template",
        "decanter.aws.template",
        "write the merge template and the policies for the app's declarations",
        "decanter template --check",
    ),
    Command(
        "table",
        "decanter.aws.table",
        "create, delete or show the tables that the app declares",
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
        "show a stage's state on AWS: stack, functions, API, tables, URLs",
        "decanter status --stage dev --redact",
    ),
    Command(
        "describe",
        "decanter.aws.describe",
        "draw the template's routes, functions, tables and policies, as Mermaid",
        "decanter describe --stage dev",
    ),
    Command(
        "delete",
        "decanter.aws.delete",
        "delete a stage's stack and its uploaded code",
        "decanter delete --stage dev --keep-table",
    ),
    Command(
        "verify",
        "decanter.verify.command",
        "check your endpoint, local or on AWS, against API Gateway's rules",
        "decanter verify --url ws://127.0.0.1:8000/v1 --format markdown",
    ),
    Command(
        "package",
        "decanter.aws.package_command",
        "make the zip and the template for AWS, without deploying them",
        "decanter package --stage prod",
    ),
)


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command.

    Args:
        argv: the arguments after the program's name; the process's own if None.

    Returns:
        The exit status: the command's own, 2 for a user's mistake, 130 after Ctrl-C.
    """
    arguments = list(sys.argv[1:] if argv is None else argv)
    try:
        args = build_parser(arguments).parse_args(arguments)
        status: int = import_module(args.module).run(args)
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
    return status


def _mistake(line: str) -> int:
    print(f"decanter: error: {line}", file=sys.stderr)
    return 2


def build_parser(arguments: Sequence[str]) -> argparse.ArgumentParser:
    """Return the parser of all commands; only the command in `arguments` has its options."""
    parser = argparse.ArgumentParser(
        prog="decanter",
        description="Run a Chalice WebSocket application on this machine and deploy it to AWS.",
        epilog="`decanter COMMAND --help` shows a command's options.",
    )
    parser.add_argument("--version", action="version", version=f"decanter {__version__}")
    subparsers = parser.add_subparsers(metavar="COMMAND", required=True)
    # No option before the command takes a value, so the first word is the command.
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
