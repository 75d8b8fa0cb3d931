"""The SQS queues of an app, and the event source mappings that connect them to functions.

Sources: Lambda Developer Guide, "Using Lambda with Amazon SQS"; CloudFormation, `AWS::SQS::Queue`
and `AWS::Lambda::EventSourceMapping`; the `SQS` event of SAM.
"""

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Self

from decanter.project.declaration import Declaration
from decanter.project.stack import Stack
from decanter.project.template import Template

PARTIAL = "ReportBatchItemFailures"
VISIBILITY = "VisibilityTimeout"
DEFAULT_VISIBILITY = 30
REDRIVE = "RedrivePolicy"
FIFO = ".fifo"
DEFAULT_BATCH_SIZE = 10
DEFAULT_CONCURRENCY = 5
"""The number of batches that Lambda processes in parallel when a mapping starts."""

ATTRIBUTES = (
    "ContentBasedDeduplication",
    "DeduplicationScope",
    "DelaySeconds",
    "FifoQueue",
    "FifoThroughputLimit",
    "MaximumMessageSize",
    "MessageRetentionPeriod",
    "ReceiveMessageWaitTimeSeconds",
    REDRIVE,
    VISIBILITY,
)
"""The attributes that affect behaviour. Encryption and tags have no effect on this machine."""


@dataclass(frozen=True)
class Queue:
    """A queue, with attributes in the form of CreateQueue's argument."""

    name: str
    attributes: Mapping[str, str] = field(default_factory=dict, hash=False)

    @classmethod
    def of_properties(cls, name: str, properties: Mapping[str, Any]) -> Self:
        """Read the properties of an `AWS::SQS::Queue`."""
        given = {key: properties[key] for key in ATTRIBUTES if properties.get(key) is not None}
        return cls(name, {key: _text(value) for key, value in given.items()})

    @property
    def creation(self) -> dict[str, Any]:
        """The arguments of CreateQueue, without the redrive policy, which is in `changeable`."""
        given = {key: value for key, value in self.attributes.items() if key != REDRIVE}
        return {"QueueName": self.name, "Attributes": given}

    @property
    def changeable(self) -> dict[str, str]:
        """The attributes for SetQueueAttributes."""
        given = {key: value for key, value in self.attributes.items() if key != "FifoQueue"}
        return {VISIBILITY: str(DEFAULT_VISIBILITY), "DelaySeconds": "0", REDRIVE: "", **given}

    @property
    def dead_letters(self) -> str | None:
        """The ARN of the queue's dead-letter queue, if any."""
        policy = json.loads(self.attributes.get(REDRIVE, "{}"))
        arn = policy.get("deadLetterTargetArn")
        return None if arn is None else str(arn)

    @property
    def visibility(self) -> int:
        """The queue's visibility timeout in seconds."""
        return int(self.attributes.get(VISIBILITY, DEFAULT_VISIBILITY))


@dataclass(frozen=True)
class Source:
    """An event source mapping, which invokes a function with the messages of a queue.

    Attributes:
        batch_size: the maximum number of messages in an event.
        window_seconds: the maximum time that Lambda waits for a full batch.
        concurrency: the maximum number of events that the function handles in parallel.
        partial: True if the function's result lists the failed messages.
    """

    function: str
    arn: str
    batch_size: int = DEFAULT_BATCH_SIZE
    window_seconds: int = 0
    concurrency: int = DEFAULT_CONCURRENCY
    partial: bool = False

    @classmethod
    def of_settings(cls, function: str, arn: str, settings: Mapping[str, Any]) -> Self:
        """Read the settings of a mapping, which have CloudFormation's names."""
        scaling = settings.get("ScalingConfig") or settings
        return cls(
            function,
            arn,
            int(settings.get("BatchSize") or DEFAULT_BATCH_SIZE),
            int(settings.get("MaximumBatchingWindowInSeconds") or 0),
            int(scaling.get("MaximumConcurrency") or DEFAULT_CONCURRENCY),
            PARTIAL in (settings.get("FunctionResponseTypes") or ()),
        )

    @property
    def queue(self) -> str:
        """The queue's name."""
        return name_of(self.arn)


