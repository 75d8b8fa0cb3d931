"""Find the resources with data that a change to a stack would remove or replace.

Source: AWS CloudFormation API reference, "ResourceChange".
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from decanter.project.template import TABLE

# The next deployment can restore resources of these types. The loss of any other resource, such as
# a table, a bucket, a log group or a resource of an unknown type, needs a confirmation.
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
# These types are exceptions, because a replacement would change the key that clients use.
_KEYS = ("AWS::ApiGateway::ApiKey", "AWS::ApiGateway::ClientCertificate")
# A change set shows that a nested stack changes, but not which of its resources change.
NESTED = ("AWS::CloudFormation::Stack", "AWS::Serverless::Application")

STAYS = "left on AWS, outside the stack"

# The fate of the existing resource, by the `PolicyAction` of a change in the change set.
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
    """A resource that a stack may lose. `change` describes the change, such as `removed`."""

    logical_id: str
    kind: str
    change: str

    @classmethod
    def read(cls, answer: Mapping[str, Any]) -> "Loss | None":
        """Return the loss that a change in a change set causes; None for a change without loss."""
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
    """Return the end of a sentence, with the command that deletes a table outside a stack."""
    return f"`aws dynamodb delete-table --table-name {table}` deletes it"


def holds_data(kind: str) -> bool:
    """True if a resource of this type may contain data that no deployment can restore."""
    return kind in _KEYS or not kind.startswith(STATELESS)


def removed(deployed: Mapping[str, Any], wanted: Mapping[str, Any]) -> Iterator[Loss]:
    """Yield the resources with data that the new template lacks. Omit replaced resources."""
    kept = wanted.get("Resources") or {}
    for name, resource in (deployed.get("Resources") or {}).items():
        if name not in kept and holds_data(kind := resource["Type"]):
            yield Loss(name, kind, "removed")


def flags(losses: Sequence[Loss]) -> str:
    """Return the command-line options that accept these losses."""
    return " ".join(f"--allow-loss {loss.logical_id}" for loss in losses)


def _change(kind: str, action: str, answer: Mapping[str, Any]) -> str:
    """Describe the change to a resource; "" if the resource is kept."""
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
