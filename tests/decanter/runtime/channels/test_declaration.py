"""The declaration of channels: the functions, their parameters, the types of publications."""

from contextlib import nullcontext
from dataclasses import dataclass
from typing import Any

import pytest

from decanter.runtime.channels.codes import ReplyError
from decanter.runtime.channels.declaration import Channel, Channels, Publication, Subscription
from decanter.runtime.errors import DeclarationError, InvalidPayload, MissingData
from decanter.runtime.jsontext import Json


@dataclass
class Line:
    text: str


def room_only(subscription: Subscription, room: str) -> bool:
    return subscription.identity is not None and bool(room)


@pytest.mark.parametrize(
    "function",
    [
        lambda subscription, place: True,
        lambda subscription, room, more: True,
        lambda: True,
    ],
)
def test_a_function_takes_variables_of_its_pattern(function: Any) -> None:
    with pytest.raises(DeclarationError, match=r"must take \(subscription, room\)"):
        Channel("chat:{room}", function)


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (1, "a value of type int"),
        ("yes", "a value of type str"),
        ([], "a value of type list"),
        (None, "None"),
        (False, ""),
        (True, ""),
    ],
)
def test_a_client_may_listen_only_if_the_answer_is_true(answer: object, said: str) -> None:
    def news(subscription: Subscription) -> object:
        return answer

    refused = nullcontext() if answer is True else pytest.raises(ReplyError, match="103")
    notes: list[str] = []
    with refused:
        Channel("news", news).check(Subscription("news", None, "c"), {}, notes.append)
    expected = f"news ({__name__}) returned {said}, not True or False"
    assert notes == ([expected] if said else [])


def test_two_patterns_for_one_name_are_refused() -> None:
    channels = Channels()
    channels.add(Channel("chat:{room}", room_only))
    with pytest.raises(DeclarationError, match=r"can match this pattern and 'chat:\{room\}'"):
        channels.add(Channel("chat:lobby", lambda subscription: True))


@pytest.mark.parametrize("name", ["", "other", "chat:", "chat:a:b", "$identity:ann", "c" * 256])
def test_a_name_without_a_pattern_is_unknown(name: str) -> None:
    channels = Channels()
    channels.add(Channel("chat:{room}", room_only))
    channels.add(Channel("{kind}:x:{y}", lambda subscription, kind, y: True))
    with pytest.raises(ReplyError) as found:
        channels.find(name)
    assert found.value.code == 102


def test_a_publication_has_its_declared_type() -> None:
    channel = Channel("chat:{room}", room_only)

    @channel.on_publish
    def say(publication: Publication[Line], room: str) -> dict[str, Any]:
        return {"text": publication.data.text, "room": room, "raw": publication.raw}

    sent = Publication[Any]("chat:1", "ann", "c", None)
    text = Json('{"text":"hi"}')
    published = channel.accept(sent, text, {"room": "1"})
    assert published == {"text": "hi", "room": "1", "raw": text}
    with pytest.raises(InvalidPayload, match="text"):
        channel.accept(sent, Json('{"text":7}'), {"room": "1"})
    with pytest.raises(InvalidPayload, match=r"^the value must be an object"):
        channel.accept(sent, Json("null"), {"room": "1"})
    with pytest.raises(MissingData):
        channel.accept(sent, None, {"room": "1"})


def test_clients_publish_only_where_it_is_declared() -> None:
    channel = Channel("chat:{room}", room_only)
    with pytest.raises(ReplyError) as found:
        channel.accept(Publication[Any]("chat:1", "ann", "c", None), Json("1"), {"room": "1"})
    assert found.value.code == 103


def test_a_second_function_for_publications_is_refused() -> None:
    channel = Channel("news", lambda subscription: True)
    channel.on_publish(lambda publication: publication.data)
    with pytest.raises(DeclarationError, match="two functions"):
        channel.on_publish(lambda publication: publication.data)


def test_a_publication_needs_a_readable_type() -> None:
    def wrong(publication: int) -> None: ...

    def unknown(publication: Publication[set[int]]) -> None: ...

    with pytest.raises(DeclarationError, match=r"Publication\[…\]"):
        Channel("news", lambda subscription: True).on_publish(wrong)
    with pytest.raises(DeclarationError, match="cannot be validated"):
        Channel("news", lambda subscription: True).on_publish(unknown)