@dataclass(frozen=True)
class Queues:
    """The queues of an app and the functions that they invoke.

    Attributes:
        queues: the queues in the merge template, the routers' queue, other queues that invoke
            functions, and all dead-letter queues.
        warnings: the reasons why AWS refuses a mapping, one line each.
    """

    queues: tuple[Queue, ...] = ()
    sources: tuple[Source, ...] = ()
    warnings: tuple[str, ...] = ()

    @classmethod
    def of(
        cls,
        declared: Declaration,
        template: Template | None,
        stack: Stack,
        timeout: Callable[[str], float],
    ) -> Self:
        """Return the queues of an app.

        A queue that is not declared by the template or by a router belongs to another stack, so its
        settings are not known. On this machine, the visibility timeout of such a queue is at least
        the function's timeout, because AWS requires this. `timeout` returns a function's timeout
        in seconds.
        """
        sources = tuple(_sources(declared, template, stack))
        own = dict(template.queues(ATTRIBUTES)) if template else {}
        own |= {k: v for k, v in _declared(declared, stack, timeout).items() if k not in own}
        found = {name: Queue.of_properties(name, each) for name, each in own.items()}
        for source in sources:
            least = max(DEFAULT_VISIBILITY, round(timeout(source.function)))
            other = Queue.of_properties(source.queue, {VISIBILITY: least, **_fifo(source.queue)})
            found.setdefault(source.queue, other)
        for arn in [each.dead_letters for each in found.values()]:
            if arn is not None:
                name = name_of(arn)
                found.setdefault(name, Queue.of_properties(name, _fifo(name)))
        warnings = [
            f"AWS refuses the queue {each.queue} for {each.function}: its VisibilityTimeout of "
            f"{found[each.queue].visibility} s is less than the function's timeout of "
            f"{timeout(each.function):g} s"
            for each in sources
            if found[each.queue].visibility < timeout(each.function)
        ]
        return cls(tuple(found.values()), sources, tuple(warnings))


def has_queues(declared: Declaration, template: Template | None) -> bool:
    """True if the app or its template has a queue, or if a queue invokes a function of the app."""
    is_handled = declared.queue is not None or any(
        each.kind == "sqs" for each in declared.lambdas.values()
    )
    return is_handled or (template is not None and any(template.queues()))


def name_of(arn: str) -> str:
    """Return a queue's name from its ARN."""
    return arn.rpartition(":")[2]


def _declared(
    declared: Declaration, stack: Stack, timeout: Callable[[str], float]
) -> dict[str, Mapping[str, Any]]:
    """Return the properties of the routers' queue and of its dead-letter queue, by name."""
    if declared.queue is None:
        return {}
    queue = declared.queue.in_stack(stack.name)
    longest = max(map(timeout, declared.workers), default=0)
    own = queue.properties(longest, stack.arn("sqs", queue.dead_letters))
    return {queue.name: own, queue.dead_letters: {}}


def _sources(declared: Declaration, template: Template | None, stack: Stack) -> Iterator[Source]:
    for function in declared.lambdas.values():
        events = [*template.event_sources(function.name)] if template else []
        source = template.text(function.source) if template else function.source
        settings = dict(function.mapping)
        if declared.queue and function.name in declared.workers:
            source = declared.queue.in_stack(stack.name).name
            settings |= declared.queue.mapping
        arn = source if source.startswith("arn:") else stack.arn("sqs", source)
        for event in events:
            if event.get("Queue") in (None, arn):
                settings.update(event)
            else:
                yield Source.of_settings(function.name, str(event["Queue"]), event)
        if function.kind == "sqs":
            yield Source.of_settings(function.name, arn, settings)


def _fifo(name: str) -> dict[str, Any]:
    return {"FifoQueue": True} if name.endswith(FIFO) else {}


def _text(value: Any) -> str:
    """Return an attribute's value as the text that CreateQueue expects."""
    if isinstance(value, Mapping):
        return json.dumps(value)
    return str(value).lower() if isinstance(value, bool) else str(value)
