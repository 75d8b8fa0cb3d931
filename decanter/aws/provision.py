"""`decanter provision`: the stage as one CloudFormation stack."""

import argparse

from decanter.arguments import add_adopt_argument, add_stack_arguments
from decanter.aws.conflicts import stack_name
from decanter.aws.errors import explained
from decanter.aws.package_command import out_folder
from decanter.aws.provisioning import Order, Provision
from decanter.aws.session import AWS
from decanter.aws.steps import say
from decanter.project.config import Project
from decanter.project.describe import describe


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments of `decanter provision`."""
    add_stack_arguments(parser)
    parser.add_argument(
        "--s3-bucket",
        required=True,
        metavar="NAME",
        help="a bucket of yours in the same region, which code and template go through",
    )
    parser.add_argument(
        "--parameter",
        action="append",
        default=[],
        metavar="NAME=VALUE",
        help="set a parameter of the template; the stack keeps what is not given",
    )
    parser.add_argument(
        "--noop",
        action="store_true",
        help="package, print how the template differs from what is deployed, and change nothing",
    )
    add_adopt_argument(parser, "stack")
    parser.add_argument(
        "--allow-loss",
        action="append",
        default=[],
        metavar="LOGICAL_ID",
        help="let this resource be removed or replaced, though it may hold data; may be repeated",
    )
    parser.add_argument(
        "--no-wait", action="store_true", help="leave once CloudFormation has begun"
    )


def run(args: argparse.Namespace) -> int:
    """Provision; 1 if CloudFormation fails and takes it back."""
    project = Project.load(args.project_dir, args.stage)
    with explained(f"provision stage {args.stage}"):
        aws = AWS.of(project, args.region)
        order = Order(
            bucket=args.s3_bucket,
            stack=args.stack_name or stack_name(project),
            out=out_folder(project),
            parameters=tuple(args.parameter),
            wait=not args.no_wait,
            adopt=args.adopt,
            allow_loss=tuple(args.allow_loss),
        )
        provision = Provision(project, describe(project), order, aws, say)
        return provision.preview() if args.noop else provision.run()
