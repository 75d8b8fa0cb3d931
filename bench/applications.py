"""The compared applications: this project's app, a publisher, and the app of a tutorial."""

import json
import os
import sys
from collections.abc import Callable
from typing import Any

from bench.worker import people

Handle = Callable[[dict[str, Any]], object]


class Context:
    """Lambda's context at the start of an event, with the longest possible timeout."""

    def get_remaining_time_in_millis(self) -> int:
        """Return 15 minutes, which is more than API Gateway's own timeout."""
        return 900_000


def message() -> dict[str, Any]:
    """Return a `sendmessage` event with 188 bytes of data, from a connection in the table."""
    context = {
        "routeKey": "$default",
        "eventType": "MESSAGE",
        "connectionId": people(1)[0].connection_id,
        "requestId": "bench",
        "messageId": "bench",
        "connectedAt": 1_700_000_000_000,
        "apiId": "bench",
        "stage": "v1",
        "domainName": "localhost",
    }
    body = json.dumps({"message": "sendmessage", "data": "x" * 186})
    return {"requestContext": context, "body": body, "isBase64Encoded": False}


def application(way: str, origin: str) -> Handle:
    """Return a message handler that uses the target for its table and for @connections."""
    os.environ["AWS_ENDPOINT_URL_DYNAMODB"] = origin
    os.environ["AWS_ENDPOINT_URL_APIGATEWAYMANAGEMENTAPI"] = f"{origin}/v1"
    os.environ["CONNECTIONS_TABLE"] = "bench"
    if way == "reference":
        return _reference(origin)
    os.environ["DECANTER_TRANSPORT"] = "fast" if way == "publish" else way.partition("-")[0]
    os.environ["DECANTER_POSTS_PER_SECOND"] = "8000" if way.endswith("-paced") else "1000000"
    os.environ["DECANTER_DEADLINE_SECONDS"] = "900"
    if way == "publish":
        return _publisher()
    import app

    def handle(event: dict[str, Any]) -> object:
        shown, sys.stdout = sys.stdout, sys.stderr
        try:
            answer = app.router.handle(event)
        finally:
            sys.stdout = shown
        assert answer["statusCode"] == 200, answer
        return answer

    return handle


def _publisher() -> Handle:
    """Return a handler that publishes to a channel with all connections of the table."""
    from pynamodb.attributes import UnicodeAttribute

    from decanter import IdentifiedModel, Router, connection_table

    os.environ["SUBSCRIPTIONS_TABLE"] = "bench"

    @connection_table(env="CONNECTIONS_TABLE")
    class Connection(IdentifiedModel):
        connection_id = UnicodeAttribute(hash_key=True, attr_name="connectionID")

    router = Router("$request.body.message", connections=Connection)
    router.channel("all")(lambda _: True)

    def handle(event: dict[str, Any]) -> object:
        shown, sys.stdout = sys.stdout, sys.stderr
        try:
            return router.publish("all", json.loads(event["body"])["data"], context=Context())
        finally:
            sys.stdout = shown

    return handle


def _reference(origin: str) -> Handle:
    """Return the handler of Chalice's chat tutorial: a scan of whole rows and a `send` for each."""
    from bench.plain.app import Connection, app

    app.websocket_api._endpoint = f"{origin}/v1"

    def handle(event: dict[str, Any]) -> object:
        data = json.dumps(json.loads(event["body"])["data"])
        for connection in Connection.scan():
            app.websocket_api.send(connection.connection_id, data)
        return None

    return handle
