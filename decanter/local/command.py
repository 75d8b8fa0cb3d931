"""`decanter local`: run a Chalice project's WebSocket API on this machine."""

import argparse
import asyncio
import re
from pathlib import Path

from decanter.gateway.guard import MODES
from decanter.hosts import is_address
from decanter.local.fault_injection import Fault, FaultError
from decanter.local.serve import Options, serve
from decanter.project.config import Project
from decanter.urls import http_url


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the command's options, with the defaults of `Options`."""
    defaults = Options()
    add = parser.add_argument
    add("--project-dir", type=Path, default=Path(), metavar="DIR", help="the Chalice project (.)")
    add("--stage", default="dev", help="a stage of .chalice/config.json (dev)")
    add("--python", metavar="PATH", help="run the handlers in this Python or virtual environment")
    _add_address(parser, defaults)
    for name, default in (
        ("--integration-timeout", defaults.integration_timeout),
        ("--idle-timeout", defaults.idle_timeout),
        ("--max-age", defaults.max_age),
        ("--process-idle-timeout", defaults.process_idle_timeout),
    ):
        add(name, type=positive, default=default, metavar="SECONDS", help="(%(default)g)")
    add(
        "--concurrency",
        type=count,
        default=defaults.concurrency,
        metavar="N",
        help="at most N processes per function, and fewer if memory is low (%(default)s)",
    )
    _add_templates(parser)
    add("--iam", choices=MODES, default=defaults.iam, help="the check of roles (%(default)s)")
    add("--log-format", choices=["text", "json"], default="text", help="(%(default)s)")
    add("--verbose", action="store_true", help="show the events of handlers")
    add(
        "--fault",
        type=fault,
        action="append",
        default=[],
        metavar="SPEC",
        help="inject a fault, as in 'connections 429 calls=3'; may be repeated",
    )
    _add_switches(parser)
    _add_debuggers(parser)


def _add_address(parser: argparse.ArgumentParser, defaults: Options) -> None:
    add = parser.add_argument
    add("--host", default=defaults.host, help=f"address to listen on ({defaults.host})")
    add(
        "--port",
        type=port,
        default=defaults.port,
        help="the port; 0 selects a free port (%(default)s)",
    )
    add(
        "--path",
        type=mapping,
        default=defaults.path,
        metavar="PATH",
        help="serve the socket under this path too, as a custom domain's API mapping does",
    )
    add(
        "--allow-host",
        type=host,
        action="append",
        default=[],
        metavar="NAME",
        help="also answer requests for this host, as NAME or NAME:PORT; may be repeated",
    )
    parser.add_argument(
        "--dynamodb-endpoint",
        type=http_url,
        metavar="URL",
        help="use this DynamoDB, not the embedded one",
    )


def _add_switches(parser: argparse.ArgumentParser) -> None:
    for name, text in (
        ("--no-reload", "do not reload changed code"),
        ("--no-schedules", "run scheduled functions only on request"),
        ("--no-queues", "create no SQS queues, and run no functions for messages"),
        ("--no-authorizers", "accept all clients and unsigned requests; no authorizer runs"),
        ("--no-fork", "start processes without fork, which is slower"),
    ):
        parser.add_argument(name, action="store_true", help=text)


def _add_templates(parser: argparse.ArgumentParser) -> None:
    which = parser.add_mutually_exclusive_group()
    which.add_argument(
        "--template",
        type=Path,
        action="append",
        default=[],
        metavar="FILE",
        help="a merge template (default: the project's resources.json files); may be repeated",
    )
    which.add_argument("--no-template", action="store_true", help="use no merge template")


def _add_debuggers(parser: argparse.ArgumentParser) -> None:
    which = parser.add_mutually_exclusive_group()
    which.add_argument(
        "--debug",
        action="store_true",
        help="breakpoint() opens pdb here; one process of each function, no time limits",
    )
    which.add_argument(
        "--debugpy",
        type=debugpy_port,
        metavar="PORT",
        help="listen for an editor's debugger here; each further function has the next port",
    )


def run(args: argparse.Namespace) -> int:
    """Serve until Ctrl-C or another stop signal."""
    asyncio.run(serve(Project.load(args.project_dir, args.stage), options_of(args)))
    return 0


def options_of(args: argparse.Namespace) -> Options:
    """Return the options of a command line."""
    return Options(
        host=args.host,
        port=args.port,
        dynamodb_endpoint=args.dynamodb_endpoint,
        integration_timeout=args.integration_timeout,
        idle_timeout=args.idle_timeout,
        max_age=args.max_age,
        concurrency=args.concurrency,
        process_idle_timeout=args.process_idle_timeout,
        templates=tuple(args.template),
        use_template=not args.no_template,
        json_log=args.log_format == "json",
        verbose=args.verbose,
        reload=not args.no_reload,
        schedules=not args.no_schedules,
        queues=not args.no_queues,
        authorizers=not args.no_authorizers,
        fork=not args.no_fork,
        faults=tuple(args.fault),
        allow_hosts=tuple(args.allow_host),
        debug=args.debug,
        debugpy=args.debugpy,
        python=args.python,
        iam=args.iam,
        path=args.path,
    )


def fault(text: str) -> Fault:
    """Return the fault that an option's value describes."""
    try:
        return Fault.parse(text)
    except FaultError as error:
        raise argparse.ArgumentTypeError(str(error)) from error


def host(text: str) -> str:
    """Return a host as in the `Host` header: a name or an address, with or without a port."""
    match = re.fullmatch(r"(\[.+\]|[0-9A-Za-z._-]+)(:[0-9]{1,5})?", text)
    if match is None or (text.startswith("[") and not is_address(match[1])):
        raise argparse.ArgumentTypeError(
            f"{text!r} is not a host: write NAME, NAME:PORT or [IPv6 address], without http://"
        )
    return text


def mapping(text: str) -> str:
    """Return an API mapping key of characters that AWS allows, without a slash at either end."""
    key = text.strip("/")
    if not re.fullmatch(r"[\w$.+!*'()-]+(/[\w$.+!*'()-]+)*", key, re.ASCII) or len(key) > 300:
        raise argparse.ArgumentTypeError(
            f"{text!r} is not a path: write letters, digits and $-_.+!*'() between slashes, at most"
            " 300 characters, as in connection/websocket"
        )
    if key.partition("/")[0] in ("_gateway", "_roles"):
        raise argparse.ArgumentTypeError(f"{text!r} is a path of the local gateway: take another")
    return key


def port(text: str) -> int:
    """Return a TCP port, 0 to 65535."""
    return _number(text, 0, 65535)


def debugpy_port(text: str) -> int:
    """Return a TCP port, 1 to 65000. The debugger of each other function gets a higher port."""
    return _number(text, 1, 65000)


def count(text: str) -> int:
    """Return a whole number from 1 to 1000, Lambda's default concurrency limit."""
    return _number(text, 1, 1000)


def positive(text: str) -> float:
    """Return a number of seconds above 0."""
    try:
        value = float(text)
    except ValueError:
        value = 0
    if not 0 < value < float("inf"):
        raise argparse.ArgumentTypeError(f"{text!r} is not a number of seconds above 0")
    return value


def _number(text: str, least: int, most: int) -> int:
    try:
        value = int(text)
    except ValueError:
        value = least - 1
    if not least <= value <= most:
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number from {least} to {most}")
    return value
