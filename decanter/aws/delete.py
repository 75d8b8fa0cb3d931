"""`decanter delete`: delete the stage's stack and the files that were uploaded for it."""

import argparse
import json

from decanter.arguments import add_adopt_argument, add_stack_arguments
from decanter.aws.bucket import Bucket
from decanter.aws.changes import refuse_busy
from decanter.aws.conflicts import deployed, stack_name
from decanter.aws.errors import explained
from decanter.aws.inventory import Resource, resources
from decanter.aws.losses import how_to_delete
from decanter.aws.ownership import EXISTING, Claim, Owner, mark_of
from decanter.aws.progress import Watch
from decanter.aws.redaction import Secrets
from decanter.aws.session import AWS
from decanter.aws.stacks import Stack, Stacks, Template
from decanter.aws.steps import Clock, Report, agreed, ask, say
from decanter.aws.submission import artifacts
from decanter.errors import AWSError
from decanter.project.config import Project
from decanter.project.template import TABLE


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments of `decanter delete`."""
    add_stack_arguments(parser)
    parser.add_argument(
        "--keep-table", action="store_true", help="keep the tables, which then belong to no stack"
    )
    parser.add_argument(
        "--s3-bucket",
        metavar="NAME",
        help="the bucket of a first `provision` that was interrupted before it created a stack",
    )
    add_adopt_argument(parser, "stack")
    parser.add_argument("--yes", action="store_true", help="delete without confirmation")


def run(args: argparse.Namespace) -> int:
    """Delete the stack. Return 1 if CloudFormation fails, or if the user declines."""
    project = Project.load(args.project_dir, args.stage)
    with explained(f"delete stage {args.stage}"):
        aws = AWS.of(project, args.region)
        name = args.stack_name or stack_name(project)
        deletion = Deletion(aws, project, name, say, adopt=args.adopt)
        if (stack := deletion.find()) is None:
            deletion.nothing(args.s3_bucket)
            if deployed(project):
                say(
                    f"stage {args.stage} was made by `chalice deploy`: `chalice delete --stage "
                    f"{args.stage}` and `decanter table delete --stage {args.stage}` delete it"
                )
            return 0
        if not args.yes and not agreed(deletion.question(stack, keep=args.keep_table), ask):
            say("nothing was deleted")
            return 1
        return deletion.run(stack, keep_tables=args.keep_table)


class Deletion:
    """The deletion of one stack."""

    def __init__(
        self,
        aws: AWS,
        project: Project,
        name: str,
        report: Report,
        clock: Clock | None = None,
        adopt: str | None = None,
    ) -> None:
        self._aws = aws
        self._name = name
        self._report = report
        self._clock = clock or Clock()
        self._client = aws.client("cloudformation")
        self._stacks = Stacks(self._client)
        self._claim = Claim(self._client, Owner.of(project), adopt)
        self._template: Template = {}
        self._secrets = Secrets(project.config.config_from_disk)
        self._told = self._secrets.hiding(report)

    def find(self) -> Stack | None:
        """Return the stack; None if it does not exist.

        Raises:
            AWSError: the stack is not known to belong to this stage.
        """
        self._claim.check_name(self._name)
        stack = self._stacks.find(self._name)
        if stack is not None:
            self._template = self._claim.check(stack)
            self._secrets.learn(self._template)
        return stack

    def nothing(self, bucket: str | None) -> None:
        """Report that the stack does not exist. Delete S3 objects of earlier stacks of this name.

        The objects are in `bucket` and in the bucket of the last deleted stack. They are kept if
        that stack did not belong to this stage.
        """
        self._report(f"there is no stack {self._name}")
        deleted = self._stacks.last_deleted(self._name)
        stack = None if deleted is None else self._stacks.find(deleted)
        template = {} if stack is None else self._stacks.template(stack)
        buckets = artifacts(template) | ({bucket} if bucket else set())
        if buckets and stack is not None and not self._claim.owns(self._name, template):
            owner = Owner.marked(template) or f"no known stage; --adopt {self._name} deletes them"
            self._report(
                f"the uploads for the last stack of that name are kept: it belonged to {owner}"
            )
            return
        self._empty(buckets)

    def question(self, stack: Stack, *, keep: bool) -> str:
        """Return the question that asks the user to confirm the deletion."""
        tables = [it.physical_id for it in self._staying(stack, all_tables=keep)]
        kept = f", but not {', '.join(tables)}" if tables else ""
        return f"Delete stack {stack.name} and everything in it{kept}?"

    def run(self, stack: Stack, *, keep_tables: bool) -> int:
        """Delete the stack, and then its files in S3. Return 1 if CloudFormation fails."""
        with self._secrets.hidden():
            return self._run(stack, keep_tables=keep_tables)

    def _run(self, stack: Stack, *, keep_tables: bool) -> int:
        if stack.busy and stack.status != "DELETE_IN_PROGRESS":
            refuse_busy(stack)
        buckets = artifacts(self._template)
        if keep_tables:
            self._retain_tables(stack)
        self._tell_what_stays(stack, all_tables=keep_tables)
        watch = Watch(self._client, stack.id, self._clock, self._told)
        self._stacks.delete(stack)
        operation = watch.until_done()
        if operation.stack.status != "DELETE_COMPLETE":
            self._report(f"stack {stack.name} is {operation.stack.status}:")
            for cause in operation.causes():
                self._told(f"  {cause}")
            return 1
        self._report(f"deleted stack {stack.name}")
        self._empty(buckets)
        return 0

    def _empty(self, buckets: set[str]) -> None:
        for name in sorted(buckets):
            bucket = Bucket(self._aws.client("s3"), name, self._aws.region, self._aws.suffix)
            if deleted := bucket.empty(self._name):
                self._report(f"deleted {deleted} objects from s3://{name}")

    def _tables(self, stack: Stack) -> list[Resource]:
        return [it for it in resources(self._client, stack) if it.kind == TABLE]

    def _staying(self, stack: Stack, *, all_tables: bool) -> list[Resource]:
        """Return the tables that AWS keeps when the stack is deleted."""
        retained = {
            name
            for name, resource in self._template.get("Resources", {}).items()
            if resource.get("DeletionPolicy") == "Retain"
        }
        if not (all_tables or retained):
            return []
        return [it for it in self._tables(stack) if all_tables or it.logical_id in retained]

    def _tell_what_stays(self, stack: Stack, *, all_tables: bool) -> None:
        """Report the tables that AWS keeps, and the tables that the stack uses but does not own."""
        for table in self._staying(stack, all_tables=all_tables):
            if name := table.physical_id:
                self._report(f"keeping table {name}: {how_to_delete(name)}")
        for name in mark_of(self._template).get(EXISTING, ()):
            self._report(f"table {name} is not the stack's and stays (existing=)")

    def _retain_tables(self, stack: Stack) -> None:
        """Update the stack so that its deletion keeps the tables.

        CloudFormation accepts a new deletion policy only together with another change to the
        resource. A change to its metadata is enough (User Guide, "Update behaviors of stack
        resources").
        """
        if not self._tables(stack):
            return  # the stack may have no template: its creation failed or did not start
        template = self._stacks.template(stack, processed=True)
        if retain_tables(template):
            self._update(stack, template)

    def _update(self, stack: Stack, template: Template) -> None:
        watch = Watch(self._client, stack.id, self._clock, self._told)
        with explained(f"keep the tables of stack {stack.name}"):
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
    """Change a template so that AWS keeps the tables when their stack is deleted.

    Returns:
        False if no table needs the change, for example after an interrupted deletion. In this
        case, the stack must not be updated, because CloudFormation refuses an update without
        changes.
    """
    tables = [it for it in template["Resources"].values() if it["Type"] == TABLE]
    mortal = [it for it in tables if it.get("DeletionPolicy") != "Retain"]
    for table in mortal:
        table["DeletionPolicy"] = "Retain"
        table["Metadata"] = {"Decanter": {"Kept": True}}
    return bool(mortal)
