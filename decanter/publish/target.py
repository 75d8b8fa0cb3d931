"""The stage whose connections a command uses, on AWS or in a running `decanter local`."""

import argparse
import json
import logging
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from decanter.arguments import add_stack_arguments
from decanter.aws.conflicts import deployed, is_there, stack_name
from decanter.aws.errors import explained
from decanter.aws.overrides import described
from decanter.aws.queue import queue_id
from decanter.aws.session import AWS
from decanter.aws.stacks import Stack, Stacks
from decanter.errors import AWSError, DecanterError, ProjectError, ServiceError
from decanter.project.config import Project
from decanter.project.credentials import local_credentials
from decanter.project.declaration import SSM, Declaration, TableDeclaration
from decanter.project.declared_channels import patterns_of
from decanter.project.rights import has_disconnect_hooks
from decanter.publish.queue import QueuePublisher
from decanter.running_gateway import URL, ask
from decanter.runtime.publishing import outside
from decanter.terminal import printable

ENDPOINT = "AWS_ENDPOINT_URL_APIGATEWAYMANAGEMENTAPI"


@dataclass(frozen=True)
class Target:
    """A stage, and the services through which a command uses its connections.

    `name` is the stage's name in texts for the user. `queue_url` is None if the stage has no known
    queue. `sqs_url` is the URL of a local SQS; None for SQS on AWS.
    """

    name: str
    stage: outside.Stage
    aws: AWS
    queue_url: str | None = None
    sqs_url: str | None = None

    def check_table(self) -> None:
        """Raise a ProjectError if the app declares no connection table."""
        if not self.stage.table:
            raise ProjectError(
                f"the app of {self.name} declares no connection table, so its connections are not "
                "known: declare one with @connection_table, or name connections by their ids"
            )

    def check_channel(self, channel: str) -> None:
        """Raise a DecanterError if the app has no channels, or no declared pattern matches."""
        if not self.stage.subscriptions:
            raise DecanterError(f"the app of {self.name} has no channels: send without --channel")
        try:
            self.stage.check_channel(channel)
        except outside.DecanterError as error:
            raise DecanterError(f"the app of {self.name}: {error}") from error

    def management(self) -> Any:
        """Return botocore's client of @connections."""
        return self.aws.client("apigatewaymanagementapi", self.stage.endpoint)

    @contextmanager
    def queueing(self) -> Iterator[QueuePublisher]:
        """Yield a publisher that puts messages into the stage's queue."""
        sqs, has_channels = self.aws.client("sqs", self.sqs_url), bool(self.stage.subscriptions)
        yield QueuePublisher(sqs, self.queue_url or "", has_channels)

    @contextmanager
    def publishing(self) -> Iterator[outside.Publisher]:
        """Yield a publisher. The publisher's warnings are lines on standard error.

        Raises:
            DecanterError: an error of `decanter.runtime`, in one line.
        """
        logger = logging.getLogger("decanter.events")
        logger.addFilter(warn)
        try:
            with outside.publishing(self.stage, os.environ) as publisher:
                yield publisher
        except outside.PostingRefusedError as error:
            raise AWSError(
                f"sending to {self.name} is refused ({error.reason}): grant this identity "
                "execute-api:ManageConnections on the API's stage, and dynamodb:Scan and "
                "dynamodb:DeleteItem on the connection table, or use another identity: AWS_PROFILE"
            ) from error
        except outside.DecanterError as error:
            raise DecanterError(str(error)) from error
        finally:
            logger.removeFilter(warn)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments that choose the stage."""
    which = parser.add_mutually_exclusive_group()
    add_stack_arguments(parser, which)
    which.add_argument(
        "--local",
        dest="url",
        action="store_const",
        const=URL,
        help=f"use the `decanter local` that runs at {URL}",
    )
    which.add_argument("--url", metavar="URL", help="use the `decanter local` at this address")


def target(args: argparse.Namespace) -> Target:
    """Return the stage that the arguments choose."""
    if args.url is not None:
        return on_this_machine(args.url)
    try:
        return on_aws(args)
    except AWSError as error:
        remedy = "; or use a running `decanter local`: --local, or --url URL"
        raise AWSError(f"{error}{remedy}") from error


def on_this_machine(url: str) -> Target:
    """Return the stage of a running gateway.

    Raises:
        DecanterError: no gateway of this version answers at this address.
    """
    # `--local` and `--url` exclude each other, and only `--local` needs no address.
    remedy = "name its address with --url" + (" instead of --local" if url == URL else "")
    about = ask(url, "/_gateway/info", {"management_url"}, remedy=remedy)
    try:
        table, region, database = about["connection_table"], about["region"], about["dynamodb_url"]
        endpoint = about["management_url"]
    except KeyError as error:
        raise ServiceError(
            f"the server at {url} is not `decanter local` of this version: its /_gateway/info has "
            f"no {error}"
        ) from error
    key, secret = local_credentials().values()
    found = outside.Stage(
        endpoint,
        region,
        table=(table and table["name"]) or "",
        key=table["key"] if table else "",
        keeps_rows=table is None or table["has_disconnect_hooks"],
        dynamodb=database,
        keys=(key, secret),
        subscriptions=(table and table.get("subscriptions")) or "",
        channels=tuple(about.get("channels", ())),
    )
    queue_url, sqs_url = about.get("queue_url"), about.get("sqs_url")
    return Target(url, found, AWS.here(region, database), queue_url, sqs_url)


def on_aws(args: argparse.Namespace) -> Target:
    """Return a stage on AWS, from the stack, or from the record of `chalice deploy`.

    Raises:
        DecanterError: the stage is not on AWS, or a call to AWS fails.
    """
    project = Project.load(args.project_dir, args.stage)
    name = f"stage {args.stage}"
    with explained(f"describe {name}"):
        aws = AWS.of(project, args.region)
        stack = Stacks(aws.client("cloudformation")).find(args.stack_name or stack_name(project))
        region = aws.region
    there = stack if is_there(stack) else None
    url = there.url if there else websocket_url(project)
    if url is None:
        raise AWSError(
            f"{name} has no WebSocket API on AWS in {region}: deploy it with `decanter provision "
            f"--stage {args.stage}`, or name another with --stage, --stack-name or --region"
        )
    app = described(project)
    declared, channels = app.connection_table, app.subscription_table
    found = outside.Stage(
        os.environ.get(ENDPOINT) or url.rstrip("/").replace("wss://", "https://", 1),
        region,
        table=table_name(project, app, declared, there, aws) if declared else "",
        key=declared.key[0] if declared else "",
        keeps_rows=declared is None or has_disconnect_hooks(app),
        profile=project.config.profile,
        subscriptions=table_name(project, app, channels, there, aws) if channels else "",
        channels=patterns_of(router.channels for router in app.routers),
    )
    return Target(name, found, aws, queue_url(project, app, there))


def queue_url(project: Project, app: Declaration, stack: Stack | None) -> str | None:
    """Return the URL of a stage's queue, from the stack or the configuration, or None."""
    if app.queue is None:
        return None
    if stack is None:
        return project.stage_environment.get(app.queue.environment)
    return stack.outputs.get(f"{queue_id(app.queue)}Url")


