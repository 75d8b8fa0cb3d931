"""Frames of the client protocol: what is a command, and how replies are written."""

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from decanter.runtime import jsontext
from decanter.runtime.channels import codec
from decanter.runtime.channels.codes import Disconnect, ReplyError
from decanter.runtime.jsontext import Json

LEAVES = (
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False)
)
JSON = st.recursive(
    LEAVES | st.text(),
    lambda each: st.lists(each, max_size=3) | st.dictionaries(st.text(), each, max_size=3),
    max_leaves=8,
)


def test_a_frame_has_one_command_in_each_line() -> None:
    frame = '{"id":1,"connect":{"token":"t"}}\n\n{"id":2,"subscribe":{"channel":"a"}}\n{}\n'
    found = [(each.id, each.method, dict(each.fields)) for each in codec.commands(frame)]
    assert found == [(1, "connect", {"token": "t"}), (2, "subscribe", {"channel": "a"})]


def test_data_keeps_its_text() -> None:
    (command,) = codec.commands('{"id":1,"rpc":{"method":"m","data": {"n": 1.0,\r "s":"\\u00e9"}}}')
    assert command.data == '{"n": 1.0,  "s":"\\u00e9"}'


def test_unknown_members_are_ignored() -> None:
    (command,) = codec.commands('{"id":1,"x":0,"subscribe":{"channel":"a","flag":8,"delta":"f"}}')
    assert (command.error, dict(command.fields)) == (None, {"channel": "a"})


@pytest.mark.parametrize(
    "frame",
    [
        "",
        "\n",
        "hello world !",
        '"hello world !"',
        "[]",
        "7",
        '{"message":"sendmessage","data":"hello"}',
        '{"id":0,"rpc":{"method":"m"}}',
        '{"rpc":{"method":"m"}}',
        '{"id":"1","rpc":{}}',
        '{"id":1.0,"rpc":{}}',
        '{"id":true,"rpc":{}}',
        '{"id":-1,"rpc":{}}',
        '{"id":4294967296,"rpc":{}}',
        '{"id":' + "9" * 5000 + ',"rpc":{}}',
        '{"id":1,"id":2,"rpc":{}}',
        '{"id":1,"rpc":' + '{"data":' * 200 + "1" + "}" * 201,
        '{"id":1,"rpc":{"data":NaN}}',
        '{"id":1,"rpc":{"data":"\\ud800"}}',
    ],
)
def test_a_frame_without_a_command_ends_the_connection(frame: str) -> None:
    with pytest.raises(Disconnect) as found:
        [*codec.commands(frame)]
    assert found.value.code == 3501


@pytest.mark.parametrize(
    ("command", "code"),
    [
        ('{"id":1}', 104),
        ('{"id":1,"ping":{}}', 104),
        ('{"id":1,"rpc":{},"rpc":{}}', 107),
        ('{"id":1,"rpc":{},"publish":{}}', 107),
        ('{"id":1,"rpc":[]}', 107),
        ('{"id":1,"rpc":null}', 107),
        ('{"id":1,"rpc":{"method":7}}', 107),
        ('{"id":1,"subscribe":{"channel":"a","channel":"b"}}', 107),
        ('{"id":1,"subscribe":{"channel":["a"]}}', 107),
        ('{"id":1,"subscribe":{"channel":"a","recover":1}}', 107),
        ('{"id":1,"subscribe":{"channel":"a","offset":true}}', 107),
        ('{"id":1,"connect":{"subs":[]}}', 107),
    ],
)
def test_a_malformed_command_is_answered(command: str, code: int) -> None:
    (found,) = codec.commands(command)
    assert found.error is not None
    assert (found.id, found.error.code) == (1, code)


def test_a_frame_of_many_commands_does_limited_work() -> None:
    frame = "\n".join(f'{{"id":{number},"rpc":{{"method":"m"}}}}' for number in range(1, 1001))
    found = [*codec.commands(frame)]
    assert len(found) == 1000
    assert [each.error for each in found[: codec.MAX_COMMANDS]] == [None] * codec.MAX_COMMANDS
    refused = {each.error.code for each in found[codec.MAX_COMMANDS :] if each.error}
    assert refused == {111}


def test_replies_leave_out_what_is_zero() -> None:
    assert codec.reply(1, "unsubscribe", {}) == '{"id":1,"unsubscribe":{}}'
    error = codec.error_reply(2, ReplyError(109))
    assert error == '{"id":2,"error":{"code":109,"message":"token expired"}}'
    temporary = json.loads(codec.error_reply(2, ReplyError(111)))
    assert temporary["error"]["temporary"] is True


@settings(deadline=None)  # the machine may be busy
@given(data=JSON, channel=st.text(min_size=1, max_size=20))
def test_every_value_comes_through_a_publication(data: Any, channel: str) -> None:
    text = codec.publication(channel, codec.text_of(data))
    assert json.loads(text) == {"push": {"channel": channel, "pub": {"data": data}}}
    assert "\n" not in text


def test_a_text_with_line_breaks_stays_on_one_line() -> None:
    text = codec.message(codec.text_of(Json('{\n "a":\r\n "x\\ny"}')))
    assert "\n" not in text
    assert json.loads(text)["push"]["message"]["data"] == {"a": "x\ny"}


SPACED = '{"n" : 1.0}'


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (Json(SPACED), SPACED),
        ([Json(SPACED), 1], f"[{SPACED},1]"),
        ((Json(SPACED),), f"[{SPACED}]"),
        ({"a": [Json(SPACED)]}, f'{{"a":[{SPACED}]}}'),
        ({"a": {"b": [[], {"c": Json(SPACED)}]}}, f'{{"a":{{"b":[[],{{"c":{SPACED}}}]}}}}'),
        ([{"a": "x"}, ["y"], None, {}], '[{"a":"x"},["y"],null,{}]'),
        ([Json("1\n")], "[1 ]"),
    ],
)
def test_json_keeps_its_text_at_any_level(value: Any, text: str) -> None:
    assert codec.text_of(value) == text


@settings(deadline=None)  # the machine may be busy
@given(st.lists(st.integers(1, 60_000), max_size=12))
def test_replies_of_one_frame_are_split(sizes: list[int]) -> None:
    replies = [(number + 1, "x" * size) for number, size in enumerate(sizes)]
    frames = codec.frames(replies)
    assert "\n".join(frames).split("\n") == ([text for _, text in replies] or [""])
    assert all(0 < len(frame) <= codec.MAX_FRAME_BYTES for frame in frames)


def test_a_reply_that_fits_no_frame_becomes_an_error() -> None:
    first, second = codec.frames([(1, "x" * 140_000), (2, "{}")])[0].split("\n")
    assert json.loads(first)["error"]["code"] == 106
    assert second == "{}"


@settings(deadline=None)  # the machine may be busy
@given(st.text(max_size=200))
def test_any_text_leads_to_commands_or_to_the_end(text: str) -> None:
    try:
        found = [*codec.commands(text)]
    except Disconnect:
        return
    assert all(each.error or each.method in codec.METHODS for each in found)


@settings(deadline=None)  # the machine may be busy
@given(document=st.dictionaries(st.sampled_from(["id", *codec.METHODS]), JSON, max_size=4))
def test_any_object_leads_to_a_command_or_to_the_end(document: dict[str, Any]) -> None:
    try:
        found = [*codec.commands(json.dumps(document))]
    except Disconnect:
        return
    for each in found:
        assert each.error or isinstance(document[each.method], dict)
        if each.data is not None:
            assert jsontext.parse(each.data) == document[each.method]["data"]
