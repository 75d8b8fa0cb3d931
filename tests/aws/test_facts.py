"""The app of `decanter verify --facts`: deployed to the tests' AWS, and always deleted."""

import functools
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from decanter.aws.overrides import described
from decanter.aws.package import Package, package
from decanter.aws.session import AWS
from decanter.aws.steps import Clock
from decanter.errors import AWSError, DecanterError
from decanter.project.config import Project
from decanter.verify.facts.project import write_app
from decanter.verify.facts.stage import Means, Order, deployed
from tests.aws.calls import DeathError, Wire, Wired
from tests.aws.cloud import BUCKET, Call, Cloud
from tests.aws.operations import FAILURES

pytestmark = pytest.mark.usefixtures("kept")

NAME = "decanter-facts-dev"
ORDER = Order(BUCKET, NAME, None, yes=True)


@pytest.fixture(name="project", scope="module")
def _project(tmp_path_factory: pytest.TempPathFactory) -> Project:
    return write_app(tmp_path_factory.mktemp("facts") / "app")


class Facts:
    """Runs of the command's deployment."""

    def __init__(self, project: Project, cloud: Cloud, wired: Wired, clients: AWS) -> None:
        self.project = project
        self.cloud = cloud
        self.wired = wired
        self.clients = clients
        self.lines: list[str] = []

    def run(
        self,
        within: Callable[[str], object] = lambda url: None,
        wire: Wire | None = None,
        order: Order = ORDER,
        **means: Any,
    ) -> None:
        self.wired.wire = wire or Wire()
        means = {"clock": Clock(lambda: 0.0, lambda _: None), **means}
        used = Means(self.clients, describe=described_once, packager=packaged_once, **means)
        with deployed(self.project, order, self.lines.append, used) as url:
            within(url)


@functools.cache
def _packaged(project: Project, out: Path) -> Package:
    return package(project, out, region="us-east-1", report=lambda _: None)


described_once = functools.cache(described)


def packaged_once(project: Project, out: Path, **_: Any) -> Package:
    return _packaged(project, out)


CALLS: list[Call] = []
"""The calls of a complete run, after there was one."""


def number_of(facts: Facts, operation: str) -> int:
    """Return the number of the first call of an operation in a complete run."""
    if not CALLS:
        facts.run(wire=(wire := Wire()))
        CALLS.extend(wire.calls)
    return [call.operation for call in CALLS].index(operation)


@pytest.fixture(name="facts")
def _facts(project: Project, aws: Cloud, wired: Wired, clients: AWS) -> Facts:
    return Facts(project, aws, wired, clients)


def test_the_app_is_deployed_with_its_rights_and_deleted(facts: Facts) -> None:
    seen: dict[str, Any] = {}

    def within(url: str) -> None:
        seen["url"], seen["left"] = url, facts.cloud.left()
        client = facts.cloud.client("cloudformation")
        body = client.get_template(StackName=NAME)["TemplateBody"]
        seen["template"] = body if isinstance(body, dict) else json.loads(body)

    facts.run(within)
    assert seen["url"].startswith("wss://")
    assert (seen["left"]["stacks"], len(seen["left"]["functions"])) == ([NAME], 3)
    policies = {
        name: json.dumps(it["Properties"]["Policies"])
        for name, it in seen["template"]["Resources"].items()
        if it["Type"] == "AWS::IAM::Role"
    }
    assert "/GET/@connections" in policies["WebsocketMessageRole"]
    assert "/GET/@connections" not in policies["WebsocketConnectRole"]
    assert facts.cloud.left() == {}


@pytest.mark.parametrize("error", [KeyboardInterrupt, AWSError])
def test_it_is_deleted_after_an_interrupted_probe(error: type[BaseException], facts: Facts) -> None:
    def within(_: str) -> None:
        raise error("in the middle")

    with pytest.raises(error):
        facts.run(within)
    assert facts.cloud.left() == {}


def test_it_is_deleted_after_an_interrupted_deployment(facts: Facts) -> None:
    """Ctrl-C comes after each call that changes AWS."""
    created = number_of(facts, "DeleteStack")
    writes = [n for n, call in enumerate(CALLS[:created]) if not call.reads]
    assert len(writes) == 4
    for number in writes:
        with pytest.raises(DeathError):
            facts.run(wire=Wire(die_after=number))
        assert facts.cloud.left() == {}, CALLS[number]


def test_it_waits_for_a_creation_in_progress(facts: Facts) -> None:
    """CloudFormation continues after Ctrl-C."""
    from moto.backends import get_backend

    backend: Any = get_backend("cloudformation")
    statuses = ["CREATE_IN_PROGRESS", "CREATE_COMPLETE"]

    def set_status() -> None:
        for stack in backend["123456789012"]["us-east-1"].stacks.values():
            stack.status = statuses.pop(0)

    def started(call: Call) -> None:
        if call.operation == "ExecuteChangeSet":
            set_status()

    number = number_of(facts, "ExecuteChangeSet")
    facts.cloud.on_answer = started
    with pytest.raises(DeathError):
        facts.run(wire=Wire(die_after=number), clock=Clock(lambda: 0.0, lambda _: set_status()))
    assert f"stack {NAME} is CREATE_IN_PROGRESS: it is deleted after this operation" in facts.lines
    assert facts.cloud.left() == {}


def test_it_is_deleted_after_a_failed_deployment(facts: Facts) -> None:
    FAILURES["WebsocketMessage"] = "no"
    with pytest.raises(AWSError, match="could not be created"):
        facts.run()
    assert facts.cloud.left() == {}


def test_a_stack_that_cannot_be_deleted_is_named(facts: Facts) -> None:
    """The next run deletes it."""
    number = number_of(facts, "DeleteStack")
    with pytest.raises(AWSError, match="cannot delete stack"):
        facts.run(wire=Wire(deny=number))
    assert facts.lines[-1].startswith(f"stack {NAME} in us-east-1 and s3://{BUCKET}/decanter/")
    assert f"--region us-east-1 --stack-name {NAME}`" in facts.lines[-1]
    assert facts.cloud.left()["stacks"] == [NAME]
    facts.run()
    assert facts.cloud.left() == {}


def test_it_asks_before_it_deploys(facts: Facts) -> None:
    asked: list[str] = []

    def decline(question: str) -> str:
        asked.append(question)
        return "n"

    with pytest.raises(DecanterError, match="nothing was deployed"):
        facts.run(order=Order(BUCKET, NAME, None, yes=False), ask=decline)
    question = f"Deploy stack {NAME} to us-east-1, probe it, and delete it? [y/N] "
    assert (asked, facts.cloud.left(), facts.lines) == ([question], {}, [])


def test_another_apps_stack_stays_unchanged(facts: Facts) -> None:
    client = facts.cloud.client("cloudformation")
    topic = {"Resources": {"Topic": {"Type": "AWS::SNS::Topic"}}}
    client.create_stack(StackName=NAME, TemplateBody=json.dumps(topic))
    with pytest.raises(AWSError, match="--adopt"):
        facts.run()
    assert (facts.cloud.left(), facts.lines) == ({"stacks": [NAME]}, [])
