"""Read CloudFormation stacks and their templates, and delete stacks.

Source: AWS CloudFormation API reference; User Guide, "Updating stacks using change sets".
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from botocore.exceptions import ClientError

from decanter.aws.errors import explained
from decanter.project.document import parse_template

Template = dict[str, Any]


@dataclass(frozen=True)
class Stack:
    """A stack as DescribeStacks reports it.

    `id` is the stack's ARN, which no later stack gets. `reason` is the reason for the status, or
    "". `changed` is the time of the creation or the last update, in ISO 8601.
    """

    id: str
    name: str
    status: str
    reason: str
    parameters: Mapping[str, str]
    outputs: Mapping[str, str]
    changed: str

    @classmethod
    def read(cls, answer: Mapping[str, Any]) -> "Stack":
        """Read one stack from the answer of DescribeStacks."""
        changed = answer.get("LastUpdatedTime") or answer["CreationTime"]
        return cls(
            id=answer["StackId"],
            name=answer["StackName"],
            status=answer["StackStatus"],
            reason=answer.get("StackStatusReason", ""),
            parameters={
                p["ParameterKey"]: p["ParameterValue"] for p in answer.get("Parameters", ())
            },
            outputs={o["OutputKey"]: o["OutputValue"] for o in answer.get("Outputs", ())},
            changed=changed.isoformat(timespec="seconds"),
        )

    @property
    def exists(self) -> bool:
        """True if the stack may have resources. A stack with only a change set has none."""
        return self.status not in {"REVIEW_IN_PROGRESS", "DELETE_COMPLETE"}

    @property
    def busy(self) -> bool:
        """True if an operation on the stack is in progress."""
        return self.status.endswith("_IN_PROGRESS") and self.status != "REVIEW_IN_PROGRESS"

    @property
    def url(self) -> str | None:
        """The WebSocket URL in the stack's outputs; None without such an output."""
        own = self.outputs.get("APIGatewayURL")
        return own or next((v for v in self.outputs.values() if v.startswith("wss://")), None)


class Stacks:
    """The stacks of one account and region."""

    def __init__(self, client: Any) -> None:
        self._client = client

    def find(self, name: str) -> Stack | None:
        """Return the stack with this name or ARN; None if it does not exist."""
        with explained(f"describe stack {short_name(name)}"):
            try:
                answer = self._client.describe_stacks(StackName=name)
            except ClientError as error:
                if "does not exist" in error.response["Error"].get("Message", ""):
                    return None
                raise
        return Stack.read(answer["Stacks"][0])

    def template(self, stack: Stack, *, processed: bool = False) -> Template:
        """Return the submitted template. With `processed`, return the result of its macros."""
        stage = "Processed" if processed else "Original"
        with explained(f"read the template of stack {stack.name}"):
            answer = self._client.get_template(StackName=stack.id, TemplateStage=stage)
        return as_template(answer["TemplateBody"])

    def last_deleted(self, name: str) -> str | None:
        """Return the ARN of the last deleted stack of that name. AWS forgets it after 90 days."""
        with explained(f"look for deleted stacks named {name}"):
            pages = self._client.get_paginator("list_stacks").paginate(
                StackStatusFilter=["DELETE_COMPLETE"]
            )
            found = [s for page in pages for s in page["StackSummaries"] if s["StackName"] == name]
        newest = max(found, key=lambda s: s.get("DeletionTime") or s["CreationTime"], default=None)
        return None if newest is None else newest["StackId"]

    def delete(self, stack: Stack) -> None:
        """Start deleting a stack."""
        with explained(f"delete stack {stack.name}"):
            self._client.delete_stack(StackName=stack.id)


def as_template(body: Any) -> Template:
    """Return the template in an answer of GetTemplate as a dict. botocore does not parse YAML."""
    return parse_template(body if isinstance(body, str) else json.dumps(body))


def short_name(name: str) -> str:
    """Return the name in the ARN of a stack or change set. Return other names unchanged."""
    return name.split("/")[1] if name.startswith("arn:") else name
