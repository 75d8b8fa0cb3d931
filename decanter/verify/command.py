"""`decanter verify`: does an endpoint do what a client can see of the rules?

It opens some fifty connections one after the other and sends about a megabyte. Its broadcasts
reach every client of the service, so it is for an endpoint of one's own.
"""

import argparse
import sys
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlsplit

from botocore.config import Config
from botocore.session import Session

from decanter.aws.faults import explained
from decanter.client import LOOPBACK, check_url
from decanter.errors import DecanterError
from decanter.verify import gateway, management, service
from decanter.verify.coverage import gaps
from decanter.verify.endpoint import Endpoint
from decanter.verify.report import FORMATS, Report
from decanter.verify.rules import Finding, check


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments of `decanter verify`."""
    parser.add_argument(
        "--url",
        required=True,
        help="an endpoint of yours, with the app of this repository: its clients get broadcasts",
    )
    parser.add_argument(
        "--management-endpoint",
        metavar="URL",
        help="the URL that @connections is under, such as http://127.0.0.1:8000/v1: checks it too, "
        "with your AWS credentials",
    )
    parser.add_argument("--format", choices=sorted(FORMATS), default="text")
    parser.add_argument(
        "--timeout",
        type=float,
        default=10.0,
        metavar="SECONDS",
        help="how long to wait for what must come (default: %(default)g)",
    )


def run(args: argparse.Namespace) -> int:
    """Check every rule; 1 if one does not hold."""
    check_url(args.url)
    if not args.timeout > 0:
        raise DecanterError(f"--timeout has to be above 0, not {args.timeout:g}")
    url, where = args.url.rstrip("/"), (args.management_endpoint or "").rstrip("/")
    endpoint = Endpoint(url, args.timeout, _client(where) if where else None, where)
    _reach(endpoint)
    rules = [*service.RULES, *gateway.RULES, *(management.RULES if where else ())]
    findings: list[Finding] = []
    for rule in rules:
        findings.append(check(rule, endpoint))
        if sys.stderr.isatty():
            print(f"\r{len(findings)} of {len(rules)}", end="", file=sys.stderr, flush=True)
    if sys.stderr.isatty():
        print("\r\033[K", end="", file=sys.stderr)
    when = datetime.now(UTC).isoformat(timespec="seconds")
    report = Report(url, when, findings, gaps(rules))
    print(FORMATS[args.format](report))
    return 1 if report.failed() else 0


def _reach(endpoint: Endpoint) -> None:
    """Connect once: where nobody answers, fifty rules need not say so.

    Raises:
        DecanterError: nobody answers.
    """
    try:
        endpoint.handshake(endpoint.url)
    except OSError as error:
        where = endpoint.url.partition("?")[0]
        raise DecanterError(
            f"cannot connect to {where}: {error}; is the server running?"
        ) from error


def _client(url: str) -> Any:
    """A client of @connections; on this machine any credentials will do.

    Raises:
        DecanterError: the endpoint is no URL.
    """
    parts = urlsplit(url)
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        raise DecanterError(f"--management-endpoint {url!r}: write it as https://HOST/STAGE")
    session = Session()
    labels = parts.hostname.split(".")
    with explained(f"use {url}"):
        if parts.hostname in LOOPBACK and session.get_credentials() is None:
            session.set_credentials("local", "local")
        return session.create_client(
            "apigatewaymanagementapi",
            endpoint_url=url,
            region_name=labels[2] if labels[1:2] == ["execute-api"] else "us-east-1",
            config=Config(connect_timeout=5, read_timeout=10, retries={"total_max_attempts": 1}),
        )
