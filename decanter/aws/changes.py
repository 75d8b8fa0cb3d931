"""Change sets: what an update of a stack will do, made before it is done."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeGuard

from botocore.exceptions import ClientError

from decanter.aws.errors import explained
from decanter.aws.losses import Loss
from decanter.aws.stacks import Stack, Template, as_template, short_name
from decanter.aws.steps import Clock
from decanter.errors import AWSError

NAME = "decanter-change"
POLL_SECONDS = 2.0
# Translating a SAM template and comparing it takes seconds; after this long something is wrong.
POLLS = 150
# How CloudFormation says that nothing changes: the second since a macro is involved.
NOTHING = ("didn't contain changes", "No updates are to be performed")


@dataclass(frozen=True)
class Change:
    """What a change set is made from.

    Attributes:
        template_url: where the template is in S3.
        parameters: the values to set.
        kept: the parameters that keep the stack's value; others get the template's default.
    """

    template_url: str
    parameters: Mapping[str, str]
    kept: Sequence[str]


@dataclass(frozen=True)
class ChangeSet:
    """A change set that can be executed.

    Attributes:
        id: its ARN.
        stack_id: its stack's.
        creates: whether the stack is new.
        resources: how many resources it touches.
        losses: the resources with data that it removes or replaces.
    """

    id: str
    stack_id: str
    creates: bool
    resources: int
    losses: Sequence[Loss] = ()


class ChangeSets:
    """The change sets of one account and region.

    Args:
        client: CloudFormation's.
        clock: time, and waiting.
    """

    def __init__(self, client: Any, clock: Clock) -> None:
        self._client = client
        self._clock = clock

    def propose(self, name: str, existing: Stack | None, change: Change) -> ChangeSet | None:
        """Make a change set; None, and no trace of it, if there is nothing to change.

        Args:
            name: the stack's.
            existing: the stack, if there is one.
            change: to what.

        Raises:
            AWSError: CloudFormation cannot make it.
        """
        updating = existing is not None and existing.exists
        if existing is not None:
            self._drop_old(existing)
        with explained(f"make a change set for stack {name}"):
            made = self._client.create_change_set(
                # By its ARN, so that no stack that took its name meanwhile is changed.
                StackName=existing.id if existing is not None and updating else name,
                ChangeSetName=NAME,
                ChangeSetType="UPDATE" if updating else "CREATE",
                TemplateURL=change.template_url,
                Capabilities=["CAPABILITY_IAM"],
                Parameters=_parameters(change),
            )
            reason = self._wait(made["Id"])
            if reason is None:
                changes = self._changes(made["Id"])
                losses = [loss for it in changes if (loss := Loss.read(it)) is not None]
                return ChangeSet(made["Id"], made["StackId"], not updating, len(changes), losses)
            self._undo(made, creates=not updating)
        if any(words in reason for words in NOTHING):
            return None
        raise AWSError(f"cannot make a change set for stack {name}: {' '.join(reason.split())}")

    def execute(self, change_set: ChangeSet) -> None:
        """Begin to do what the change set says."""
        with explained(f"execute the change set of stack {short_name(change_set.stack_id)}"):
            self._client.execute_change_set(ChangeSetName=change_set.id)

    def drop(self, change_set: ChangeSet) -> None:
        """Delete a change set that is not to be executed."""
        with explained(f"delete the change set of stack {short_name(change_set.stack_id)}"):
            self._client.delete_change_set(ChangeSetName=change_set.id)

    def names(self, stack: Stack) -> list[str]:
        """The names of a stack's change sets, whoever made them."""
        with explained(f"list the change sets of stack {stack.name}"):
            pages = self._client.get_paginator("list_change_sets").paginate(StackName=stack.id)
            return [it["ChangeSetName"] for page in pages for it in page["Summaries"]]

    def template(self, stack: Stack) -> Template:
        """The template of a change set that was made and not executed; empty if there is none."""
        with explained(f"read the template of the change set of stack {stack.name}"):
            try:
                answer = self._client.get_template(StackName=stack.id, ChangeSetName=NAME)
            except ClientError as error:
                if error.response["Error"]["Code"] != "ChangeSetNotFound":
                    raise
                return {}
        return as_template(answer["TemplateBody"])

    def _wait(self, change_set: str) -> str | None:
        """Wait until it can be executed: None, or why it never can."""
        for _ in range(POLLS):
            description = self._client.describe_change_set(ChangeSetName=change_set)
            if description["Status"] == "CREATE_COMPLETE":
                return None
            if description["Status"] == "FAILED":
                return str(description.get("StatusReason", "no reason given"))
            self._clock.sleep(POLL_SECONDS)
        raise AWSError(f"change set {change_set} is not ready after {POLLS * POLL_SECONDS:.0f} s")

    def _changes(self, change_set: str) -> list[Mapping[str, Any]]:
        """What happens to each resource."""
        pages = self._client.get_paginator("describe_change_set").paginate(ChangeSetName=change_set)
        return [it["ResourceChange"] for page in pages for it in page["Changes"]]

    def _undo(self, made: Mapping[str, Any], *, creates: bool) -> None:
        """Remove a change set that failed, and the empty stack that was made for it."""
        self._client.delete_change_set(ChangeSetName=made["Id"])
        if creates:
            self._client.delete_stack(StackName=made["StackId"])

    def _drop_old(self, stack: Stack) -> None:
        """Delete the change set of a run that did not live to execute it."""
        with explained(f"delete the old change set of stack {stack.name}"):
            for summary in self._client.list_change_sets(StackName=stack.id)["Summaries"]:
                if summary["ChangeSetName"] == NAME:
                    self._client.delete_change_set(ChangeSetName=summary["ChangeSetId"])


def takes_updates(stack: Stack | None) -> TypeGuard[Stack]:
    """Whether there is a stack to update; what is left of a failed creation is none."""
    return stack is not None and stack.exists and stack.status != "ROLLBACK_COMPLETE"


def refuse_busy(stack: Stack) -> None:
    """Refuse a stack that takes no change now.

    Raises:
        AWSError: an operation is going on, or has to be ended by hand.
    """
    if stack.busy:
        raise AWSError(
            f"stack {stack.name} is {stack.status}: another operation is in progress; try again "
            "when it has ended (`decanter status` shows it)"
        )
    if stack.status in {"ROLLBACK_FAILED", "DELETE_FAILED"}:
        raise AWSError(f"stack {stack.name} is {stack.status}: `decanter delete` ends it")
    if stack.status == "UPDATE_ROLLBACK_FAILED":
        raise AWSError(
            f"stack {stack.name} is {stack.status}: mend what its events name, then `aws "
            f"cloudformation continue-update-rollback --stack-name {stack.name}`"
        )


def _parameters(change: Change) -> list[dict[str, Any]]:
    """The parameters of a change set: those given, and those that stay as they are."""
    return [
        *({"ParameterKey": k, "ParameterValue": v} for k, v in change.parameters.items()),
        *({"ParameterKey": name, "UsePreviousValue": True} for name in change.kept),
    ]
