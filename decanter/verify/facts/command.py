"""`decanter verify --facts`: test the facts on AWS or in `decanter local`, and report them."""

import argparse
import sys
import tempfile
import time
from contextlib import AbstractContextManager, nullcontext
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

from decanter.cli import INTERRUPTED
from decanter.client import without_secrets
from decanter.errors import DecanterError
from decanter.verify.endpoint import Endpoint, reach
from decanter.verify.facts.closing import CLOSING
from decanter.verify.facts.connecting import connecting
from decanter.verify.facts.idle import idle
from decanter.verify.facts.messages import messages
from decanter.verify.facts.posting import POSTING
from decanter.verify.facts.probe import Limits, client, identity
from decanter.verify.facts.project import write_app
from decanter.verify.facts.served import LIMITS, served
from decanter.verify.facts.stage import Order, deployed
from decanter.verify.report import FORMATS, Report, Show, head, look
from decanter.verify.rules import Gap, Rule

IDLE = Gap((46, 47), "takes 13 minutes, and --quick leaves it out")
START_SECONDS, PAUSE_SECONDS = 60.0, 2.0
AGE = Gap((48,), "takes two hours")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments of `decanter verify --facts`."""
    group = parser.add_argument_group("facts")
    group.add_argument(
        "--facts",
        action="store_true",
        help="instead, probe the rules of API Gateway, including those that nobody has published. "
        "The app of the probes runs on AWS with --s3-bucket, on this machine with --local, or "
        "already at the URL",
    )
    group.add_argument("--local", action="store_true", help="run the probes with `decanter local`")
    group.add_argument(
        "--s3-bucket",
        metavar="NAME",
        help="run the probes on AWS: deploy the app with this bucket, and delete the app at the "
        "end",
    )
    group.add_argument("--region", help="the AWS region (default: AWS_REGION, or the profile's)")
    group.add_argument(
        "--stack-name",
        metavar="NAME",
        default="decanter-facts-dev",
        help="the name of the app's stack (default: %(default)s)",
    )
    group.add_argument("--yes", action="store_true", help="deploy without confirmation")
    group.add_argument(
        "--quick",
        action="store_true",
        help="skip the probe of the idle timeout, which takes 13 minutes",
    )


def run(args: argparse.Namespace, endpoint: Endpoint | None) -> int:
    """Test the facts. Return 1 if a published rule does not hold, 130 after Ctrl-C.

    `endpoint` is an endpoint that already serves the app, or None.

    Raises:
        DecanterError: the arguments name no place or several places for the app, or the app cannot
            be started, reached or deleted.
    """
    if [args.local, args.s3_bucket is not None, endpoint is not None].count(True) != 1:
        raise DecanterError("--facts needs one place: --s3-bucket NAME for AWS, --local, or a URL")
    show = partial(print, file=sys.stdout if args.format == "text" else sys.stderr, flush=True)
    limits = LIMITS if args.local else Limits()
    with tempfile.TemporaryDirectory() as folder, _place(args, endpoint, Path(folder), show) as url:
        target = endpoint or Endpoint(url, args.timeout)
        await_app(target, 0 if endpoint else START_SECONDS)
        report = probe(target, limits, show, quick=args.quick)
        print(FORMATS[args.format](report), flush=True)  # printed before a deletion that may fail
    if report.interrupted:
        return INTERRUPTED
    return 1 if report.failed() else 0


def await_app(endpoint: Endpoint, seconds: float) -> None:
    """Wait until the endpoint answers. At first, DNS often lacks the name of a new API.

    Raises:
        DecanterError: the endpoint does not answer in time, or serves another app.
    """
    deadline = time.monotonic() + seconds
    while True:
        try:
            reach(endpoint)
            break
        except DecanterError:
            if time.monotonic() >= deadline:
                raise
            time.sleep(PAUSE_SECONDS)
    with client(endpoint) as connection:
        if identity(connection, endpoint.seconds) == "none":
            raise DecanterError(
                f"{without_secrets(endpoint.url)} does not have the app that the probes need: "
                "instead of the URL, use --s3-bucket or --local"
            )


def probe(endpoint: Endpoint, limits: Limits, show: Show, *, quick: bool = False) -> Report:
    """Run the probes on an endpoint that serves the app."""
    rules = facts(limits, quick=quick)
    when = datetime.now(UTC).isoformat(timespec="seconds")
    report = Report(endpoint.url, when, [IDLE, AGE] if quick else [AGE])
    show(head(report))
    look(rules, endpoint, report, show)
    return report


def facts(limits: Limits, *, quick: bool = False) -> list[Rule]:
    """Return the facts, with the slow facts last; with `quick`, without the slow facts."""
    slow = [] if quick else idle(limits)
    return [*connecting(limits), *messages(limits), *CLOSING, *POSTING, *slow]


def _place(
    args: argparse.Namespace, endpoint: Endpoint | None, folder: Path, show: Show
) -> AbstractContextManager[str]:
    """Return a context manager that runs the app in the chosen place and yields the URL."""
    if endpoint is not None:
        return nullcontext(endpoint.url)
    project = write_app(folder / "facts")
    if args.local:
        return served(project)
    return deployed(project, Order(args.s3_bucket, args.stack_name, args.region, args.yes), show)
