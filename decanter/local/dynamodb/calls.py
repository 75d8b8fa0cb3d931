"""Calls to the embedded DynamoDB without an SDK.

The import of botocore's clients takes half a second, and the local gateway would need a client only
for these calls.
"""

import json
from http.client import HTTPConnection, HTTPException
from typing import Any
from urllib.parse import urlsplit

from botocore.exceptions import ClientError

from decanter.errors import ServiceError

SECONDS = 10.0


class Calls:
    """A replacement for botocore's DynamoDB client, with the operations of `project/tables.py`.

    The DynamoDB at `endpoint` must not check signatures.
    """

    def __init__(self, endpoint: str) -> None:
        self._endpoint = endpoint
        self._host = urlsplit(endpoint).netloc

    def create_table(self, **arguments: Any) -> Any:
        """Create a table."""
        return self._call("CreateTable", arguments)

    def delete_table(self, **arguments: Any) -> Any:
        """Delete a table."""
        return self._call("DeleteTable", arguments)

    def describe_table(self, **arguments: Any) -> Any:
        """Return the description of a table."""
        return self._call("DescribeTable", arguments)

    def describe_time_to_live(self, **arguments: Any) -> Any:
        """Return the TTL settings of a table."""
        return self._call("DescribeTimeToLive", arguments)

    def update_time_to_live(self, **arguments: Any) -> Any:
        """Set the TTL settings of a table."""
        return self._call("UpdateTimeToLive", arguments)

    def _call(self, operation: str, arguments: dict[str, Any]) -> Any:
        headers = {
            "X-Amz-Target": f"DynamoDB_20120810.{operation}",
            "Content-Type": "application/x-amz-json-1.0",
        }
        connection = HTTPConnection(self._host, timeout=SECONDS)
        try:
            connection.request("POST", "/", json.dumps(arguments), headers)
            response = connection.getresponse()
            answer = json.loads(response.read())
        except (OSError, HTTPException, ValueError) as error:
            raise ServiceError(f"{self._endpoint} does not answer: {error}") from error
        finally:
            connection.close()
        if response.status != 200:
            code = answer["__type"].rpartition("#")[2]
            facts = {"Code": code, "Message": answer.get("message") or answer.get("Message", "")}
            raise ClientError({"Error": facts}, operation)
        return answer
