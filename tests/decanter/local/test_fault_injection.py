"""Faults as values: their syntax, the calls that they apply to, their number."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from decanter.local.fault_injection import Fault, FaultError, Faults


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("connections 429", Fault("connections", "429")),
        ("connections 500 calls=3", Fault("connections", "500", calls=3)),
        (
            "connections late milliseconds=20 connection=AAAAAAAAAAAAAAA=",
            Fault("connections", "late", milliseconds=20, connection="AAAAAAAAAAAAAAA="),
        ),
        ("dynamodb throttle share=0.1 seed=7", Fault("dynamodb", "throttle", share=0.1, seed=7)),
    ],
)
def test_text_and_json_are_equivalent(text: str, fault: Fault) -> None:
    assert Fault.parse(text) == fault == Fault.from_json(fault.to_json())


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("", "'' is not a target and an action, as in 'connections 429'"),
        ("connections", "'connections' is not a target and an action, as in 'connections 429'"),
        ("moon 429", "target must be one of connections, dynamodb, not 'moon'"),
        ("dynamodb 429", "an action of dynamodb is one of throttle, away, late, not '429'"),
        ("connections 429 thrice", "'thrice' is not NAME=VALUE, as in calls=3"),
        ("connections 429 calls=many", 'calls is a whole number from 1, not "many"'),
        ("connections 429 calls=0", "calls is a whole number from 1, not 0"),
        ("connections 429 calls=true", "calls is a whole number from 1, not true"),
        ("connections 429 share=0", "share is a number above 0, at most 1, not 0"),
        ("connections 429 share=1.5", "share is a number above 0, at most 1, not 1.5"),
        ("connections 429 seed=x", 'seed is a whole number, not "x"'),
        ("connections 429 connection=", 'connection is a connection id, not ""'),
        ("dynamodb away connection=a", "connection is only valid for the target connections"),
        ("connections late", "milliseconds is the delay; it is only valid for the action late"),
        (
            "connections 429 milliseconds=5",
            "milliseconds is the delay; it is only valid for the action ",
        ),
        ("connections late milliseconds=-1", "milliseconds is a whole number from 0 to 600000"),
        ("connections 429 colour=red", "a fault has no member 'colour'; it has target, action, "),
    ],
)
def test_an_invalid_fault_is_a_one_line_error(text: str, sentence: str) -> None:
    with pytest.raises(FaultError) as error:
        Fault.parse(text)
    assert str(error.value).startswith(sentence)
    assert "\n" not in str(error.value)


@given(st.recursive(st.none() | st.text() | st.integers(), lambda i: st.dictionaries(st.text(), i)))
def test_any_json_is_a_fault_or_is_refused(value: object) -> None:
    with pytest.raises(FaultError):
        Fault.from_json(value)


def test_the_oldest_matching_fault_applies_for_its_number_of_calls() -> None:
    faults = Faults()
    faults.add(Fault("connections", "429", connection="a", calls=1))
    faults.add(Fault("connections", "500"))
    struck = [faults.take("connections", name) for name in ("b", "a", "a")]
    assert [each.fault.action for each in struck if each] == ["500", "429", "500"]
    assert [each["hits"] for each in faults.to_json()] == [1, 2]
    assert faults.take("dynamodb") is None


def test_a_share_is_repeatable_by_seed_and_about_right() -> None:
    def strikes(seed: int) -> list[bool]:
        faults = Faults()
        faults.add(Fault("connections", "429", share=0.2, seed=seed))
        return [faults.take("connections") is not None for _ in range(1000)]

    assert strikes(1) == strikes(1) != strikes(2)
    assert 150 < sum(strikes(1)) < 250


def test_dynamodbs_faults_are_relayed_and_their_hits_reported() -> None:
    other = Faults()
    faults = Faults()
    faults.relay = other.obey
    faults.add(Fault("connections", "429"))
    number = faults.add(Fault("dynamodb", "throttle", calls=1)).id
    struck = other.take("dynamodb")
    assert struck is not None
    assert (struck.id, other.take("dynamodb")) == (number, None)
    faults.struck(struck.id)
    assert [each["hits"] for each in faults.to_json()] == [0, 1]
    faults.clear()
    assert (faults.to_json(), other.to_json()) == ([], [])


def test_without_an_embedded_dynamodb_its_faults_are_refused() -> None:
    with pytest.raises(FaultError, match="leave out --dynamodb-endpoint"):
        Faults().add(Fault("dynamodb", "away"))
