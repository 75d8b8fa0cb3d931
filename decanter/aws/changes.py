"""Change sets, which show the changes to a stack before its update."""

from collections.abc import Iterator, Mapping, Sequence
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
# CloudFormation creates a change set within seconds. After this many polls, something is wrong.
POLLS = 150
# CloudFormation's messages for "no change". It uses the second message for templates with macros.
NOTHING = ("didn't contain changes", "No updates are to be performed")


@dataclass(frozen=True)
class Change:
    """The input of a change set.

    A parameter in `kept` keeps its value in the stack. Any other parameter that is not in
    `parameters` gets the template's default.
    """

    template_url: str
    parameters: Mapping[str, str]
    kept: Sequence[str]


@dataclass(frozen=True)
class ChangeSet:
    """A change set that is ready to be executed.

    `id` and `stack_id` are ARNs. `resources` is the number of changed resources. `losses` are the
    resources with data that the change set may remove or replace.
    """

    id: str
    stack_id: str
    creates: bool
    resources: int
    losses: Sequence[Loss] = ()


class ChangeSets:
    """The change sets of one account and region."""

    def __init__(self, client: Any, clock: Clock) -> None:
        self._client = client
        self._clock = clock

    def propose(self, name: str, existing: Stack | None, change: Change) -> ChangeSet | None:
        """Create a change set. If nothing changes, delete the change set and return None.

        Raises:
            AWSError: CloudFormation cannot create the change set.
        """
        updating = existing is not None and existing.exists
        if existing is not None:
            self._drop_old(existing)
        with explained(f"create a change set for stack {name}"):
            made = self._client.create_change_set(
                # The ARN is used, because another stack may now have the same name.
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
        raise AWSError(f"cannot create a change set for stack {name}: {' '.join(reason.split())}")

    def execute(self, change_set: ChangeSet) -> None:
        """Start executing the change set."""
        with explained(f"execute the change set of stack {short_name(change_set.stack_id)}"):
            self._client.execute_change_set(ChangeSetName=change_set.id)

    def drop(self, change_set: ChangeSet) -> None:
        """Delete a change set without executing it."""
        with explained(f"delete the change set of stack {short_name(change_set.stack_id)}"):
            self._client.delete_change_set(ChangeSetName=change_set.id)

    def names(self, stack: Stack) -> list[str]:
        """Return the names of all change sets of a stack."""
        with explained(f"list the change sets of stack {stack.name}"):
            return [it["ChangeSetName"] for it in self._summaries(stack)]

    def template(self, stack: Stack) -> Template:
        """Return the template of Decanter's change set; empty without this change set."""
        with explained(f"read the template of the change set of stack {stack.name}"):
            try:
                answer = self._client.get_template(StackName=stack.id, ChangeSetName=NAME)
            except ClientError as error:
                if error.response["Error"]["Code"] != "ChangeSetNotFound":
                    raise
                return {}
        return as_template(answer["TemplateBody"])

    def _wait(self, change_set: str) -> str | None:
        """Wait for a change set. Return None if it can be executed, or the reason why it cannot."""
        for _ in range(POLLS):
            description = self._client.describe_change_set(ChangeSetName=change_set)
            if description["Status"] == "CREATE_COMPLETE":
                return None
            if description["Status"] == "FAILED":
                return str(description.get("StatusReason", "no reason given"))
            self._clock.sleep(POLL_SECONDS)
        raise AWSError(f"change set {change_set} is not ready after {POLLS * POLL_SECONDS:.0f} s")

    def _changes(self, change_set: str) -> list[Mapping[str, Any]]:
        pages = self._client.get_paginator("describe_change_set").paginate(ChangeSetName=change_set)
        return [it["ResourceChange"] for page in pages for it in page["Changes"]]

    def _undo(self, made: Mapping[str, Any], *, creates: bool) -> None:
        """Delete a failed change set. If `creates` is true, also delete its empty stack."""
        self._client.delete_change_set(ChangeSetName=made["Id"])
        if creates:
            self._client.delete_stack(StackName=made["StackId"])

    def _summaries(self, stack: Stack) -> Iterator[Mapping[str, Any]]:
        for page in self._client.get_paginator("list_change_sets").paginate(StackName=stack.id):
            yield from page["Summaries"]

    def _drop_old(self, stack: Stack) -> None:
        """Delete a change set that an earlier run created but did not execute."""
        with explained(f"delete the old change set of stack {stack.name}"):
            for summary in self._summaries(stack):
                if summary["ChangeSetName"] == NAME:
                    self._client.delete_change_set(ChangeSetName=summary["ChangeSetId"])


def takes_updates(stack: Stack | None) -> TypeGuard[Stack]:
    """True if the stack can be updated. A stack whose creation failed cannot be updated."""
    return stack is not None and stack.exists and stack.status != "ROLLBACK_COMPLETE"


def refuse_busy(stack: Stack) -> None:
    """Raise an AWSError if an operation is in progress, or if the user must act first."""
    if stack.busy:
        raise AWSError(
            f"stack {stack.name} is {stack.status}: another operation is in progress. Try again "
            "when it has ended; `decanter status` shows its state"
        )
    if stack.status in {"ROLLBACK_FAILED", "DELETE_FAILED"}:
        raise AWSError(f"stack {stack.name} is {stack.status}: delete it with `decanter delete`")
    if stack.status == "UPDATE_ROLLBACK_FAILED":
        raise AWSError(
            f"stack {stack.name} is {stack.status}: fix what its events name, then run `aws "
            f"cloudformation continue-update-rollback --stack-name {stack.name}`"
        )


def _parameters(change: Change) -> list[dict[str, Any]]:
    """Return the parameters of a change set, in the form of CreateChangeSet."""
    return [
        *({"ParameterKey": k, "ParameterValue": v} for k, v in change.parameters.items()),
        *({"ParameterKey": name, "UsePreviousValue": True} for name in change.kept),
    ]
