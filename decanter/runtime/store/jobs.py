"""The job table: how far the queue's work has come, and the idempotency keys.

    @job_table(env="JOBS_TABLE")
    class Job(JobModel): ...

A row is written only by its owner, and another owner takes it over only from a known state.
"""

import json
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, NamedTuple, TypeVar

from pynamodb.attributes import TTLAttribute, UnicodeAttribute
from pynamodb.models import Model

from decanter.runtime.errors import DeclarationError
from decanter.runtime.store.tables import ChangedError, declaration, table, translated

KEPT_SECONDS = 14 * 24 * 3600
"""A message is not older: SQS keeps it for at most 14 days."""


class Row(NamedTuple):
    """A row of the table.

    Attributes:
        owner: who has written it.
        state: how far the work has come.
    """

    owner: str
    state: Mapping[str, Any]


class JobModel(Model):
    """Base of an application's job table; `@job_table` completes it.

    Attributes:
        job_id: the key.
        owner: the run or the message that has written the row.
        state: how far the work has come, as JSON.
        expires_at: when DynamoDB may delete the row.
    """

    job_id = UnicodeAttribute(hash_key=True, attr_name="jobID")
    owner = UnicodeAttribute()
    state = UnicodeAttribute()
    expires_at = TTLAttribute(attr_name="expiresAt")

    @classmethod
    def read(cls, job_id: str) -> Row | None:
        """Return a row; None if there is none."""
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
        """Write a row if its owner is one of those `before`, or if there is no row and no owner.

        A second attempt to write the same row succeeds.

        Returns:
            False if somebody else has written it.
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


def job_table(*, env: str = "JOBS_TABLE", existing: str | None = None) -> Callable[[J], J]:
    """Make a model the application's job table, which a router with a `Queue` needs.

    Args:
        env: the environment variable that names the table.
        existing: a table that exists already and is never created or deleted: its name, its ARN, or
            the SSM parameter with its name, as `ssm:/PATH`.

    Raises:
        DeclarationError: an argument is invalid, or the model is not a `JobModel`.
    """

    def complete(model: J) -> J:
        if not issubclass(model, JobModel):
            raise DeclarationError(f"@job_table of {model.__name__}: derive it from JobModel")
        model = table(env=env, existing=existing)(model)
        model.__decanter__ = classmethod(_declaration)  # type: ignore[attr-defined]
        return model

    return complete


def _declaration(model: type[Model]) -> dict[str, Any] | None:
    """Return the declaration that the tool reads: the functions of the queue need this table."""
    found = declaration(model)
    return found and {**found, "is_jobs": True}
