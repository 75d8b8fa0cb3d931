"""Connections whose owner is known: a connection table with two more attributes.

    class Connection(IdentifiedModel): ...

A connect hook (`tokens.WebTokens`) writes them; `identity` of a request or a disconnection reads
one, for which the functions of messages and disconnects may then GetItem.
"""

from typing import ClassVar

from pynamodb.attributes import NumberAttribute, UnicodeAttribute

from .connections import Actions, ConnectionModel
from .pynamo import translated


class IdentifiedModel(ConnectionModel):
    """Base of connections that are somebody's; `@connection_table` completes it.

    Attributes:
        identity: who it is.
        identity_expires_at: until when that is known, epoch seconds; a sweep then closes the
            connection.
    """

    table_actions: ClassVar[Actions] = dict.fromkeys(
        ("websocket_message", "websocket_disconnect"), ("dynamodb:GetItem",)
    )
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
    def identity_end(cls) -> str:
        """The attribute that says until when a client's identity is known."""
        return str(cls.identity_expires_at.attr_name)
