"""Deploy the app on AWS for the probes, and always delete it after them."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from decanter.aws import provision
from decanter.aws.delete import Deletion
from decanter.aws.errors import explained
from decanter.aws.overrides import described
from decanter.aws.package import package
from decanter.aws.package_command import out_folder
from decanter.aws.progress import POLL_SECONDS
from decanter.aws.provision import Packager, Provision
from decanter.aws.session import AWS
from decanter.aws.stacks import Stacks
from decanter.aws.steps import Ask, Clock, Report, agreed, ask
from decanter.errors import AWSError, DecanterError
from decanter.project.config import Project
from decanter.project.declaration import Declaration


@dataclass(frozen=True)
class Order:
    """The arguments of a deployment. With `yes`, the user is not asked to confirm."""

    bucket: str
    stack: str
    region: str | None
    yes: bool


@dataclass(frozen=True)
class Means:
    """The parts of a deployment that tests replace."""

    aws: AWS | None = None
    clock: Clock = field(default_factory=Clock)
    describe: Callable[[Project], Declaration] = described
    packager: Packager = package
    ask: Ask = ask


@contextmanager
def deployed(
    project: Project, order: Order, show: Report, means: Means | None = None
) -> Iterator[str]:
    """Deploy the project, yield its URL, and delete its stack when the block ends.

    Raises:
        DecanterError: the project cannot be deployed or deleted, the user declines, or the stack
            belongs to another app.
    """
    means = means or Means()
    with explained(f"probe stack {order.stack}"):
        aws = means.aws or AWS.of(project, order.region)
        stage = Stage(project, order, aws, show, means)
        stage.check()
        try:
            yield stage.create()
        finally:
            stage.delete()


class Stage:
    """The stack of the app that is probed."""

    def __init__(
        self, project: Project, order: Order, aws: AWS, show: Report, means: Means
    ) -> None:
        self._project = project
        self._order = order
        self._aws = aws
        self._show = show
        self._means = means
        self._stacks = Stacks(aws.client("cloudformation"))
        self._deletion = Deletion(aws, project, order.stack, show, means.clock)

    def check(self) -> None:
        """Refuse a stack of another app, and ask the user to confirm.

        Raises:
            DecanterError: the stack belongs to another app, or the user declines.
        """
        self._deletion.find()
        question = (
            f"Deploy stack {self._order.stack} to {self._aws.region}, probe it, and delete it?"
        )
        if not self._order.yes and not agreed(question, self._means.ask):
            raise DecanterError("nothing was deployed")

    def create(self) -> str:
        """Deploy the app like `decanter provision`. Return its URL.

        Raises:
            DecanterError: the app cannot be packaged, or its stack cannot be created.
        """
        out = out_folder(self._project)
        order = provision.Order(self._order.bucket, self._order.stack, out)
        means = self._means
        declaration = means.describe(self._project)
        run = Provision(
            self._project, declaration, order, self._aws, self._show, means.clock, means.packager
        )
        failed = run.run()
        stack = self._stacks.find(self._order.stack)
        if failed or stack is None or stack.url is None:
            raise AWSError(f"stack {self._order.stack} could not be created: see the lines above")
        return stack.url

    def delete(self) -> None:
        """Delete the stack like `decanter delete`, or show what is left and raise an AWSError."""
        complete = False
        try:
            self._wait()
            stack = self._deletion.find()
            if stack is None:
                self._deletion.nothing(self._order.bucket)
            complete = stack is None or self._deletion.run(stack, keep_tables=False) == 0
        finally:
            if not complete:
                self._show(self._left())
        if not complete:
            raise AWSError(f"stack {self._order.stack} is not deleted: see the lines above")

    def _wait(self) -> None:
        """Wait for the end of an interrupted creation, because a busy stack cannot be deleted."""
        while (stack := self._stacks.find(self._order.stack)) is not None and stack.busy:
            self._show(f"stack {stack.name} is {stack.status}: it is deleted after this operation")
            self._means.clock.sleep(POLL_SECONDS)

    def _left(self) -> str:
        name, region, bucket = self._order.stack, self._aws.region, self._order.bucket
        return (
            f"stack {name} in {region} and s3://{bucket}/decanter/{name}/ may be left. To delete "
            "them, run this command again, or "
            f"`aws cloudformation delete-stack --region {region} --stack-name {name}` and "
            f"`aws s3 rm --recursive s3://{bucket}/decanter/{name}/`"
        )
