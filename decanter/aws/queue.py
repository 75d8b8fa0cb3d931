"""The parts of the template for a router's queue, with its dead-letter queue and event source."""

from typing import Any

from decanter.aws.overrides import overrides
from decanter.errors import ProjectError
from decanter.project.config import Project
from decanter.project.declaration import Declaration
from decanter.project.declared_queue import QueueDeclaration
from decanter.project.stack import resource_name
from decanter.project.template import QUEUE, Template

LONGEST_NAME = 80
KEPT_SECONDS = 4 * 24 * 3600
"""SQS's default retention in seconds. Failed messages become dead letters much earlier."""

DEAD_KEPT_SECONDS = 14 * 24 * 3600
"""The longest retention in seconds that SQS allows."""

STACK_NAME = "${AWS::StackName}"

Section = dict[str, Any]


def queue_id(queue: QueueDeclaration) -> str:
    """Return the logical id of a queue."""
    return f"{resource_name(queue.name)}Queue"


def dead_letters_id(queue: QueueDeclaration) -> str:
    """Return the logical id of a queue's dead-letter queue."""
    return f"{resource_name(queue.name)}DeadLetters"


def resources(project: Project, declaration: Declaration) -> Section:
    """Return the queue and the dead-letter queue by logical id; empty without a queue.

    Raises:
        ProjectError: a name is too long for SQS.
    """
    queue = declaration.queue
    if queue is None:
        return {}
    _check_name(project, queue)
    of_stack = queue.in_stack(STACK_NAME)
    own = Template(overrides(project), project.stack)
    timeout = max(project.timeout(each, own) for each in declaration.workers)
    dead_letters = {"Fn::GetAtt": [dead_letters_id(queue), "Arn"]}
    return {
        queue_id(queue): _queue(
            of_stack.name, queue.properties(timeout, dead_letters), KEPT_SECONDS
        ),
        dead_letters_id(queue): _queue(of_stack.dead_letters, {}, DEAD_KEPT_SECONDS),
    }


def function(declaration: Declaration, name: str) -> Section:
    """Return the properties to merge into the queue's function; empty for any other function.

    Chalice's template refers to the queue with `Fn::Sub`. These properties use `Fn::Sub` too,
    because a merge would add `Fn::GetAtt` and keep `Fn::Sub`.
    """
    queue = declaration.queue
    if queue is None or name not in declaration.workers:
        return {}
    source = {"Queue": {"Fn::Sub": f"${{{queue_id(queue)}.Arn}}"}, **queue.mapping}
    event = resource_name(f"{name}-sqs-event-source")
    return {"Events": {event: {"Properties": source}}}


def variables(declaration: Declaration) -> Section:
    """Return the environment variables with the URLs of the queues. Every function has them."""
    queue = declaration.queue
    if queue is None:
        return {}
    return {
        queue.environment: {"Ref": queue_id(queue)},
        queue.dead_letter_environment: {"Ref": dead_letters_id(queue)},
    }


def outputs(declaration: Declaration) -> Section:
    """Return the URLs of the queues. `decanter publish` and other senders use the first URL."""
    queue = declaration.queue
    if queue is None:
        return {}
    return {
        f"{logical_id}Url": {"Value": {"Ref": logical_id}}
        for logical_id in (queue_id(queue), dead_letters_id(queue))
    }


def _queue(name: str, properties: Section, kept_seconds: int) -> Section:
    """Return a queue with a fixed name, so that other senders can be configured in advance."""
    return {
        "Type": QUEUE,
        "DeletionPolicy": "Delete",
        "UpdateReplacePolicy": "Delete",
        "Properties": {
            "QueueName": {"Fn::Sub": name},
            "SqsManagedSseEnabled": True,
            "MessageRetentionPeriod": kept_seconds,
            **properties,
        },
    }


def _check_name(project: Project, queue: QueueDeclaration) -> None:
    longest = queue.in_stack(f"{project.app_name}-{project.chalice_stage}").dead_letters
    if len(longest) > LONGEST_NAME:
        raise ProjectError(
            f"SQS allows {LONGEST_NAME} characters in a name, and {longest} has {len(longest)}: "
            f'shorten the name of Queue("{queue.name}")'
        )
