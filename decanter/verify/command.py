"""`decanter verify`: check an endpoint against the rules that a client can observe.

The command opens about forty connections, at most three at the same time, and sends less than half
a megabyte in total, including a message for each route of the app. Use the command only with your
own endpoint, because the app handles the messages.
"""

import argparse
import sys
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from functools import partial
from typing import Any
from urllib.parse import urlsplit

from botocore.config import Config
from botocore.session import Session

from decanter.arguments import add_project_arguments
from decanter.aws.errors import explained
from decanter.cli import INTERRUPTED
from decanter.client import check_subprotocol, check_url, split_header
from decanter.errors import DecanterError
from decanter.hosts import LOOPBACK
from decanter.urls import is_http_url
from decanter.verify import gateway, management, service
from decanter.verify.endpoint import Endpoint, reach, with_token
from decanter.verify.facts import command as facts
from decanter.verify.report import FORMATS, Report, head, look
from decanter.verify.routes import ERRORS, Routes, known_routes, rule
from decanter.verify.rules import Omission, Rule, gaps

OTHER_APP = "the app is not like this framework's own service, which broadcasts `data`"
NO_CLIENT = "no client can connect"
NO_ROUTES = (
    "routes: unknown; run the command in the project's folder, or give --project-dir or --message"
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments of `decanter verify`."""
    parser.add_argument(
        "url", nargs="?", metavar="URL", help="your endpoint: ws://HOST/STAGE or wss://HOST/STAGE"
    )
    parser.add_argument(
        "--url", dest="url_option", metavar="URL", help="your endpoint, like the argument URL"
    )
    _add_client(parser)
    add_project_arguments(parser)
    parser.add_argument(
        "--message",
        action="append",
        default=[],
        metavar="TEXT",
        help="a message that the app handles, in addition to an example for each of its routes; "
        "may be repeated",
    )
    parser.add_argument(
        "--management-endpoint",
        metavar="URL",
        help="the base URL of @connections, such as http://127.0.0.1:8000/v1. With this "
        "option, the command also checks @connections, with your AWS credentials",
    )
    parser.add_argument(
        "--format",
        choices=sorted(FORMATS),
        default="text",
        help="the format of the report on standard output. Each rule's line is printed during "
        "the check: for text on standard output, else on standard error (default: %(default)s)",
    )
    parser.add_argument(
        "--timeout",
        type=float,
        default=5.0,
        metavar="SECONDS",
        help="the time to wait for an expected frame or answer (default: %(default)g)",
    )
    facts.add_arguments(parser)


def _add_client(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--header",
        action="append",
        default=[],
        metavar="'NAME: VALUE'",
        help="a header that the app requires; may be repeated",
    )
    parser.add_argument(
        "--subprotocol",
        action="append",
        default=[],
        metavar="NAME",
        help="offer this subprotocol; may be repeated",
    )
    parser.add_argument(
        "--token",
        help="a token that the app requires: in the header Authorization, as the subprotocol after "
        "decanter.token, or in the query parameter token, whichever the app accepts",
    )


def run(args: argparse.Namespace) -> int:
    """Check the endpoint. Return 1 if a rule fails, 130 after Ctrl-C."""
    if args.facts:
        return facts.run(args, _endpoint(args) if args.url or args.url_option else None)
    endpoint = anyone = _endpoint(args)
    show = partial(print, file=sys.stdout if args.format == "text" else sys.stderr, flush=True)
    notes = []
    if args.token:
        endpoint, note = with_token(anyone, args.token)
        notes.append(f"token: {note}")
    works = reach(endpoint) == 101
    known = known_routes(endpoint.url, args.project_dir, args.stage)
    notes.append(f"routes: {known}" if known else NO_ROUTES)
    rules = list(_rules(endpoint, known, args.message))
    if args.token:
        rules.append(_without_token(anyone))
    report = Report(endpoint.url, datetime.now(UTC).isoformat(timespec="seconds"), gaps(rules))
    show("\n".join([head(report), *(f"      {note}" for note in notes)]))
    look(_checkable(rules, endpoint, known, report, works=works), endpoint, report, show)
    print(FORMATS[args.format](report), flush=True)
    if report.interrupted:
        return INTERRUPTED
    return 1 if report.failed() else 0


def _endpoint(args: argparse.Namespace) -> Endpoint:
    """Return the endpoint that the arguments describe.

    Raises:
        DecanterError: an argument is invalid.
    """
    urls = [url for url in (args.url, args.url_option) if url is not None]
    if len(urls) != 1:
        raise DecanterError(
            f"give one URL, not {len(urls)}: decanter verify ws://127.0.0.1:8000/api"
        )
    check_url(urls[0])
    if not args.timeout > 0:
        raise DecanterError(f"--timeout must be above 0, not {args.timeout:g}")
    where = (args.management_endpoint or "").rstrip("/")
    return Endpoint(
        urls[0].rstrip("/"),
        args.timeout,
        _client(where) if where else None,
        where,
        tuple(split_header(header) for header in args.header),
        tuple(check_subprotocol(name) for name in args.subprotocol),
    )


def _rules(endpoint: Endpoint, known: Routes | None, messages: Sequence[str]) -> Iterator[Rule]:
    """Yield the rules for this endpoint. Some rules have `needs_app`."""
    yield gateway.HANDSHAKE
    if endpoint.subprotocols:
        yield gateway.OFFERED
    yield from known.rules() if known else ()
    for text in messages:
        yield rule(f"message {text}", text)
    yield from ERRORS
    yield from service.RULES
    if urlsplit(endpoint.url).path.strip("/"):
        yield from gateway.STAGES
    yield from gateway.RULES
    yield from management.RULES if endpoint.management else ()


def _without_token(endpoint: Endpoint) -> Rule:
    """Return a rule that requires the endpoint to refuse clients without the token.

    An accepted client is not an error, because an app may accept clients without a token too.
    """
    refused = gateway.refusal(lambda it: it.url)
    return Rule(
        (), "a client without the token", "refused", lambda _: refused(endpoint), doubt="^HTTP 101"
    )


def _checkable(
    rules: Sequence[Rule], endpoint: Endpoint, known: Routes | None, report: Report, *, works: bool
) -> list[Rule]:
    """Return the rules that can be checked on this app. Add the others to the report as omitted."""
    if not works:
        kept, reason = list(rules[:1]), NO_CLIENT
    elif (known is None or "sendmessage" in known.messages) and service.speaks(endpoint):
        return list(rules)
    else:
        kept, reason = [it for it in rules if not it.needs_app], OTHER_APP
    report.omissions.extend(Omission(it, reason) for it in rules if it not in kept)
    return kept


def _client(url: str) -> Any:
    """Return a client of @connections. On this machine, dummy credentials are enough.

    Raises:
        DecanterError: the URL is invalid.
    """
    if not is_http_url(url):
        raise DecanterError(f"--management-endpoint {url!r}: write it as https://HOST/STAGE")
    host = urlsplit(url).hostname or ""
    session = Session()
    labels = host.split(".")
    with explained(f"use {url}"):
        if host in LOOPBACK and session.get_credentials() is None:
            session.set_credentials("local", "local")
        return session.create_client(
            "apigatewaymanagementapi",
            endpoint_url=url,
            region_name=labels[2] if labels[1:2] == ["execute-api"] else "us-east-1",
            config=Config(connect_timeout=5, read_timeout=10, retries={"total_max_attempts": 1}),
        )
