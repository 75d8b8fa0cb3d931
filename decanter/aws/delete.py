"""`decanter delete`: the stage's stack, and what was uploaded for it."""

import argparse
import json
import sys
from collections.abc import Callable

from decanter.arguments import add_stack_arguments
from decanter.aws.bucket import Bucket
from decanter.aws.changes import ChangeSets, refuse_busy
from decanter.aws.events import Watch
from decanter.aws.faults import explained
from decanter.aws.inventory import TABLE, resources
from decanter.aws.roads import deployed, stack_name
from decanter.aws.session import AWS
from decanter.aws.stacks import Stack, Stacks, Template
from decanter.aws.steps import Clock, Report, say
from decanter.aws.submission import artifacts
from decanter.errors import AWSError, DecanterError
from decanter.project import Project

# Asks a question; the answer.
Ask = Callable[[str], str]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments of `decanter delete`."""
    add_stack_arguments(parser)
    parser.add_argument(
        "--keep-table", action="store_true", help="leave the tables, outside any stack"
    )
    parser.add_argument(
        "--s3-bucket",
        metavar="NAME",
        help="where code was uploaded, if a first `provision` was interrupted before its stack",
    )
    parser.add_argument("--yes", action="store_true", help="do not ask")


def run(args: argparse.Namespace) -> int:
    """Delete; 1 if CloudFormation cannot, or the user would rather not."""
    project = Project.load(args.project_dir, args.stage)
    with explained(f"delete stage {args.stage}"):
        aws = AWS.of(project, args.region)
        deletion = Deletion(aws, args.stack_name or stack_name(project), say)
        if (stack := deletion.find()) is None:
            deletion.nothing(args.s3_bucket)
            if deployed(project):
                say(
                    f"stage {args.stage} was made by `chalice deploy`: `chalice delete --stage "
                    f"{args.stage}` and `decanter table delete --stage {args.stage}` delete it"
                )
            return 0
        if not args.yes and not agreed(deletion.question(stack, keep=args.keep_table), ask):
            say("nothing is deleted")
            return 1
        return deletion.run(stack, keep_tables=args.keep_table)


def ask(question: str) -> str:
    """Ask whoever sits there.

    Raises:
        DecanterError: nobody does.
    """
    if not sys.stdin.isatty():
        raise DecanterError("there is nobody to ask: give --yes to delete without a question")
    return input(question)


def agreed(question: str, ask: Ask) -> bool:
    """Whether the answer is yes."""
    return ask(f"{question} [y/N] ").strip().lower() in {"y", "yes"}


class Deletion:
    """The deletion of one stack.

    Args:
        aws: where it is.
        name: the stack's.
        report: takes each line.
        clock: time, and waiting.
    """

    def __init__(self, aws: AWS, name: str, report: Report, clock: Clock | None = None) -> None:
        self._aws = aws
        self._name = name
        self._report = report
        self._clock = clock or Clock()
        self._client = aws.client("cloudformation")
        self._stacks = Stacks(self._client)

    def find(self) -> Stack | None:
        """The stack, if there is one."""
        return self._stacks.find(self._name)

    def nothing(self, bucket: str | None) -> None:
        """There is no stack; what an interrupted run left in S3 goes all the same.

        Args:
            bucket: where that may be, beside what the stack that was deleted last says.
        """
        self._report(f"there is no stack {self._name}")
        deleted = self._stacks.last_deleted(self._name)
        stack = None if deleted is None else self._stacks.find(deleted)
        buckets = set() if stack is None else self._buckets(stack)
        self._empty(buckets | ({bucket} if bucket else set()))

    def question(self, stack: Stack, *, keep: bool) -> str:
        """What to ask before."""
        tables = self._tables(stack) if keep else []
        kept = f", but not {', '.join(tables)}" if tables else ""
        return f"Delete stack {stack.name} and all that is in it{kept}?"

    def run(self, stack: Stack, *, keep_tables: bool) -> int:
        """Delete the stack, wait until it is gone, then delete what was uploaded for it."""
        if stack.busy and stack.status != "DELETE_IN_PROGRESS":
            refuse_busy(stack)
        buckets = self._buckets(stack)
        if keep_tables:
            self._retain_tables(stack)
        watch = Watch(self._client, stack.id, self._clock, self._report)
        self._stacks.delete(stack)
        operation = watch.until_done()
        if operation.stack.status != "DELETE_COMPLETE":
            self._report(f"stack {stack.name} is {operation.stack.status}:")
            for cause in operation.causes():
                self._report(f"  {cause}")
            return 1
        self._report(f"deleted stack {stack.name}")
        self._empty(buckets)
        return 0

    def _buckets(self, stack: Stack) -> set[str]:
        """Where its code went."""
        if stack.status == "REVIEW_IN_PROGRESS":
            return artifacts(ChangeSets(self._client, self._clock).template(stack))
        return artifacts(self._stacks.template(stack))

    def _empty(self, buckets: set[str]) -> None:
        for name in sorted(buckets):
            bucket = Bucket(self._aws.client("s3"), name, self._aws.region, self._aws.suffix)
            if deleted := bucket.empty(self._name):
                self._report(f"deleted {deleted} objects from s3://{name}")

    def _tables(self, stack: Stack) -> list[str]:
        return [it.physical_id for it in resources(self._client, stack) if it.kind == TABLE]

    def _retain_tables(self, stack: Stack) -> None:
        """Update the stack so that its deletion leaves the tables.

        CloudFormation takes a change of a deletion policy only beside a change of the resource;
        its metadata is one (User Guide, "Update behaviors of stack resources").
        """
        if not (tables := self._tables(stack)):
            return  # and perhaps no template either: its creation failed, or never began
        template = self._stacks.template(stack, processed=True)
        if retain_tables(template):
            self._update(stack, template)
        for name in tables:
            self._report(f"keeping table {name}: `aws dynamodb delete-table` deletes it")

    def _update(self, stack: Stack, template: Template) -> None:
        watch = Watch(self._client, stack.id, self._clock, self._report)
        with explained(f"let stack {stack.name} keep its tables"):
            self._client.update_stack(
                StackName=stack.id,
                TemplateBody=json.dumps(template, separators=(",", ":")),
                Capabilities=["CAPABILITY_IAM"],
                Parameters=[
                    {"ParameterKey": name, "UsePreviousValue": True} for name in stack.parameters
                ],
            )
        operation = watch.until_done()
        if operation.stack.status != "UPDATE_COMPLETE":
            raise AWSError(f"cannot keep the tables of {stack.name}: {operation.causes()[0]}")


def retain_tables(template: Template) -> bool:
    """Let a template's tables outlive their stack.

    Returns:
        Whether they would not have: an interrupted deletion may have seen to it, and CloudFormation
        refuses an update that changes nothing.
    """
    tables = [it for it in template["Resources"].values() if it["Type"] == TABLE]
    mortal = [it for it in tables if it.get("DeletionPolicy") != "Retain"]
    for table in mortal:
        table["DeletionPolicy"] = "Retain"
        table["Metadata"] = {"Decanter": {"Kept": True}}
    return bool(mortal)
