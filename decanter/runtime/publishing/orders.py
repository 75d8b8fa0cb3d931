"""The orders of other programs to an app with channels, named as in Centrifugo's server API.

    {"method": "broadcast", "payload": {"channels": ["chat:1", "chat:2"], "data": {"n": 1}}}
    {"method": "subscribe", "payload": {"user": "ann", "channel": "chat:42"}}
    {"method": "unsubscribe", "payload": {"user": "ann", "channel": "chat:42"}}
    {"method": "disconnect", "payload": {"user": "ann", "code": 3503, "reason": ""}}

A message with the method `publish` is not an order, but an item of the queue.
"""

from collections.abc import Callable
from typing import Any

from decanter.runtime import jsontext
from decanter.runtime.errors import BadJson, ConfigurationError, PoisonError
from decanter.runtime.fanout.outbox import Outbox
from decanter.runtime.publishing.item import Item, parts_of, text_in

METHODS = ("broadcast", "subscribe", "unsubscribe", "disconnect")


def is_order(body: str) -> bool:
    """Return True if a message is an order."""
    try:
        document = jsontext.parse(body)
    except BadJson:
        return False
    return isinstance(document, dict) and document.get("method") in METHODS


def give(body: str, message_id: str, outbox: Outbox, queue: Callable[[Item], object]) -> None:
    """Run an order. `queue` is called with each publication of a `broadcast`.

    The job ids of the publications begin with `message_id`, so a message that SQS delivers twice
    starts no second publication.

    Raises:
        PoisonError: the order is invalid, or no declared pattern matches the channel.
    """
    document, payload = parts_of(body)
    method = document["method"]
    try:
        if method == "broadcast":
            for item in publications(body, payload, message_id):
                queue(item.framed(outbox.wire))
            return
        if not text_in(payload, "user"):
            raise PoisonError("payload needs a user")
        outbox.wire.order(method, payload, outbox)
    except (ConfigurationError, ValueError) as error:
        if isinstance(error, ConfigurationError) and type(error) is not ConfigurationError:
            raise  # a setting, a table or a right is missing, so the order may be valid
        raise PoisonError(str(error)) from error


def publications(body: str, payload: dict[str, Any], message_id: str) -> list[Item]:
    """Return the publications of a `broadcast`, one for each channel.

    Raises:
        PoisonError: the order is invalid.
    """
    channels = payload.get("channels")
    if not isinstance(channels, list) or not all(isinstance(it, str) and it for it in channels):
        raise PoisonError("channels is not a list of channels")
    if "data" not in payload:
        raise PoisonError("payload needs data")
    texts = jsontext.member_texts(jsontext.member_texts(body)["payload"])
    return [
        Item(f"{message_id}.{number}", texts["data"], channel=channel, foreign="data")
        for number, channel in enumerate(dict.fromkeys(channels))
    ]
