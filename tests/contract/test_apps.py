"""Chalice apps as in Chalice's documentation, without Decanter, run unchanged."""

import json

import pytest
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import ClientConnection

from tests.contract.conftest import Serve, source_of
from tests.field_cases.apps import run
from tests.support.clients import receive
from tests.support.gateways import PROJECTS, SECONDS, Running


def say(client: ClientConnection, text: str) -> str:
    """Send a line; return the next message."""
    client.send(text)
    return receive(client)


def test_every_rule_holds_for_an_app_without_decanter(probe: Running) -> None:
    places = ("--url", probe.url, "--project-dir", str(PROJECTS / "probe"))
    done = run("verify", "--timeout", "5", *places, "--format", "json")
    report = json.loads(done.out)
    assert [rule for rule in report["rules"] if rule["failed"]] == []
    assert (done.status, report["holds"]) == (0, True)
    assert "a client connects" in {rule["title"] for rule in report["rules"]}


@pytest.mark.rule(86, 87, 91)
def test_an_echo_app(serve: Serve) -> None:
    echo = serve(source_of("echo"))
    with echo.connect() as one, echo.connect() as other:
        assert say(one, "hello") == "hello"
        assert say(other, '{"any": "JSON"}') == '{"any": "JSON"}'


@pytest.mark.rule(80, 88)
def test_a_chat_with_rooms_and_nicknames_in_a_table_of_the_merge_template(chat: Running) -> None:
    """boto3 retries the calls that fail at first."""
    with chat.connect() as ann, chat.connect() as bob:
        assert say(ann, "hello?") == "Join a room first."
        assert say(ann, "/nick Ann") == "You are Ann."
        assert say(bob, "/nick Bob") == "You are Bob."
        assert say(ann, "/join cellar") == "Ann has joined."
        assert say(bob, "/join cellar") == "Bob has joined."
        assert receive(ann) == "Bob has joined."
        assert say(bob, "a 1961?") == "Bob: a 1961?"
        assert receive(ann) == "Bob: a 1961?"
        with chat.connect() as carol:
            assert say(carol, "/nick Carol") == "You are Carol."
            assert say(carol, "/join attic") == "Carol has joined."
            assert say(carol, "alone") == "Carol: alone"
        bob.send("/quit")
        with pytest.raises(ConnectionClosed):
            bob.recv(timeout=SECONDS)
        assert receive(ann) == "Bob has left."


@pytest.mark.rule(36)
def test_a_handler_in_a_blueprint_causes_a_warning_and_fails_as_on_aws(
    serve: Serve,
) -> None:
    blueprint = serve(source_of("blueprint"))
    with blueprint.connect() as client:
        assert blueprint.wait_for_line("message .* is registered through a Blueprint")
        assert '"Internal server error"' in say(client, "anything")
