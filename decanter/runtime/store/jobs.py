"""The job table: the progress of the queue's work, and the idempotency keys.

    @job_table(env="JOBS_TABLE")
    class Job(JobModel): ...

Only its owner writes a row. To take over a row, a new owner must name the current owner.
"""

import json
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, NamedTuple, TypeVar

from pynamodb.attributes import TTLAttribute, UnicodeAttribute
from pynamodb.models import Model

from decanter.runtime.functions import check_derived, named_arguments
from decanter.runtime.store.tables import ChangedError, declaration, table, translated

KEPT_SECONDS = 14 * 24 * 3600
"""The time for which a row is kept. SQS keeps a message for at most 14 days."""


class Row(NamedTuple):
    """A row of the table, with its owner and its state."""

    owner: str
    state: Mapping[str, Any]


class JobModel(Model):
    """Base class for the model of an application's job table. `@job_table` completes a subclass.

    Attributes:
        job_id: the key: the id of a job and the name of a part, separated by a slash.
        owner: the run or the message that has written the row.
        state: the progress of the work, as JSON.
        expires_at: the time after which DynamoDB may delete the row.
    """

    job_id = UnicodeAttribute(hash_key=True, attr_name="jobID")
    owner = UnicodeAttribute()
    state = UnicodeAttribute()
    expires_at = TTLAttribute(attr_name="expiresAt")

    @classmethod
    def read(cls, job_id: str) -> Row | None:
        """Return a row; None if it does not exist."""
        with translated(cls.Meta):
            answer = cls._get_connection().get_item(job_id, consistent_read=True)
        item = answer.get("Item")
        if not item:
            return None
        return Row(
            item[cls.owner.attr_name]["S"],
            json.loads(item[cls.state.attr_name]["S"]),
        )

    @classmethod
    def write(
        cls, job_id: str, owner: str, state: Mapping[str, Any], now_ms: int, before: Sequence[str]
    ) -> bool:
        """Write a row if its owner is in `before`, or if `before` is empty and there is no row.

        A repeated write of the same row succeeds too.

        Returns:
            False if another owner has written the row, or if the row to replace does not exist.
        """
        row = cls(
            job_id,
            owner=owner,
            state=json.dumps(state, separators=(",", ":")),
            expires_at=datetime.fromtimestamp(now_ms // 1000 + KEPT_SECONDS, UTC),
        )
        is_ours = cls.owner.is_in(owner, *before)
        try:
            with translated(cls.Meta):
                row.save(condition=is_ours if before else cls.job_id.does_not_exist() | is_ours)
        except ChangedError:
            return False
        return True


J = TypeVar("J", bound=type[JobModel])


@named_arguments("@job_table()")
def job_table(*, env: str = "JOBS_TABLE", existing: str | None = None) -> Callable[[J], J]:
    """Make a model the application's job table, which a router with a `Queue` needs.

    Args:
        env: the environment variable with the table's name.
        existing: the name or ARN of a table that exists already and is never created or deleted, or
            `ssm:/PATH` for an SSM parameter with the table's name.

    Raises:
        DeclarationError: an argument is invalid, or the model is not a `JobModel`.
    """

    def complete(model: J) -> J:
        check_derived("@job_table:", model, JobModel)
        model = table(env=env, existing=existing)(model)
        model.__decanter__ = classmethod(_declaration)  # type: ignore[attr-defined]
        return model

    return complete


def _declaration(model: type[Model]) -> dict[str, Any] | None:
    """Return the declaration for the tool. The queue's functions need this table."""
    found = declaration(model)
    return found and {**found, "is_jobs": True}
