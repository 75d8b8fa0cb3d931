"""Making the stage's stack, or bringing it up to date, in steps that one can follow."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from decanter.aws.bucket import Bucket
from decanter.aws.changes import Change, ChangeSet, ChangeSets, refuse_busy, takes_updates
from decanter.aws.commit import commit
from decanter.aws.events import Operation, Watch
from decanter.aws.package import Package, package
from decanter.aws.roads import refuse_chalices_stage
from decanter.aws.session import AWS
from decanter.aws.stacks import Stack, Stacks
from decanter.aws.steps import Clock, Report, Steps
from decanter.aws.submission import Submission, completed, given, kept
from decanter.declaration import Declaration
from decanter.document import read_json
from decanter.errors import AWSError
from decanter.project import Project

SLOWEST = 5
TEMPLATE_NAME = "submitted.json"

Packager = Callable[..., Package]


@dataclass(frozen=True)
class Order:
    """What is wanted.

    Attributes:
        bucket: where code and template go.
        stack: the stack's name.
        out: the folder for what is packaged.
        parameters: the template's, each `NAME=VALUE`.
        wait: whether to follow the stack to the end.
    """

    bucket: str
    stack: str
    out: Path
    parameters: tuple[str, ...] = ()
    wait: bool = True


class Provision:
    """One run of the command.

    Args:
        project: whose stage.
        declaration: what its app declares.
        order: what is wanted.
        aws: where.
        report: takes each line.
        clock: time, and waiting.
        packager: makes the package.
    """

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

    def run(self) -> int:
        """Package, upload, change, follow; the exit status."""
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
            return self._end(self._stacks.find(self._order.stack), "nothing to change")
        watch = Watch(self._client, proposed.stack_id, self._clock, self._report)
        change_sets.execute(proposed)
        if not self._order.wait:
            self._report(f"begun; follow it with `{self._status()}`")
            return 0
        return self._follow(watch)

    def preview(self) -> int:
        """Say what `run` would change; only calls that read."""
        existing = self._check()
        wanted = self._submission(self._package(), existing)
        if not takes_updates(existing):
            self._report(f"stack {self._order.stack} would be created, with")
            for name, kind in wanted.resources():
                self._report(f"  + {name} ({kind})")
            return 0
        difference = wanted.difference(existing, self._stacks.template(existing))
        for line in difference or [f"nothing to change in stack {existing.name}"]:
            self._report(line)
        return 0

    def _check(self) -> Stack | None:
        """What is there; refuses what could not end well before anything takes time."""
        with self._steps.step("check") as step:
            refuse_chalices_stage(self._project, self._declaration, self._aws, self._report)
            existing = self._stacks.find(self._order.stack)
            if existing is not None:
                refuse_busy(existing)
            self._bucket.check()
            step.result = f"stack {self._order.stack}: {existing.status if existing else 'new'}"
        return existing

    def _package(self) -> Package:
        with self._steps.step("package") as step:
            made = self._packager(
                self._project, self._order.out, region=self._aws.region, report=self._report
            )
            step.result = f"{made.bytes / 1e6:.1f} MB for {made.runtime}, sha256 {made.sha256[:12]}"
        return made

    def _submission(self, made: Package, existing: Stack | None) -> Submission:
        """The template with the code's place, written beside the package."""
        packaged = read_json(made.template_path)
        parameters = given(self._order.parameters, packaged)
        keeps: list[str] = []
        if takes_updates(existing):
            keeps = kept(existing, self._stacks.template(existing), packaged)
        code = self._bucket.key(self._order.stack, made.zip_path)
        wanted = Submission(
            completed(
                packaged, f"s3://{self._order.bucket}/{code}", commit(self._project.directory)
            ),
            parameters,
            [name for name in keeps if name not in parameters],
        )
        path = self._order.out / TEMPLATE_NAME
        wanted.write(path)
        self._report(f"template: {path}")
        return wanted

    def _upload(self, made: Package, wanted: Submission) -> str:
        """Send what S3 does not have yet; the template's key."""
        template_path = self._order.out / TEMPLATE_NAME
        with self._steps.step("upload") as step:
            code = self._bucket.key(self._order.stack, made.zip_path)
            sent = self._bucket.upload(code, made.zip_path)
            template = self._bucket.key(self._order.stack, template_path)
            self._bucket.upload(template, template_path)
            step.result = f"s3://{self._order.bucket}/{code}{'' if sent else ', was there'}"
        return template

    def _clear(self, existing: Stack | None) -> Stack | None:
        """Delete the remains of a first creation that failed: such a stack takes no update."""
        if existing is None or existing.status != "ROLLBACK_COMPLETE":
            return existing
        self._report(
            f"stack {existing.name} is ROLLBACK_COMPLETE, what is left of a failed creation: "
            "deleting it and creating it anew"
        )
        with self._steps.step("delete"):
            watch = Watch(self._client, existing.id, self._clock, self._report)
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
            self._report(f"  {cause}")
        return 1

    def _end(self, stack: Stack | None, outcome: str) -> int:
        """What one wants to know of a success: the URL first."""
        if stack is not None and stack.url:
            self._report(stack.url)
        self._report(f"stack {self._order.stack}: {outcome}")
        for name, value in sorted((stack.outputs if stack else {}).items()):
            self._report(f"  {name} = {value}")
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
