"""A session whose calls are recorded, and refused or interrupted at a chosen call.

The hooks are botocore's own events, so every client of the session is covered, and each retried
call counts once.
"""

from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any

from botocore.session import Session

from tests.aws.cloud import Call


class DeathError(BaseException):
    """Stands for the end of the process; not an Exception, so that no handler catches it."""


@dataclass
class Wire:
    """The calls between a command and AWS.

    Attributes:
        deny: the number of the call that is refused, from 0, or None.
        die_after: the number of the call after which the process ends, or None.
        calls: the calls so far.
    """

    deny: int | None = None
    die_after: int | None = None
    calls: list[Call] = field(default_factory=list)

    def before(self, call: Call) -> Any:
        """Refuse the call with this number; allow all others."""
        number = len(self.calls)
        self.calls.append(call)
        if number != self.deny:
            return None
        error = {"Code": "AccessDenied", "Message": f"not authorized to perform {call.operation}"}
        if call.operation.startswith("Head"):  # an answer to HEAD has no body with details
            error = {"Code": "403", "Message": "Forbidden"}
        return SimpleNamespace(status_code=403), {"Error": error, "ResponseMetadata": {}}

    def after(self) -> None:
        """End after the call with this number."""
        if len(self.calls) - 1 == self.die_after:
            raise DeathError


class Wired:
    """One session for all tests, as its clients are slow to create; each run has its own wire."""

    def __init__(self) -> None:
        self.wire = Wire()
        self.session = Session()
        self.session.set_credentials("test", "test")
        self.session.register("before-call", self._before)
        self.session.register("after-call", self._after)

    def _before(self, model: Any, **_: Any) -> Any:
        return self.wire.before(Call(model.service_model.service_name, model.name))

    def _after(self, **_: Any) -> None:
        self.wire.after()
