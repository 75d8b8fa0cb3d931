"""The function that is running, whose role allows or denies calls.

It is not known which function started a thread. Therefore, while a function runs, every call of
this process counts as a call of the function. At any other time, a call belongs to the test and
needs no right.
"""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from decanter.gateway.dynamodb_rights import Rule, rule
from decanter.gateway.management import Authorize, authorizer
from decanter.gateway.sqs_rights import pairs
from decanter.local.rights import Rights

_running: list[tuple[Rights, str]] = []

logger = logging.getLogger(__name__)


@contextmanager
def running(rights: Rights, function: str) -> Iterator[None]:
    """Within the block, apply the function's role to all calls to AWS services."""
    entry = (rights, function)
    rights.ran.add(function)
    _running.append(entry)
    try:
        yield
    finally:
        _running.remove(entry)


def dynamodb_rule() -> Rule | None:
    """Return the rule for calls to DynamoDB; None if no function runs."""
    if not _running:
        return None
    rights, function = _running[-1]
    return rule(rights.guard, function)


def sqs_rule() -> Rule | None:
    """Return the rule for calls to SQS; None if no function runs."""
    if not _running:
        return None
    rights, function = _running[-1]
    return rule(rights.guard, function, needed=pairs)


def connections_rule() -> Authorize | None:
    """Return the rule for calls to @connections; None if no function runs."""
    if not _running:
        return None
    rights, function = _running[-1]
    return authorizer(rights.guard, rights.api, function)


class OfRunning:
    """The rights of calls that the DynamoDB server gets through a socket."""

    def rule_for(self, path: str, headers: Any) -> Any:
        """Return the rule for a call; None if no function runs."""
        return dynamodb_rule()


def log(line: str, *, error: bool = False, detail: str = "") -> None:
    """Log a line about rights. pytest shows it if the test fails."""
    level = logging.ERROR if error else logging.WARNING
    logger.log(level, "%s\n%s" if detail else "%s%s", line, detail)
