"""`decanter status`: show the state of a stage on AWS."""

import argparse
import re

from decanter.arguments import add_stack_arguments
from decanter.aws.conflicts import configured_tables, deployed, is_there, stack_name
from decanter.aws.errors import explained
from decanter.aws.inventory import FUNCTION, Inventory, Resource, resources
from decanter.aws.overrides import described
from decanter.aws.ownership import Owner
from decanter.aws.redaction import Secrets
from decanter.aws.session import AWS
from decanter.aws.stacks import Stack, Stacks
from decanter.aws.steps import Report, say
from decanter.aws.submission import commit_of
from decanter.project.config import Project
from decanter.project.template import TABLE

_ARN = re.compile(r"\barn:aws[a-z-]*:[^\s,\"']+")
_ACCOUNT = re.compile(r"(?<!\d)\d{12}(?!\d)")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments of `decanter status`."""
    add_stack_arguments(parser)
    parser.add_argument(
        "--count", action="store_true", help="count the tables' items now, which reads all items"
    )
    parser.add_argument(
        "--redact", action="store_true", help="hide account ids and ARNs, to share the output"
    )


def run(args: argparse.Namespace) -> int:
    """Print the stage's state. Return 1 if the stage is not on AWS."""
    project = Project.load(args.project_dir, args.stage)
    report = redacted(say) if args.redact else say
    secrets = Secrets(project.config.config_from_disk)
    with secrets.hidden(), explained(f"describe stage {args.stage}"):
        aws = AWS.of(project, args.region)
        name = args.stack_name or stack_name(project)
        stack = Stacks(aws.client("cloudformation")).find(name)
        inventory = Inventory(aws, count=args.count, hide=secrets.hide)
        if stack is not None and is_there(stack):
            return tell_stack(stack, aws, inventory, secrets, report)
        return _chalices(project, aws, inventory, report)


def tell_stack(
    stack: Stack, aws: AWS, inventory: Inventory, secrets: Secrets, report: Report
) -> int:
    """Report a stage's stack. Known secrets in AWS's texts are hidden."""
    client = aws.client("cloudformation")
    template = Stacks(client).template(stack)
    secrets.learn(template)
    report(f"stack         {stack.name}: {stack.status} since {stack.changed}, in {aws.region}")
    if stack.reason:
        report(f"reason        {secrets.hide(stack.reason)}")
    report(f"belongs to    {Owner.marked(template) or 'unknown: the stack is unmarked'}")
    report(f"commit        {commit_of(template) or 'unknown'}")
    if stack.url:
        _urls(stack.url, report)
    for line in inventory.lines(resources(client, stack)):
        report(line)
    return 0


def _chalices(project: Project, aws: AWS, inventory: Inventory, report: Report) -> int:
    """Report the resources that `chalice deploy` and `decanter table create` have created."""
    stage, made = project.chalice_stage, deployed(project)
    found = [Resource(it["name"], FUNCTION, it["lambda_arn"]) for it in made if "lambda_arn" in it]
    names = configured_tables(project, described(project))
    found += [Resource(name, TABLE, name) for name in names]
    lines = [line for line in inventory.lines(found) if not line.endswith("does not exist")]
    if not lines:
        report(f"stage {stage} is not on AWS in {aws.region}: deploy it with `decanter provision`")
        return 1
    report(f"stage         {stage}, " + ("by `chalice deploy`" if made else "only its tables"))
    for url in (it["websocket_api_url"] for it in made if "websocket_api_url" in it):
        _urls(url, report)
    for line in lines:
        report(line)
    return 0


def _urls(url: str, report: Report) -> None:
    url = url.rstrip("/")
    report(f"WebSocket     {url}")
    report(f"@connections  {url.replace('wss://', 'https://', 1)}/@connections/{{connectionId}}")


def redacted(report: Report) -> Report:
    """Return a report function that hides account ids and ARNs."""

    def hide(line: str) -> None:
        report(_ACCOUNT.sub("************", _ARN.sub("arn:…", line)))

    return hide
