"""Connections whose owner is known: a connection table with two more attributes.

    class Connection(IdentifiedModel): ...

A connect hook (`tokens.WebTokens`) writes them; `request.identity` reads one, for which the
message function may then GetItem.
"""

from typing import Any

from pynamodb.attributes import NumberAttribute, UnicodeAttribute

from .connections import ConnectionModel
from .pynamo import translated


class IdentifiedModel(ConnectionModel):
    """Base of connections that are somebody's; `@connection_table` completes it.

    Attributes:
        identity: who it is.
        identity_expires_at: until when that is known, epoch seconds.
    """

    identity = UnicodeAttribute(null=True)
    identity_expires_at = NumberAttribute(null=True)

    @classmethod
    def identify(cls, connection_id: str) -> str | None:
        """Whose connection it is, as it was recorded; None when that is not known."""
        name = cls.identity.attr_name
        with translated(cls.Meta):
            row = cls._get_connection().get_item(connection_id, attributes_to_get=[name])
        identity: str | None = row.get("Item", {}).get(name, {}).get("S")
        return identity

    @classmethod
    def __decanter__(cls) -> dict[str, Any] | None:
        """What the tool reads of a table; with the right that `identify` needs."""
        declared = super().__decanter__()
        if declared is None:
            return None
        actions = dict(declared["actions"])
        actions["websocket_message"] = sorted([*actions["websocket_message"], "dynamodb:GetItem"])
        return declared | {"actions": actions}
