"""`decanter verify`: check if an endpoint follows the rules that a client can observe.

It opens some fifty connections one after the other and sends about a megabyte. Its broadcasts reach
every client of the service, so use it only on your own endpoint.
"""

import argparse
import sys
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from functools import partial
from typing import Any
from urllib.parse import urlsplit

from botocore.config import Config
from botocore.session import Session

from decanter.aws.errors import explained
from decanter.cli import INTERRUPTED
from decanter.client import EXAMPLE, check_url
from decanter.errors import DecanterError
from decanter.hosts import LOOPBACK
from decanter.verify import gateway, management, service
from decanter.verify.endpoint import Endpoint, reach
from decanter.verify.report import FORMATS, Report, head, line
from decanter.verify.rules import Omission, Rule, check, gaps

NO_APP = "no broadcast came"
STOPPED = "interrupted"

Show = Callable[[str], None]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments of `decanter verify`."""
    parser.add_argument(
        "--url",
        required=True,
        help="your endpoint: ws://HOST/STAGE or wss://HOST/STAGE. Its app must broadcast "
        f"the data of {EXAMPLE}, as this framework's route `sendmessage` does; for any other app, "
        "only the gateway's own rules are checked. All its clients get the broadcasts",
    )
    parser.add_argument(
        "--management-endpoint",
        metavar="URL",
        help="the base URL of @connections, such as http://127.0.0.1:8000/v1: checks it too, "
        "with your AWS credentials",
    )
    parser.add_argument(
        "--format",
        choices=sorted(FORMATS),
        default="text",
        help="format of the report on standard output; progress is shown too, for text "
        "there, otherwise on standard error (default: %(default)s)",
    )
    parser.add_argument(
        "--timeout",
        type=float,
        default=5.0,
        metavar="SECONDS",
        help="how long to wait for an expected frame (default: %(default)g)",
    )


def run(args: argparse.Namespace) -> int:
    """Check every rule; 1 if a rule fails, 130 after Ctrl-C."""
    check_url(args.url)
    if not args.timeout > 0:
        raise DecanterError(f"--timeout must be above 0, not {args.timeout:g}")
    url, where = args.url.rstrip("/"), (args.management_endpoint or "").rstrip("/")
    endpoint = Endpoint(url, args.timeout, _client(where) if where else None, where)
    reach(endpoint)
    rules = [*service.RULES, *gateway.RULES, *(management.RULES if where else ())]
    report = Report(url, datetime.now(UTC).isoformat(timespec="seconds"), gaps(rules))
    told = sys.stdout if args.format == "text" else sys.stderr
    look(rules, endpoint, report, partial(print, file=told, flush=True))
    print(FORMATS[args.format](report), flush=True)
    if any(omission.reason == STOPPED for omission in report.omissions):
        return INTERRUPTED
    return 1 if report.failed() else 0


def look(rules: Sequence[Rule], endpoint: Endpoint, report: Report, show: Show) -> None:
    """Check one rule after the other; without an app, only the gateway's, and until Ctrl-C."""
    left = list(rules)
    show(head(report))
    try:
        while left:
            finding = check(left[0], endpoint)
            report.findings.append(finding)
            show(line(finding))
            del left[0]
            if finding.seen == service.SILENCE:
                needy = [rule for rule in left if rule.needs_app]
                report.omissions.extend(Omission(rule, NO_APP) for rule in needy)
                left = [rule for rule in left if not rule.needs_app]
                show(_no_app(len(needy)))
    except KeyboardInterrupt:
        report.omissions.extend(Omission(rule, STOPPED) for rule in left)


def _no_app(omitted: int) -> str:
    return (
        f"      {NO_APP}, so the {omitted} rules that need one are left out: they need an app "
        f"whose route `sendmessage` sends the data of {EXAMPLE} to every client"
    )


def _client(url: str) -> Any:
    """Return a client of @connections; on this machine, any credentials will do.

    Raises:
        DecanterError: the endpoint is not a URL.
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
