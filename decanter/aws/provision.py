"""`decanter provision`: deploy the stage as one CloudFormation stack, and report each step."""

import argparse
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from decanter.arguments import add_adopt_argument, add_stack_arguments
from decanter.aws.bucket import Bucket
from decanter.aws.changes import Change, ChangeSet, ChangeSets, refuse_busy, takes_updates
from decanter.aws.conflicts import refuse_chalices_stage, stack_name
from decanter.aws.errors import explained
from decanter.aws.losses import flags, removed
from decanter.aws.overrides import described
from decanter.aws.ownership import Claim, Owner
from decanter.aws.package import Package, package
from decanter.aws.package_command import out_folder
from decanter.aws.progress import Operation, Watch
from decanter.aws.redaction import Secrets
from decanter.aws.session import AWS
from decanter.aws.stacks import Stack, Stacks, Template
from decanter.aws.steps import Clock, Report, Steps, say
from decanter.aws.submission import Submission, commit, completed, given, kept
from decanter.aws.table import existing as existing_tables
from decanter.aws.template import public_variables
from decanter.errors import AWSError
from decanter.project.config import Project
from decanter.project.declaration import Declaration
from decanter.project.document import read_json

SLOWEST = 5
TEMPLATE_NAME = "submitted.json"

Packager = Callable[..., Package]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments of `decanter provision`."""
    add_stack_arguments(parser)
    parser.add_argument(
        "--s3-bucket",
        required=True,
        metavar="NAME",
        help="your S3 bucket for code and template, in the region of the stack",
    )
    parser.add_argument(
        "--parameter",
        action="append",
        default=[],
        metavar="NAME=VALUE",
        help="set a parameter of the template; other parameters keep the values set before",
    )
    parser.add_argument(
        "--noop",
        action="store_true",
        help="package, print the differences from the deployed template, and change nothing",
    )
    add_adopt_argument(parser, "stack")
    parser.add_argument(
        "--allow-loss",
        action="append",
        default=[],
        metavar="LOGICAL_ID",
        help="allow the removal or replacement of this resource, which has data; may be repeated",
    )
    parser.add_argument(
        "--no-wait", action="store_true", help="do not wait until CloudFormation has finished"
    )


def run(args: argparse.Namespace) -> int:
    """Provision the stage, or preview the changes. Return 1 if CloudFormation fails."""
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
        provision = Provision(project, described(project), order, aws, say)
        return provision.preview() if args.noop else provision.run()


@dataclass(frozen=True)
class Order:
    """The arguments of `decanter provision`.

    `out` is the folder for the package. Each parameter has the form `NAME=VALUE`. `adopt` is the
    name of an unmarked stack that the user assigns to the stage. `allow_loss` contains the logical
    ids of resources with data that may be removed or replaced.
    """

    bucket: str
    stack: str
    out: Path
    parameters: tuple[str, ...] = ()
    wait: bool = True
    adopt: str | None = None
    allow_loss: tuple[str, ...] = ()


class Provision:
    """One run of `decanter provision`."""

    def __init__(
        self,
        project: Project,
        declaration: Declaration,
        order: Order,
        aws: AWS,
        report: Report,
        clock: Clock | None = None,
        packager: Packager = package,
    ) -> None:
        self._project = project
        self._declaration = declaration
        self._order = order
        self._aws = aws
        self._report = report
        self._clock = clock or Clock()
        self._packager = packager
        self._steps = Steps(self._clock, report)
        self._client = aws.client("cloudformation")
        self._stacks = Stacks(self._client)
        self._bucket = Bucket(aws.client("s3"), order.bucket, aws.region, aws.suffix)
        self._owner = Owner.of(project)
        self._deployed: Template = {}
        self._secrets = Secrets(project.config.config_from_disk, public_variables(declaration))
        self._told = self._secrets.hiding(report)

    def run(self) -> int:
        """Package the project, upload it, and change the stack. Return the exit status."""
        with self._secrets.hidden():
            return self._run()

    def preview(self) -> int:
        """Report the changes that `run` would make, but make none of them."""
        with self._secrets.hidden():
            return self._preview()

    def _run(self) -> int:
        existing = self._check()
        made = self._package()
        wanted = self._submission(made, existing)
        template = self._upload(made, wanted)
        existing = self._clear(existing)
        change = Change(self._bucket.url(template), wanted.parameters, wanted.kept)
        with self._steps.step("change set") as step:
            change_sets = ChangeSets(self._client, self._clock)
            proposed = change_sets.propose(self._order.stack, existing, change)
            step.result = _proposed(proposed)
        if proposed is None:
            return self._unchanged()
        self._refuse_losses(change_sets, proposed)
        watch = Watch(self._client, proposed.stack_id, self._clock, self._told)
        change_sets.execute(proposed)
        if not self._order.wait:
            self._report(f"started; follow it with `{self._status()}`")
            return 0
        return self._follow(watch)

    def _preview(self) -> int:
        existing = self._check()
        wanted = self._submission(self._package(), existing)
        if not takes_updates(existing):
            self._report(f"stack {self._order.stack} would be created, with")
            for name, kind in wanted.resources():
                self._report(f"  + {name} ({kind})")
            return 0
        difference = wanted.difference(existing, self._deployed)
        for line in difference or [f"nothing to change in stack {existing.name}"]:
            self._told(line)
        if lost := list(removed(self._deployed, wanted.template)):
            names = ", ".join(map(str, lost))
            self._report(f"data would be lost: {names}; to accept this, use {flags(lost)}")
        return 0

    def _check(self) -> Stack | None:
        """Return the stack or None. Before any slow step, refuse a run that cannot succeed."""
        with self._steps.step("check") as step:
            refuse_chalices_stage(self._project, self._declaration, self._aws, self._report)
            existing = self._stacks.find(self._order.stack)
            self._claim(existing)
            if existing is not None:
                refuse_busy(existing)
            self._bucket.check()
            for line in existing_tables(self._declaration):
                self._report(line)
            step.result = f"stack {self._order.stack}: {existing.status if existing else 'new'}"
        return existing

    def _claim(self, existing: Stack | None) -> None:
        claim = Claim(self._client, self._owner, self._order.adopt)
        claim.check_name(self._order.stack)
        if existing is not None:
            self._deployed = claim.check(existing)
            self._secrets.learn(self._deployed)
        elif self._order.adopt is not None:
            raise AWSError(f"there is no stack {self._order.stack} to adopt: run without --adopt")

    def _package(self) -> Package:
        with self._steps.step("package") as step:
            made = self._packager(
                self._project, self._order.out, region=self._aws.region, report=self._report
            )
            step.result = f"{made.bytes / 1e6:.1f} MB for {made.runtime}, sha256 {made.sha256[:12]}"
        return made

    def _submission(self, made: Package, existing: Stack | None) -> Submission:
        """Return the template and its parameters. Write the template next to the package."""
        packaged = read_json(made.template_path)
        parameters = given(self._order.parameters, packaged)
        keeps: list[str] = []
        if takes_updates(existing):
            keeps = kept(existing, self._deployed, packaged)
        self._secrets.learn(packaged)
        self._secrets.learn_parameters(packaged, parameters)
        code = f"s3://{self._order.bucket}/{self._bucket.key(self._order.stack, made.zip_path)}"
        wanted = Submission(
            completed(packaged, code, commit(self._project.directory), self._owner),
            parameters,
            [name for name in keeps if name not in parameters],
        )
        path = self._order.out / TEMPLATE_NAME
        wanted.write(path)
        self._report(f"template: {path}")
        return wanted

    def _upload(self, made: Package, wanted: Submission) -> str:
        """Upload the files that the bucket does not have yet. Return the template's key."""
        template_path = self._order.out / TEMPLATE_NAME
        with self._steps.step("upload") as step:
            code = self._bucket.key(self._order.stack, made.zip_path)
            sent = self._bucket.upload(code, made.zip_path)
            template = self._bucket.key(self._order.stack, template_path)
            self._bucket.upload(template, template_path)
            step.result = f"s3://{self._order.bucket}/{code}{'' if sent else ', was there'}"
        return template

    def _clear(self, existing: Stack | None) -> Stack | None:
        """Delete a stack whose creation failed, because it cannot be updated."""
        if existing is None or existing.status != "ROLLBACK_COMPLETE":
            return existing
        self._report(
            f"stack {existing.name} is ROLLBACK_COMPLETE after a failed creation: "
            "deleting it and creating it again"
        )
        with self._steps.step("delete"):
            watch = Watch(self._client, existing.id, self._clock, self._told)
            self._stacks.delete(existing)
            operation = watch.until_done()
        if operation.stack.status != "DELETE_COMPLETE":
            raise AWSError(f"cannot delete stack {existing.name}: {operation.causes()[0]}")
        return None

    def _follow(self, watch: Watch) -> int:
        with self._steps.step("stack") as step:
            operation = watch.until_done()
            step.result = operation.stack.status
        if operation.stack.status in {"CREATE_COMPLETE", "UPDATE_COMPLETE"}:
            status = self._end(operation.stack, operation.stack.status)
            self._slowest(operation)
            return status
        self._report(f"stack {operation.stack.name} failed and is {operation.stack.status}:")
        for cause in operation.causes():
            self._told(f"  {cause}")
        return 1

    def _refuse_losses(self, change_sets: ChangeSets, proposed: ChangeSet) -> None:
        """Refuse and delete a change set that may lose data, unless `--allow-loss` allows it."""
        lost = [it for it in proposed.losses if it.logical_id not in self._order.allow_loss]
        if not lost:
            for loss in proposed.losses:
                self._report(f"accepted: {loss}")
            return
        change_sets.drop(proposed)
        raise AWSError(
            f"stack {self._order.stack} was not changed, because data would be lost: "
            f"{', '.join(map(str, lost))}; to accept this, use {flags(lost)}"
        )

    def _unchanged(self) -> int:
        """Report that nothing changed. CloudFormation does not treat a new mark as a change."""
        status = self._end(self._stacks.find(self._order.stack), "nothing to change")
        if Owner.marked(self._deployed) is None:
            self._report(
                f"stack {self._order.stack} is still unmarked, as nothing changed: use --adopt "
                "again until something changes"
            )
        return status

    def _end(self, stack: Stack | None, outcome: str) -> int:
        """Report a successful run, and return 0. The first line is the WebSocket URL, if any."""
        if stack is not None and stack.url:
            self._report(stack.url)
        self._report(f"stack {self._order.stack}: {outcome}")
        for name, value in sorted((stack.outputs if stack else {}).items()):
            self._report(f"  {name} = {self._secrets.output(name, value)}")
        for line in self._steps.summary():
            self._report(line)
        return 0

    def _slowest(self, operation: Operation) -> None:
        for seconds, name, kind in operation.durations()[:SLOWEST]:
            self._report(f"{seconds:9.1f} s  {name} ({kind})")

    def _status(self) -> str:
        return f"decanter status --stage {self._project.chalice_stage}"


def _proposed(change_set: ChangeSet | None) -> str:
    if change_set is None:
        return "nothing to change"
    return f"{'creates' if change_set.creates else 'touches'} {change_set.resources} resources"
