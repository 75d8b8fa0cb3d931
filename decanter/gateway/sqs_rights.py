"""The rights that a call to SQS needs, as pairs of an IAM action and the queue's ARN.

The process of the embedded DynamoDB loads this file by its path, so this file imports only the
standard library.
Source: AWS's Service Authorization Reference, "Actions, resources, and condition keys for Amazon
SQS": a batch needs the right of the single call.
"""

from collections.abc import Mapping
from typing import Any

ANY = "*"


def pairs(operation: str, call: Mapping[str, Any], place: str) -> list[tuple[str, str]]:
    """Return the right that a call needs.

    `place` is the start of the tables' ARNs. The queues have the same region and account.
    """
    action = f"sqs:{operation.removesuffix('Batch')}"
    named = call.get("QueueUrl") or call.get("QueueName")
    if not isinstance(named, str):
        return [(action, ANY)]
    start = place.replace(":dynamodb:", ":sqs:", 1)
    return [(action, f"{start}{named.rpartition('/')[2]}")]
