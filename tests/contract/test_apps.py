"""Chalice apps written as in Chalice's documentation, without code of ours, run unchanged."""

import pytest
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import ClientConnection

from tests.support.apps import NO_DATABASE
from tests.support.clients import receive
from tests.support.gateways import PROJECTS, SECONDS, gateway


def say(client: ClientConnection, text: str) -> str:
    """Send a line. Return the next message."""
    client.send(text)
    return receive(client)


@pytest.mark.rule(86, 87, 91)
def test_an_echo_app() -> None:
    with (
        gateway(PROJECTS / "echo", *NO_DATABASE) as echo,
        echo.connect() as one,
        echo.connect() as other,
    ):
        assert say(one, "hello") == "hello"
        assert say(other, '{"any": "JSON"}') == '{"any": "JSON"}'


@pytest.mark.rule(80, 88)
def test_a_chat_with_rooms_and_nicknames_in_a_table_of_the_merge_template() -> None:
    with gateway(PROJECTS / "chat") as chat, chat.connect() as ann, chat.connect() as bob:
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
def test_a_handler_in_a_blueprint_is_warned_of_at_start_and_fails_as_on_aws() -> None:
    with gateway(PROJECTS / "blueprint", *NO_DATABASE) as blueprint, blueprint.connect() as client:
        assert blueprint.wait_for_line("message .* is registered through a Blueprint")
        assert '"Internal server error"' in say(client, "anything")
