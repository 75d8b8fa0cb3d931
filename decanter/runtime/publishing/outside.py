"""Send from outside the app, with the endpoint and the table of a stage, for `decanter publish`.

This module uses the same code as the functions, so rate limit, retries, damaged rows and gone
connections are handled in the same way. No function on AWS imports this file.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass

from pynamodb.attributes import UnicodeAttribute

from decanter.runtime.clock import Clock, full_jitter
from decanter.runtime.errors import DecanterError, PostingRefusedError, TooLarge
from decanter.runtime.fanout.outbox import OpenTransport, Outboxes
from decanter.runtime.fanout.report import Report
from decanter.runtime.publishing.publisher import Publisher
from decanter.runtime.recipients import BEGINNING, Recipient, Removed
from decanter.runtime.session import session
from decanter.runtime.settings import MAX_MESSAGE_BYTES as LIMIT
from decanter.runtime.settings import Settings
from decanter.runtime.store.connections import ConnectionModel
from decanter.runtime.store.tables import Billing, TableMeta
from decanter.runtime.transports import open_transport

__all__ = [
    "BEGINNING",
    "LIMIT",
    "DecanterError",
    "PostingRefusedError",
    "Publisher",
    "Report",
    "Stage",
    "TooLarge",
    "publishing",
]

SECONDS = "900"
"""The time limit of a message, unless `DECANTER_DEADLINE_SECONDS` sets another time limit."""


@dataclass(frozen=True)
class Stage:
    """A stage of an app.

    Attributes:
        endpoint: the URL of @connections, with the stage.
        region: the region of the API and of the table.
        table: the connection table's name or ARN; "" if the app has no connection table.
        key: the name of the table's hash key.
        keeps_rows: True to delete no row. The function that deletes a row runs the app's disconnect
            hooks, so only the app's own functions may delete rows.
        dynamodb: the URL of a DynamoDB other than AWS's.
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


@contextmanager
def publishing(
    stage: Stage,
    environ: Mapping[str, str],
    open_transport: OpenTransport = open_transport,
) -> Iterator[Publisher]:
    """Yield a publisher to the connections of a stage.

    Args:
        stage: the stage.
        environ: the environment variables, which have the other settings.
        open_transport: creates a transport from an endpoint and the settings.

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
    try:
        yield Publisher(outboxes)
    finally:
        session.cache_clear()


def model_of(stage: Stage) -> type[ConnectionModel]:
    """Return a model of the stage's table."""

    class Row(ConnectionModel):
        connection_id = UnicodeAttribute(hash_key=True, attr_name=stage.key)

    class Kept(Row):
        @classmethod
        def remove_if_unchanged(cls, recipient: Recipient) -> Removed | None:  # noqa: ARG003
            return None

        @classmethod
        def remove_if_older(cls, connection_id: str, than_ms: int) -> Removed | None:  # noqa: ARG003
            return None

    model = Kept if stage.keeps_rows else Row
    model.Meta = _Meta(stage)  # type: ignore[assignment]  # an instance works like the class
    return model


class _Meta(TableMeta):
    """The `Meta` of a table with a given name, region and endpoint."""

    def __init__(self, stage: Stage) -> None:
        super().__init__("the stage", Billing())
        self._stage = stage
        self.host = stage.dynamodb  # type: ignore[misc, assignment]  # a function has none

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
