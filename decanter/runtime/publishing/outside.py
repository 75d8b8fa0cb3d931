"""Send messages and close connections from outside the app, with a stage's endpoint and tables.

`decanter publish` and `decanter connections` use this module. It uses the same code as the app's
Lambda functions, so it handles the rate limit, retries, damaged rows and gone connections in the
same way. No Lambda function imports this module.
"""

from collections.abc import Collection, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any

from pynamodb.attributes import UnicodeAttribute

from decanter.runtime import jsontext
from decanter.runtime.channels import codec
from decanter.runtime.channels.memberships import Memberships, SubscriptionModel
from decanter.runtime.channels.pattern import Pattern, no_match
from decanter.runtime.channels.tables import Listeners, Tables
from decanter.runtime.clock import Clock, full_jitter
from decanter.runtime.errors import BadJson, DecanterError, PostingRefusedError, TooLarge
from decanter.runtime.fanout.frame import Frame
from decanter.runtime.fanout.outbox import OpenTransport, Outboxes
from decanter.runtime.fanout.report import Report
from decanter.runtime.fanout.wire import Wire
from decanter.runtime.fanout.workers import Workers
from decanter.runtime.jsontext import Json
from decanter.runtime.publishing.publisher import Publisher
from decanter.runtime.recipients import BEGINNING, Recipient, Removed
from decanter.runtime.session import session
from decanter.runtime.settings import MAX_MESSAGE_BYTES as LIMIT
from decanter.runtime.settings import Settings
from decanter.runtime.store.connections import ConnectionModel, IdentifiedModel
from decanter.runtime.store.tables import Billing, TableMeta
from decanter.runtime.transports import open_transport

__all__ = [
    "BEGINNING",
    "LIMIT",
    "BadJson",
    "DecanterError",
    "PostingRefusedError",
    "Publisher",
    "Report",
    "Stage",
    "TooLarge",
    "checked",
    "publishing",
]

SECONDS = "900"
"""The time limit for sending a message, in seconds, unless `DECANTER_DEADLINE_SECONDS` is set."""


@dataclass(frozen=True)
class Stage:
    """A stage of an app.

    Attributes:
        endpoint: the URL of @connections, with the stage.
        region: the region of the API and of the table.
        table: the connection table's name or ARN; "" if the app has no connection table.
        subscriptions: the subscription table's name or ARN; "" for an app without channels.
        channels: the patterns of the app's channels.
        key: the name of the connection table's hash key.
        keeps_rows: True to delete no row. If an app has disconnect hooks, the code that deletes a
            row must call them, so only the app's own Lambda functions delete its rows.
        dynamodb: the URL of a local DynamoDB; None for DynamoDB on AWS.
        keys: an access key id and a secret access key; by default, botocore finds the credentials.
        profile: the profile of the AWS configuration; None for the profile of the environment.
    """

    endpoint: str
    region: str
    table: str = ""
    key: str = "connectionID"
    keeps_rows: bool = False
    dynamodb: str | None = None
    keys: tuple[str, str] | None = None
    profile: str | None = None
    subscriptions: str = ""
    channels: tuple[str, ...] = ()

    def check_channel(self, channel: str) -> None:
        """Check that a declared pattern matches a channel.

        Raises:
            ConfigurationError: no pattern matches.
        """
        if all(Pattern(each).match(channel) is None for each in self.channels):
            raise no_match(channel, self.channels)


@contextmanager
def publishing(
    stage: Stage,
    environ: Mapping[str, str],
    open_transport: OpenTransport = open_transport,
) -> Iterator[Publisher]:
    """Yield a publisher for the connections of a stage. `environ` contains the other settings.

    Raises:
        SettingError: a setting has an invalid value.
    """
    given = {"DECANTER_MANAGEMENT_ENDPOINT": stage.endpoint, "AWS_REGION": stage.region}
    limits = {"DECANTER_DEADLINE_SECONDS": SECONDS}
    session.cache_clear()
    if stage.keys:
        session().set_credentials(*stage.keys)
    if stage.profile:
        session().set_config_variable("profile", stage.profile)
    outboxes = Outboxes(open_transport, model_of(stage), Clock(), full_jitter)
    outboxes.settings = Settings.from_env(limits | {**environ} | given)
    if stage.subscriptions:
        outboxes.wire = OutsideWire(stage, outboxes.connections)
        outboxes.connections = outboxes.wire.tables
    try:
        yield Publisher(outboxes)
    finally:
        session.cache_clear()


class OutsideWire(Wire):
    """The wire of an app with channels, for messages that are JSON texts."""

    def __init__(self, stage: Stage, connections: Any) -> None:
        class Subscriptions(SubscriptionModel):
            """The subscriptions of the stage."""

        Subscriptions.Meta = _Meta(replace(stage, table=stage.subscriptions))  # type: ignore[assignment]
        clock = Clock()
        memberships = Memberships(Subscriptions, clock.time_ms)
        self.tables = Tables(connections, memberships, Workers(clock).each)

    def text_of(self, frame: Frame) -> str:
        """Return the push of a message.

        Raises:
            BadJson: the message is not a JSON text.
        """
        return codec.message(checked(frame))

    def frame_of(self, value: Frame, channel: str = "") -> str:
        """Return the push of a publication, or of a message without a channel."""
        return codec.publication(channel, checked(value)) if channel else self.text_of(value)

    def silent(self, connection_ids: Iterable[str]) -> Collection[str]:
        """Return the connections that sent no connect command, or whose identity has expired."""
        return self.tables.silent(connection_ids)

    def members(self, channel: str) -> Listeners:
        """Return the members of a channel, as recipients."""
        return Listeners(self.tables, channel)


def checked(text: Frame) -> Json:
    """Return a message as JSON.

    Raises:
        BadJson: the message is not a JSON text.
    """
    jsontext.parse(str(text))
    return codec.text_of(Json(text))


def model_of(stage: Stage) -> type[ConnectionModel]:
    """Return a model of the stage's connection table."""
    base: Any = IdentifiedModel if stage.subscriptions else ConnectionModel

    class Row(base):  # type: ignore[misc]  # the base class depends on the stage
        connection_id = UnicodeAttribute(hash_key=True, attr_name=stage.key)

    class Kept(Row):
        @classmethod
        def remove_if_unchanged(cls, recipient: Recipient) -> Removed | None:  # noqa: ARG003
            return None

        @classmethod
        def remove_if_older(cls, connection_id: str, than_ms: int) -> Removed | None:  # noqa: ARG003
            return None

    model = Kept if stage.keeps_rows else Row
    model.Meta = _Meta(stage)
    return model


class _Meta(TableMeta):
    """The `Meta` of a table with a given name, region and endpoint."""

    def __init__(self, stage: Stage) -> None:
        super().__init__("the stage", Billing())
        self._stage = stage
        self.host = stage.dynamodb  # type: ignore[misc, assignment]  # an app's own model has no host

    def __str__(self) -> str:
        return repr(self._stage.table)

    @property
    def table_name(self) -> str:
        """The table's name or ARN."""
        return self._stage.table

    @property
    def region(self) -> str:
        """The table's region."""
        return self._stage.region
