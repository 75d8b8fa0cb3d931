"""Faults as values: their text, the calls that they apply to, their number of hits."""

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
def test_words_and_json_mean_the_same(text: str, fault: Fault) -> None:
    assert Fault.parse(text) == fault == Fault.from_json(fault.to_json())


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("", "'' is not a target and an action, as in 'connections 429'"),
        ("connections", "'connections' is not a target and an action, as in 'connections 429'"),
        ("moon 429", "target is one of connections, dynamodb, not 'moon'"),
        ("dynamodb 429", "the action of dynamodb is one of throttle, away, late, not '429'"),
        ("connections 429 often", "'often' is not NAME=VALUE, as in calls=3"),
        ("connections 429 calls=many", 'calls is a whole number from 1, not "many"'),
        ("connections 429 calls=0", "calls is a whole number from 1, not 0"),
        ("connections 429 calls=true", "calls is a whole number from 1, not true"),
        ("connections 429 share=0", "share is a number above 0, at most 1, not 0"),
        ("connections 429 share=1.5", "share is a number above 0, at most 1, not 1.5"),
        ("connections 429 seed=x", 'seed is a whole number, not "x"'),
        ("connections 429 connection=", 'connection is a connection id, not ""'),
        ("dynamodb away connection=a", "connection is only for the target connections"),
        ("connections late", "milliseconds is the delay: the action late needs it"),
        ("connections 429 milliseconds=5", "milliseconds is the delay: the action late needs it"),
        ("connections late milliseconds=-1", "milliseconds is a whole number from 0 to 600000"),
        ("connections 429 colour=red", "a fault has no 'colour': it has target, action, "),
    ],
)
def test_an_invalid_fault_is_refused_in_one_line(text: str, sentence: str) -> None:
    with pytest.raises(FaultError) as error:
        Fault.parse(text)
    assert str(error.value).startswith(sentence)
    assert "\n" not in str(error.value)


@given(st.recursive(st.none() | st.text() | st.integers(), lambda i: st.dictionaries(st.text(), i)))
def test_other_json_is_refused(value: object) -> None:
    with pytest.raises(FaultError):
        Fault.from_json(value)


@pytest.mark.parametrize("member", ["target", "action", "connection", "calls", "share", "seed"])
@pytest.mark.parametrize("value", [[], {}, 1e400])
def test_a_member_of_another_type_is_refused(member: str, value: object) -> None:
    fault = {"target": "connections", "action": "429", member: value}
    with pytest.raises(FaultError):
        Fault.from_json(fault)


def test_the_oldest_matching_fault_applies_up_to_its_number_of_calls() -> None:
    faults = Faults()
    faults.add(Fault("connections", "429", connection="a", calls=1))
    faults.add(Fault("connections", "500"))
    struck = [faults.take("connections", name) for name in ("b", "a", "a")]
    assert [each.fault.action for each in struck if each] == ["500", "429", "500"]
    assert [each["hits"] for each in faults.to_json()] == [1, 2]
    assert faults.take("dynamodb") is None


def test_a_share_is_repeatable_by_seed_and_about_as_large_as_set() -> None:
    def strikes(seed: int) -> list[bool]:
        faults = Faults()
        faults.add(Fault("connections", "429", share=0.2, seed=seed))
        return [faults.take("connections") is not None for _ in range(1000)]

    assert strikes(1) == strikes(1) != strikes(2)
    assert 150 < sum(strikes(1)) < 250


def test_faults_of_dynamodb_are_relayed_and_their_hits_reported() -> None:
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


def test_dynamodb_faults_without_the_embedded_dynamodb_are_refused() -> None:
    with pytest.raises(FaultError, match="leave out --dynamodb-endpoint"):
        Faults().add(Fault("dynamodb", "away"))
