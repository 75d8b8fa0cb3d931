"""A chat with rooms and nicknames.

A second table has the members of each room. Its hash key is `room#shard`, so a large room is not
one hot partition; its range key is the connection id. A reverse index finds a connection's rooms.
"""

import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from chalice.app import Chalice, WebsocketEvent
from pynamodb.attributes import UnicodeAttribute
from pynamodb.indexes import GlobalSecondaryIndex, KeysOnlyProjection
from pynamodb.models import Model

from decanter import (
    ConnectionEvent,
    ConnectionModel,
    Disconnection,
    Handshake,
    InvalidPayload,
    MessageError,
    Refused,
    Request,
    Router,
    connection_table,
    table,
    uses,
)

SHARDS = 2

app = Chalice(app_name="chat")
app.experimental_feature_flags.update(["WEBSOCKETS"])


@connection_table(env="CONNECTIONS_TABLE")
class Connection(ConnectionModel):
    connection_id = UnicodeAttribute(hash_key=True, attr_name="connectionID")
    nickname = UnicodeAttribute()


class ByConnection(GlobalSecondaryIndex["Membership"]):  # type: ignore[no-untyped-call]
    class Meta:
        index_name = "by_connection"
        projection = KeysOnlyProjection()

    connection_id = UnicodeAttribute(hash_key=True)


@table(env="MEMBERSHIPS_TABLE")
class Membership(Model):
    room_shard = UnicodeAttribute(hash_key=True)
    connection_id = UnicodeAttribute(range_key=True)
    by_connection = ByConnection()

    @classmethod
    def of(cls, room: str, connection_id: str) -> "Membership":
        shard = zlib.crc32(connection_id.encode()) % SHARDS
        return cls(f"{room}#{shard}", connection_id)

    @classmethod
    def members(cls, room: str) -> Iterator["Membership"]:
        for shard in range(SHARDS):
            yield from cls.query(f"{room}#{shard}", consistent_read=True)

    @property
    def room(self) -> str:
        return self.room_shard.rpartition("#")[0]


@dataclass
class Room:
    room: str

    def __post_init__(self) -> None:
        if not 1 <= len(self.room) <= 64:
            raise InvalidPayload("room", "must have 1 to 64 characters")


@dataclass
class Line(Room):
    text: str


class NotAMember(MessageError):
    code = "not_a_member"
    status = 403


router = Router("$request.body.action", connections=Connection)


@app.on_ws_connect()
def connect(event: WebsocketEvent) -> dict[str, Any]:
    return router.handle(event)


@app.on_ws_disconnect()
def disconnect(event: WebsocketEvent) -> dict[str, Any]:
    return router.handle(event)


@app.on_ws_message()
def message(event: WebsocketEvent) -> dict[str, Any]:
    return router.handle(event)


@router.on_connect
@uses()
def name(handshake: Handshake) -> None:
    nickname = handshake.query.get("nickname", "")
    if not 1 <= len(nickname) <= 32:
        raise Refused(400, "nickname must have 1 to 32 characters")
    handshake.attributes["nickname"] = nickname


@router.on_disconnect
@uses(reads=[Membership], writes=[Membership], sends=True)
def leave_all(gone: Disconnection) -> None:
    for membership in Membership.by_connection.query(gone.connection_id):
        membership.delete()
        tell(gone, membership.room, {"left": gone.attributes["nickname"]})


@router.route("join")
@uses(reads=[Connection, Membership], writes=[Membership])
def join(request: Request, payload: Room) -> None:
    Membership.of(payload.room, request.connection_id).save()
    tell(request, payload.room, {"joined": nickname_of(request)})


@router.route("leave")
@uses(reads=[Connection, Membership], writes=[Membership])
def leave(request: Request, payload: Room) -> None:
    tell(request, payload.room, {"left": nickname_of(request)})
    Membership.of(payload.room, request.connection_id).delete()


@router.route("say")
@uses(reads=[Connection, Membership], writes=[Membership])
def say(request: Request, payload: Line) -> None:
    tell(request, payload.room, {"from": nickname_of(request), "text": payload.text})


def tell(event: ConnectionEvent, room: str, news: dict[str, str]) -> None:
    """Send to everyone in a room, and remove members whose connection is gone."""
    members = {each.connection_id: each for each in Membership.members(room)}
    if isinstance(event, Request) and event.connection_id not in members:
        raise NotAMember(f"join {room!r} first")
    for connection_id in event.send(members, {"room": room} | news).gone_ids:
        members[connection_id].delete()


def nickname_of(request: Request) -> str:
    return Connection.get(request.connection_id, consistent_read=True).nickname
