import os
from collections.abc import Iterator
from pathlib import Path
from typing import NoReturn

import pytest

from decanter.runtime.clock import Clock
from decanter.runtime.errors import SettingError
from decanter.runtime.recipients import Recipient
from decanter.runtime.session import session
from decanter.runtime.settings import Settings
from decanter.runtime.transports import Result, outcome_of
from decanter.runtime.transports.botocore import BotocoreTransport, Pace

OK, THROTTLED = outcome_of(200), outcome_of(429)


def test_the_pace_halves_down_to_one_and_grows_by_one_to_the_maximum() -> None:
    pace = Pace(32)
    seen = []
    for outcome in [OK, *[THROTTLED] * 7, OK, OK]:
        pace.learn(outcome)
        seen.append(pace.allowed)
    assert seen == [32, 16, 8, 4, 2, 1, 1, 1, 2, 3]


def test_one_slow_reader_has_no_lasting_effect() -> None:
    pace = Pace(32)
    pace.learn(THROTTLED)
    for _ in range(16):
        pace.learn(OK)
    assert pace.allowed == 32


@pytest.fixture(autouse=True)
def _no_aws(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[None]:
    """A machine without AWS configuration, and a new session."""
    for variable in os.environ:
        if variable.startswith("AWS_"):
            monkeypatch.delenv(variable)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("HOME", str(tmp_path))
    session.cache_clear()
    yield
    session.cache_clear()


def test_without_a_region_nothing_can_be_signed() -> None:
    with pytest.raises(SettingError, match="AWS_REGION is not set: set it to the API's region"):
        BotocoreTransport("https://host/v1", Settings(), Clock(), lambda _: 0.0)


def test_missing_credentials_are_a_refusal() -> None:
    settings = Settings(region="eu-west-1")
    transport = BotocoreTransport("http://127.0.0.1:9/v1", settings, Clock(), lambda _: 0.0)
    outcome = transport.call("POST", "a", b"x", Clock().monotonic() + 5)
    assert (outcome.result, outcome.reason) == (Result.REFUSED, "NoCredentialsError")
    transport.shutdown()


class Failing(BotocoreTransport):
    """A transport whose posts raise an unexpected exception."""

    def _call(self, *arguments: object) -> NoReturn:
        raise RuntimeError(arguments)


def test_an_unexpected_exception_in_a_thread_is_that_recipients_failure() -> None:
    settings = Settings(region="eu-west-1")
    transport = Failing("http://127.0.0.1:9/v1", settings, Clock(), lambda _: 0.0)
    (delivery,) = transport.call_all("POST", [Recipient("a", 0)], b"x", Clock().monotonic() + 5)
    assert delivery.outcome.result is Result.FAILED
    assert delivery.outcome.reason == "RuntimeError"
    transport.shutdown()
