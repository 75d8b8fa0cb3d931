"""Faults on demand, seen by boto3 and by an app."""

import json
import time
from typing import Any

import pytest
from botocore.config import Config
from botocore.exceptions import ClientError, ConnectionClosedError, ReadTimeoutError

from tests.support.clients import JSON, ask, call, connection_id, receive
from tests.support.gateways import Running


@pytest.fixture(autouse=True)
def _mended(probe: Running) -> Any:
    yield
    assert call(probe, "DELETE", "/_gateway/faults", headers=JSON)[0] == 204


def fault(probe: Running, **fields: Any) -> dict[str, Any]:
    """Set a fault; return the gateway's answer.

    The fault has a connection if handlers of the test before may still make calls.
    """
    status, _, body = call(
        probe, "POST", "/_gateway/faults", json.dumps(fields).encode(), headers=JSON
    )
    answer: dict[str, Any] = json.loads(body)
    assert status == 201, answer
    return answer


def listed(probe: Running) -> list[dict[str, Any]]:
    faults: list[dict[str, Any]] = json.loads(call(probe, "GET", "/_gateway/faults")[2])["faults"]
    return faults


def once(**options: Any) -> Config:
    return Config(retries={"total_max_attempts": 1}, **options)


@pytest.mark.parametrize(
    ("action", "name"),
    [
        ("403", "ForbiddenException"),
        ("410", "GoneException"),
        ("429", "LimitExceededException"),
        ("500", "InternalServerErrorException"),
    ],
)
def test_connections_answers_a_status_for_a_number_of_calls(
    probe: Running, action: str, name: str
) -> None:
    with probe.connect() as client:
        mine = connection_id(client)
        fault(probe, target="connections", action=action, calls=2, connection=mine)
        management = probe.management(config=once())
        for _ in range(2):
            with pytest.raises(ClientError) as error:
                management.post_to_connection(ConnectionId=mine, Data=b"x")
            assert error.value.response["Error"]["Code"] == name
        management.post_to_connection(ConnectionId=mine, Data=b"mended")
        assert receive(client) == "mended"
        assert [each["hits"] for each in listed(probe)] == [2]


@pytest.mark.rule(84)
def test_boto3_retries_a_429_but_not_a_410(probe: Running) -> None:
    with probe.connect() as client:
        mine = connection_id(client)
        fault(probe, target="connections", action="429", calls=1, connection=mine)
        result = probe.management().post_to_connection(ConnectionId=mine, Data=b"again")
        assert result["ResponseMetadata"]["RetryAttempts"] == 1
        assert receive(client) == "again"


def test_a_fault_may_apply_to_one_connection(probe: Running) -> None:
    with probe.connect() as one, probe.connect() as other:
        name, other_name = connection_id(one), connection_id(other)
        fault(probe, target="connections", action="410", connection=name)
        management = probe.management()
        with pytest.raises(management.exceptions.GoneException):
            management.post_to_connection(ConnectionId=name, Data=b"x")
        management.post_to_connection(ConnectionId=other_name, Data=b"y")
        assert receive(other) == "y"


def test_a_fault_may_reset_hang_or_delay_a_call(probe: Running) -> None:
    with probe.connect() as client:
        mine = connection_id(client)
        management = probe.management(config=once(read_timeout=0.5))
        for action, error in (("reset", ConnectionClosedError), ("hang", ReadTimeoutError)):
            fault(probe, target="connections", action=action, calls=1, connection=mine)
            with pytest.raises((error, ConnectionError)):
                management.post_to_connection(ConnectionId=mine, Data=b"x")
        fault(probe, target="connections", action="late", milliseconds=200, connection=mine)
        began = time.monotonic()
        management.post_to_connection(ConnectionId=mine, Data=b"late")
        assert time.monotonic() - began >= 0.2
        assert receive(client) == "late"


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"target": "moon", "action": "429"}, "target is one of connections, dynamodb"),
        ({"target": "connections", "action": "404"}, "is one of 403, 410, 429, 500, reset"),
        ({"target": "connections", "action": "429", "calls": 0}, "calls is a whole number from 1"),
        ({"target": "connections", "action": "late"}, "milliseconds is the delay"),
        ([], "a fault is an object"),
    ],
)
def test_an_invalid_fault_is_one_line(probe: Running, fields: Any, message: str) -> None:
    body = json.dumps(fields).encode()
    status, _, answer = call(probe, "POST", "/_gateway/faults", body, headers=JSON)
    assert (status, message in json.loads(answer)["message"]) == (400, True)


def test_the_embedded_dynamodb_throttles_and_is_unavailable(chat: Running) -> None:
    assert [each["action"] for each in listed(chat)] == ["500", "throttle"]
    with chat.connect() as client:  # boto3 has retried
        client.send("/nick Ann")
        assert receive(client) == "You are Ann."
        assert [each["hits"] for each in listed(chat)] == [1, 1]
        fault(chat, target="dynamodb", action="away")
        client.send("/nick Bea")
        assert json.loads(receive(client))["message"] == "Internal server error"
        assert chat.wait_for_line("Connection was closed before we received")
        assert call(chat, "DELETE", "/_gateway/faults", headers=JSON)[0] == 204
        client.send("/nick Cid")
        assert receive(client) == "You are Cid."


def test_the_probe_is_unchanged(probe: Running) -> None:
    with probe.connect() as client:
        assert (listed(probe), ask(client, send="fine")) == ([], "fine")
