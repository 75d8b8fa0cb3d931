"""The resources with data that a change of a stack removes or replaces.

Source: AWS CloudFormation API reference, "ResourceChange".
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from decanter.project.template import TABLE

# The types without data that the next deployment could not restore. Every other type needs a
# confirmation, unknown ones too: tables, buckets, queues, log groups, keys, user pools, databases.
STATELESS = (
    "AWS::ApiGateway::",
    "AWS::ApiGatewayV2::",
    "AWS::ApplicationAutoScaling::",
    "AWS::CDK::Metadata",
    "AWS::CloudFormation::WaitCondition",
    "AWS::CloudWatch::",
    "AWS::Events::Rule",
    "AWS::IAM::InstanceProfile",
    "AWS::IAM::ManagedPolicy",
    "AWS::IAM::Policy",
    "AWS::IAM::Role",
    "AWS::Lambda::",
    "AWS::Logs::MetricFilter",
    "AWS::Logs::ResourcePolicy",
    "AWS::Logs::SubscriptionFilter",
    "AWS::Route53::RecordSet",
    "AWS::S3::BucketPolicy",
    "AWS::SNS::Subscription",
    "AWS::SNS::TopicPolicy",
    "AWS::SQS::QueuePolicy",
    "AWS::Scheduler::Schedule",
    "AWS::Serverless::Api",
    "AWS::Serverless::Function",
    "AWS::Serverless::HttpApi",
    "AWS::Serverless::LayerVersion",
)
# Exceptions: a replacement changes the key that clients have.
_KEYS = ("AWS::ApiGateway::ApiKey", "AWS::ApiGateway::ClientCertificate")
# A change set says that a nested stack changes, but not what changes in it.
NESTED = ("AWS::CloudFormation::Stack", "AWS::Serverless::Application")

STAYS = "left on AWS, outside the stack"

# The end of the existing resource, by the change set's word for it.
_FATES = {
    "Delete": "deleted",
    "Retain": STAYS,
    "Snapshot": "deleted after a snapshot",
    "ReplaceAndDelete": "deleted",
    "ReplaceAndRetain": STAYS,
    "ReplaceAndSnapshot": "deleted after a snapshot",
}


@dataclass(frozen=True)
class Loss:
    """A resource that a stack may lose.

    Attributes:
        logical_id: the resource's name in the template.
        kind: the resource's type.
        change: the effect on the resource.
    """

    logical_id: str
    kind: str
    change: str

    @classmethod
    def read(cls, answer: Mapping[str, Any]) -> "Loss | None":
        """Return the loss of one change of a change set; None if the change loses no data."""
        kind, action = answer["ResourceType"], answer["Action"]
        if not holds_data(kind) or not (change := _change(kind, action, answer)):
            return None
        if fate := _FATES.get(answer.get("PolicyAction", "")):
            physical = answer.get("PhysicalResourceId")
            change += f"; {physical} is {fate}" if physical else f"; {fate}"
            if kind == TABLE and physical and fate == STAYS:
                change += f", and {how_to_delete(physical)}"
        return cls(answer["LogicalResourceId"], kind, change)

    def __str__(self) -> str:
        return f"{self.logical_id} ({self.kind}: {self.change})"


def how_to_delete(table: str) -> str:
    """Return a part of a sentence with the command that deletes a table without a stack."""
    return f"`aws dynamodb delete-table --table-name {table}` deletes it"


def holds_data(kind: str) -> bool:
    """True if a resource of this type may have data that no deployment can restore."""
    return kind in _KEYS or not kind.startswith(STATELESS)


def removed(deployed: Mapping[str, Any], wanted: Mapping[str, Any]) -> Iterator[Loss]:
    """Return the losses that two templates show. Only a change set shows replacements."""
    kept = wanted.get("Resources") or {}
    for name, resource in (deployed.get("Resources") or {}).items():
        if name not in kept and holds_data(kind := resource["Type"]):
            yield Loss(name, kind, "removed")


def flags(losses: Sequence[Loss]) -> str:
    """Return the options that accept these losses."""
    return " ".join(f"--allow-loss {loss.logical_id}" for loss in losses)


def _change(kind: str, action: str, answer: Mapping[str, Any]) -> str:
    """Return the change of a resource; empty if the resource stays unchanged."""
    if action in {"Add", "Import"}:
        return ""
    if action == "Remove":
        return "removed"
    if answer.get("Replacement") == "True":
        return "replaced by an empty one"
    if kind in NESTED:
        return "changed inside, which a change set does not show"
    if action == "Modify" and answer.get("Replacement") == "False":
        return ""
    return "possibly replaced by an empty one"
