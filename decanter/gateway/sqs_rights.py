"""The rights that a call to SQS needs, as pairs of an IAM action and the queue's ARN.

`local/dynamodb/server.py` loads this file by its path, so this file imports only the standard
library.
Source: AWS's Service Authorization Reference, "Actions, resources, and condition keys for Amazon
SQS": a batch needs the right of the single call.
"""

from collections.abc import Mapping
from typing import Any

ANY = "*"


def pairs(operation: str, call: Mapping[str, Any], place: str) -> list[tuple[str, str]]:
    """Return the right that a call needs.

    Args:
        operation: the name of the operation, such as `SendMessageBatch`.
        call: the JSON of the call.
        place: the start of the ARNs of the stack's tables, with the region and account of the
            queues.
    """
    action = f"sqs:{operation.removesuffix('Batch')}"
    named = call.get("QueueUrl") or call.get("QueueName")
    if not isinstance(named, str):
        return [(action, ANY)]
    start = place.replace(":dynamodb:", ":sqs:", 1)
    return [(action, f"{start}{named.rpartition('/')[2]}")]
