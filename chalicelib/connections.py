"""The table of connections: one row for each connected client."""

from pynamodb.attributes import UnicodeAttribute

from decanter import ConnectionModel, connection_table


@connection_table(env="CONNECTIONS_TABLE", read_capacity_units=5, write_capacity_units=5)
class Connection(ConnectionModel):
    """A connected client."""

    connection_id = UnicodeAttribute(hash_key=True, attr_name="connectionID")
