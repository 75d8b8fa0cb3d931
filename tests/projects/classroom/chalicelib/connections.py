from pynamodb.attributes import UnicodeAttribute

from decanter import ConnectionModel, connection_table


@connection_table(env="CONNECTIONS_TABLE")
class Connection(ConnectionModel):
    connection_id = UnicodeAttribute(hash_key=True, attr_name="connectionID")
