"""A table and an application for sessions, in memory."""

from collections.abc import Iterable, Mapping
from typing import Any

from decanter.runtime.channels.codec import Command
from decanter.runtime.channels.declaration import Channels, Subscription
from decanter.runtime.channels.interfaces import Grant, Member, Session, Welcome
from decanter.runtime.channels.session import Answer, Frame
from decanter.runtime.jsontext import Json

NOW = 1_700_000_000


class MemoryStore:
    """The tables of sessions that run one after the other."""

    def __init__(self, *connection_ids: str) -> None:
        self.rows = {each: Session(each, NOW * 1000, handshake="{}") for each in connection_ids}
        self.memberships: dict[tuple[str, str], tuple[int, Member | None]] = {}

    def read(self, connection_id: str) -> Session | None:
        return self.rows.get(connection_id)

    def greet(self, session: Session, welcome: Welcome) -> bool:
        row = self.rows.get(session.connection_id)
        if row is None or row.is_greeted:
            return False
        self.rows[row.connection_id] = row._replace(
            is_greeted=True, identity=welcome.identity, expires_at=welcome.expires_at or 0
        )
        return True

    def extend(self, session: Session, expires_at: int) -> None:
        row = self.rows[session.connection_id]
        self.rows[session.connection_id] = row._replace(expires_at=expires_at)

    def join(self, session: Session, grants: Mapping[str, Grant]) -> bool:
        return all(self._join(session, name, grant) for name, grant in grants.items())

    def _join(self, session: Session, channel: str, grant: Grant) -> bool:
        seq, info, _ = grant
        row = self.rows.get(session.connection_id)
        if row is None:
            return False
        stored = self.memberships.get((channel, row.connection_id), (-1, None))[0]
        if seq is None or seq > stored:
            member = Member(*row[:2], session.identity, session.info, info)
            self.memberships[channel, row.connection_id] = (
                stored if seq is None else seq,
                member,
            )
        self.rows[row.connection_id] = row._replace(channels={*row.channels, channel})
        return True

    def leave(self, session: Session, channel: str, seq: int | None) -> Member | None:
        key = channel, session.connection_id
        stored, member = self.memberships.get(key, (-1, None))
        if seq is not None and seq <= stored:
            return None
        self.memberships[key] = stored if seq is None else seq, None
        return member

    def extend_membership(self, session: Session, channel: str, expires_at: int) -> None:
        pass

    def member(self, channel: str, connection_id: str) -> Member | None:
        return self.memberships.get((channel, connection_id), (0, None))[1]

    def members(self, channel: str) -> Iterable[Member]:
        return [
            member
            for (name, _), (_, member) in self.memberships.items()
            if member and name == channel
        ]


class RecordingApp:
    """An application that identifies clients by their token and records what it is asked."""

    def __init__(self, store: MemoryStore) -> None:
        self.store = store
        self.published: list[tuple[str, str]] = []
        self.told: list[tuple[str, str, str]] = []
        self.called: list[tuple[str, Json | None]] = []
        self.errors: list[Exception] = []
        self.notes: list[str] = []
        self.refusal: Exception | None = None
        self.welcome: Welcome | None = None

    def admit(self) -> None:
        if self.refusal:
            raise self.refusal

    def authenticate(self, session: Session, command: Command) -> Welcome:
        return self.welcome or Welcome(identity=command.text("token") or None)

    def check_token(self, subscription: Subscription) -> None:
        subscription.has_token = subscription.token == "good"

    def call(self, session: Session, method: str, data: Json | None) -> Json:
        self.called.append((method, data))
        return data or Json("null")

    def receive(self, session: Session, data: Json | None) -> None:
        self.called.append(("", data))

    def publish(self, channel: str, push: str) -> None:
        self.published.append((channel, push))

    def tell(self, channel: str, kind: str, member: Member) -> None:
        self.told.append((channel, kind, member.connection_id))

    def statistics(self, channel: str) -> Mapping[str, int]:
        return {"num_clients": len([*self.store.members(channel)]), "num_users": 1}

    def failed(self, error: Exception) -> None:
        self.errors.append(error)

    def note(self, reason: str) -> None:
        self.notes.append(reason)


class Stage:
    """Sends frames of connections to an application's channels."""

    def __init__(self, channels: Channels, *connection_ids: str) -> None:
        self.channels = channels
        self.store = MemoryStore(*connection_ids)
        self.app = RecordingApp(self.store)
        self.now = float(NOW)

    def send(self, connection_id: str, text: str) -> Answer:
        frame = Frame(self.channels, self.store, self.app, "decanter", lambda: self.now)
        answer = frame.handle(connection_id, text)
        for follow in answer.after:
            follow()
        return answer


def greeted(stage: Stage, connection_id: str, identity: str = "ann") -> None:
    """Connect a client."""
    command: dict[str, Any] = {"id": 1, "connect": {"token": identity}}
    answer = stage.send(connection_id, str(command).replace("'", '"'))
    assert answer.end is None, answer
