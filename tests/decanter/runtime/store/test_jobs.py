"""The job table on moto: who may write a row."""

import time
from datetime import UTC, datetime, timedelta
from itertools import count

import pytest
from pynamodb.models import Model

from decanter.runtime.errors import ConfigurationError, DeclarationError
from decanter.runtime.store.jobs import KEPT_SECONDS, JobModel, Row, job_table

NUMBERS = count()
NOW_MS = round(time.time() * 1000)


@job_table(env="TEST_JOBS_TABLE")
class Job(JobModel):
    pass


@pytest.fixture(name="jobs")
def _jobs(aws_environment: None, monkeypatch: pytest.MonkeyPatch) -> type[Job]:
    monkeypatch.setenv("TEST_JOBS_TABLE", f"jobs-{next(NUMBERS)}")
    Job.create_table()
    return Job


def write(jobs: type[Job], owner: str, number: int, *before: str) -> bool:
    return jobs.write("job/0", owner, {"number": number}, NOW_MS, before)


def test_a_row_is_read_as_it_was_written(jobs: type[Job]) -> None:
    assert jobs.read("job/0") is None
    state = {"cursor": "0/2:abc=", "unended": ["a=", "b="], "done": False, "until": NOW_MS}
    assert jobs.write("job/0", "run:0", state, NOW_MS, ())
    assert jobs.read("job/0") == Row("run:0", state)


def test_only_one_of_two_owners_gets_a_new_row(jobs: type[Job]) -> None:
    assert write(jobs, "first", 1)
    assert not write(jobs, "second", 2)
    assert jobs.read("job/0") == Row("first", {"number": 1})


def test_a_second_attempt_of_the_same_owner_succeeds(jobs: type[Job]) -> None:
    """The answer to the first may have been lost."""
    assert write(jobs, "first", 1)
    assert write(jobs, "first", 1)
    assert write(jobs, "second", 2, "first")
    assert write(jobs, "second", 2, "first")


def test_a_row_is_taken_over_only_from_a_known_owner(jobs: type[Job]) -> None:
    assert not write(jobs, "second", 2, "first")
    assert write(jobs, "first", 1)
    assert not write(jobs, "third", 3, "second")
    assert write(jobs, "second", 2, "other", "first")
    assert not write(jobs, "first", 1, "zero")
    assert jobs.read("job/0") == Row("second", {"number": 2})


def test_a_row_expires_after_the_longest_life_of_a_message(jobs: type[Job]) -> None:
    write(jobs, "first", 1)
    expected = datetime.fromtimestamp(NOW_MS // 1000, UTC) + timedelta(seconds=KEPT_SECONDS)
    assert jobs.get("job/0").expires_at == expected


def test_a_missing_table_is_a_configuration_error(
    aws_environment: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TEST_JOBS_TABLE", "none")
    with pytest.raises(ConfigurationError, match="none"):
        Job.read("job/0")


def test_another_model_is_refused() -> None:
    with pytest.raises(
        DeclarationError, match="@job_table: Other must be a class derived from JobModel"
    ):

        @job_table()
        class Other(Model):  # type: ignore[type-var]
            pass
