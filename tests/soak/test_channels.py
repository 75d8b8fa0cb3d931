"""Channels: hostile commands, values shaped like pushes, and handlers that overtake each other."""

import json
import time
from typing import Any

import pytest

from decanter.runtime.channels.codec import MAX_COMMANDS, METHODS
from decanter.runtime.channels.declaration import Channel, Channels
from decanter.testing import WebSocketClient
from tests.soak.conftest import NOTES, size
from tests.support.apps import load_app
from tests.support.channel_sockets import SHAPES
from tests.support.channels import Stage
from tests.support.dice import Dice
from tests.support.gateways import PROJECTS
from tests.support.tokens import HS256

HOSTILE = size(100_000, 1_500)
MOST_FRAME_SECONDS = 5.0
IDS = ["0", "1", "7", "4294967295", "4294967296", "-1", "1.0", '"1"', "null", "true", "9" * 400]
CHANNELS = [
    "chat:a",
    "chat:",
    "chat:a:b",
    "feed:x",
    "none",
    "$identity:ann",
    "",
    "chat:%3A",
    "é" * 99,
]


class Hostile(Dice):
    """Frames of a client that keeps to no rule."""

    def body(self) -> str:
        """Return the text of a command's object."""
        names = ["channel", "token", "data", "method", "channel", "recover", "offset", "subs"]
        pick = self.chance.choice
        members = []
        for name in self.chance.sample(names, self.chance.randrange(1, 5)):
            value = json.dumps(pick(CHANNELS)) if name == "channel" else self.value(2)
            members.append(f'"{name}":{value}')
        return pick(["{" + ",".join(members) + "}"] * 4 + [self.value(), self.object()])

    def line(self) -> str:
        """Return a line: a command or something like one."""
        pick = self.chance.choice
        methods = [pick([*METHODS, "connect", "nonsense"]) for _ in range(pick([1, 1, 1, 2, 0]))]
        members = [f'"{method}":{self.body()}' for method in methods]
        members += [f'"id":{pick(IDS)}'] * pick([1, 1, 1, 1, 0, 2])
        self.chance.shuffle(members)
        line = "{" + ",".join(members) + "}"
        rarely = self.chance.random()
        if rarely < 0.1:
            return self.mutated(line.encode()).decode(errors="replace")
        return "[" * 400 + "]" * 400 if rarely < 0.12 else line

    def frame(self) -> bytes:
        """Return a frame, rarely of a thousand lines."""
        count = 1000 if self.chance.random() < 0.002 else self.chance.choice([1, 1, 1, 2, 5])
        return "\n".join(self.line() for _ in range(count)).encode()


def stage() -> Stage:
    """Return an app with two patterns and one client that is connected."""
    channels = Channels()
    chat = Channel("chat:{room}", lambda subscription, room: True, presence=True, join_leave=True)
    chat.on_publish(lambda publication, room: publication.data)
    channels.add(chat)
    channels.add(Channel("feed:{name}", lambda subscription, name: name))
    made = Stage(channels, "hostile")
    made.send("hostile", '{"id":1,"connect":{}}')
    return made


def check(line: str) -> None:
    """Check that a line of an answer is a reply, an error or a push."""
    value: dict[str, Any] = json.loads(line)
    if "push" in value:
        assert {*value["push"]} & {"pub", "join", "leave", "disconnect"}
    elif "error" in value:
        assert 100 <= value["error"]["code"] <= 112
        assert value["id"] >= 1
    else:
        (method,) = {*value} - {"id"}
        assert method in METHODS


def test_every_hostile_command_gets_an_error_or_a_disconnect_code(seed: int) -> None:
    """A disconnected client connects again. No frame runs more commands than the limit."""
    dice, lines, ends, slowest = Hostile(seed), 0, 0, 0.0
    playing = stage()
    while lines < HOSTILE:
        text = dice.frame().decode()
        before = len(playing.app.called) + len(playing.app.published) + len(playing.app.told)
        began = time.process_time()
        answer = playing.send("hostile", text)
        slowest = max(slowest, time.process_time() - began)
        done = len(playing.app.called) + len(playing.app.published) + len(playing.app.told) - before
        assert done <= 2 * MAX_COMMANDS
        lines += text.count("\n") + 1
        for frame in answer.frames:
            assert len(frame.encode()) < 128 * 1024
            for line in frame.split("\n"):
                check(line)
        if answer.end:
            assert 3000 <= answer.end.code <= 4999
            ends += 1
            playing = stage()
        assert playing.app.errors == []
    assert slowest < MOST_FRAME_SECONDS
    NOTES.append(f"{lines:,} hostile commands, {ends:,} disconnects, {slowest:.2f} s the slowest")


VALUES = size(2_500, 24)


def shaped(dice: Dice, number: int) -> Any:
    """Return a value: each of the shapes, then shapes together with other values."""
    if number < len(SHAPES):
        return SHAPES[number]
    try:
        other = json.loads(dice.value())
    except ValueError:
        other = dice.string()
    shape = dice.chance.choice(SHAPES)
    if isinstance(shape, dict) and dice.chance.random() < 0.5:
        return {**shape, "more": other}
    return dice.chance.choice([[shape, other], {"data": shape}, json.dumps(shape), other])


def test_a_value_shaped_like_a_push_stays_data(seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Through publish, rpc, send and broadcast: no kick, no foreign channel, no further push."""
    for name, value in HS256.items():
        monkeypatch.setenv(name, value)
    dice, headers = Dice(seed), {"Content-Type": "application/json"}
    with WebSocketClient(load_app(PROJECTS / "lounge")) as client:
        sender, other = client.connect(token=""), client.connect(token="")
        feeds = [each.subscribe("feed:x") for each in (sender, other)]
        for number in range(VALUES):
            value = shaped(dice, number)
            feeds[0].publish(value)
            assert [feed.receive() for feed in feeds] == [value, value]
            assert sender.rpc("echo", value) == value
            sender.send({"message": "note", "data": value})
            assert sender.receive() == {"noted": value}
            body = json.dumps({"frame": value}).encode()
            assert client.http.post("/do/broadcast", headers=headers, body=body).status_code == 200
            assert [each.receive() for each in (sender, other)] == [value, value]
            for each in (sender, other):
                assert each.unread == []
                assert each.closed is None
                assert [*each.subscriptions] == ["feed:x"]
    NOTES.append(f"{VALUES:,} values shaped like pushes, four ways each")
