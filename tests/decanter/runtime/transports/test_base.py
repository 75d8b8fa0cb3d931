import pytest

from decanter.runtime.errors import SettingError
from decanter.runtime.settings import Settings
from decanter.runtime.transports import Outcome, Result, open_transport, outcome_of


@pytest.mark.parametrize(
    ("status", "error_type", "result"),
    [
        (410, "GoneException", Result.GONE),
        (400, "BadRequestException", Result.MALFORMED),
        (400, "GoneException", Result.FAILED),
        (404, "GoneException", Result.FAILED),
        (410, "BadRequestException", Result.FAILED),
        (410, "goneexception", Result.FAILED),
        (400, "ValidationException", Result.FAILED),
    ],
)
def test_only_api_gateways_own_answer_is_proof(
    status: int, error_type: str, result: Result
) -> None:
    outcome = outcome_of(status, error_type)
    assert (outcome.result, outcome.retryable) == (result, False)
    assert outcome.unproven == (status == 410 and result is Result.FAILED)


@pytest.mark.parametrize(
    ("status", "result", "retryable"),
    [
        (200, Result.OK, False),
        (204, Result.OK, False),
        (301, Result.FAILED, False),
        (400, Result.FAILED, False),
        (401, Result.REFUSED, False),
        (403, Result.REFUSED, False),
        (404, Result.FAILED, False),
        (410, Result.FAILED, False),
        (413, Result.TOO_LARGE, False),
        (429, Result.THROTTLED, True),
        (500, Result.FAILED, True),
        (504, Result.FAILED, True),
    ],
)
def test_every_status_has_one_result(status: int, result: Result, retryable: bool) -> None:
    outcome = outcome_of(status)
    assert (outcome.result, outcome.status, outcome.retryable) == (result, status, retryable)


def test_a_missing_answer_is_retryable() -> None:
    assert Outcome(Result.FAILED).retryable


def test_the_error_for_an_unknown_transport_lists_all_transports() -> None:
    with pytest.raises(SettingError) as caught:
        open_transport("https://host/v1", Settings(transport="carrier-pigeon"))
    assert str(caught.value) == "DECANTER_TRANSPORT is 'carrier-pigeon': set it to botocore or fast"