def websocket_url(project: Project) -> str | None:
    """Return the URL that `chalice deploy` recorded; None if it recorded none."""
    urls = (it["websocket_api_url"] for it in deployed(project) if "websocket_api_url" in it)
    return next(urls, None)


def table_name(
    project: Project, app: Declaration, table: TableDeclaration, stack: Stack | None, aws: AWS
) -> str:
    """Return the name or ARN of a stage's table.

    Raises:
        DecanterError: the name is not known, or a call to AWS fails.
    """
    if table.existing and table.existing.startswith(SSM):
        parameter = table.existing.removeprefix(SSM).rstrip("}").partition(":")[0]
        with explained(f"read the parameter {parameter}, which names a table of the app"):
            answer = aws.client("ssm").get_parameter(Name=parameter)
        return str(answer["Parameter"]["Value"])
    if table.existing:
        return table.existing
    if stack is None:
        return project.table_name(table, app)
    output = f"{table.logical_id}Name"
    if output not in stack.outputs:
        raise AWSError(
            f"stack {stack.name} has no output {output}, which names a table of the app: "
            f"update it with `decanter provision --stage {project.chalice_stage}`"
        )
    return stack.outputs[output]


IN_THE_REPORT = {"left_over", "multicast_incomplete"}
"""The log events that only repeat the counts of a report."""


def warn(record: logging.LogRecord) -> bool:
    """Print a warning of `decanter.runtime` for the user. Return False to suppress the log line."""
    line = json.loads(record.getMessage())
    event, _ = line.pop("event"), line.pop("level")
    is_known = event in IN_THE_REPORT or line.get("result") == "refused"  # a refusal is also raised
    if record.levelno >= logging.WARNING and not is_known:
        facts = ", ".join(f"{name} {value}" for name, value in line.items())
        text = line.get("error") or f"{event.replace('_', ' ')}: {facts}"
        print(f"decanter: warning: {printable(text)}", file=sys.stderr)
    return False
