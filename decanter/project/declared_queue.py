"""The queue that a router declares: `Router(…, queue=Queue("broadcasts"))`.

The template of `decanter template` declares this queue, a dead-letter queue, and the event source
mapping of the queue's function. `chalice deploy` reads only the queue's name, from app.py.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Self

RECEIVES = 3
"""The number of receives after which SQS moves a message to the dead-letter queue."""

TIMEOUTS = 6
"""The ratio of a queue's visibility timeout to its function's timeout.

The source is the Lambda Developer Guide, "Using Lambda with Amazon SQS".
"""


@dataclass(frozen=True)
class QueueDeclaration:
    """The queue of a router.

    Attributes:
        name: the queue's name in app.py. After `in_stack`, the name on AWS.
        environment: the environment variable with the queue's URL.
        dead_letter_environment: the environment variable with the URL of the dead-letter queue.
        concurrency: the maximum number of events that the queue's function handles in parallel.
    """

    name: str
    environment: str
    dead_letter_environment: str
    concurrency: int

    @classmethod
    def from_json(cls, data: Mapping[str, Any] | None) -> Self | None:
        """Read the queue of a router's declaration; None if the router has no queue."""
        return cls(**data) if data else None

    @property
    def dead_letters(self) -> str:
        """The name of the queue's dead-letter queue."""
        return f"{self.name}-dead"

    def variables(self, url_of: Callable[[str], str]) -> dict[str, str]:
        """Return the environment variables with the URLs of the queue and its dead-letter queue."""
        names = {self.environment: self.name, self.dead_letter_environment: self.dead_letters}
        return {variable: url_of(name) for variable, name in names.items()}

    def in_stack(self, stack: str) -> Self:
        """Return the queue with its name on AWS, which contains the stack's name."""
        return replace(self, name=f"{stack}-{self.name}")

    @property
    def mapping(self) -> dict[str, Any]:
        """The settings of the event source mapping, with CloudFormation's names."""
        return {"BatchSize": 1, "ScalingConfig": {"MaximumConcurrency": self.concurrency}}

    def properties(self, timeout: float, dead_letters_arn: Any) -> dict[str, Any]:
        """Return the properties that affect the queue's behaviour.

        `timeout` is the timeout of the queue's function in seconds.
        """
        redrive = {"deadLetterTargetArn": dead_letters_arn, "maxReceiveCount": RECEIVES}
        return {"VisibilityTimeout": round(TIMEOUTS * timeout), "RedrivePolicy": redrive}


def works(kind: str, source: str, queue: QueueDeclaration | None) -> bool:
    """True if a function with this kind and source gets the messages of the queue."""
    return queue is not None and (kind, source) == ("sqs", queue.name)


def problem(
    queues: Sequence[QueueDeclaration], workers: Sequence[str], *, has_jobs: bool
) -> str | None:
    """Return the reason why an app's queues cannot be packaged, in one line; None if they can.

    `workers` are the functions that get the messages of the first queue.
    """
    if not queues:
        return None
    queue = queues[0]
    if others := [each.name for each in queues if each != queue]:
        return f"routers have the queues {queue.name} and {others[0]}: use the same one in all"
    if len(workers) > 1:
        return f"{' and '.join(workers)} are functions of the queue {queue.name}: keep one"
    if not workers:
        return (
            f'Queue("{queue.name}") has no function: add @app.on_sqs_message(queue="{queue.name}", '
            "batch_size=1) to one that returns router.fan_out(event)"
        )
    if not has_jobs:
        return (
            f'Queue("{queue.name}") has no job table: add @job_table() to a class of JobModel, and '
            "import its module in app.py"
        )
    return None
