"""The app for `decanter verify --facts`. It follows a client's orders and stores events.

The connect handler reads its order from the query, and the message handler from the message. The
table stores the data that clients cannot see: the CONNECT and DISCONNECT events of each connection,
the outcomes of calls in their handlers, and the connection id of a handshake with a tag.
"""

import json
import os
import time
from functools import cache

import boto3
from botocore.config import Config
from botocore.exceptions import ClientError
from chalice import Chalice, Response

app = Chalice(app_name="decanter-facts")
app.experimental_feature_flags.update(["WEBSOCKETS"])

FUNCTIONS = ("websocket_connect", "websocket_message", "websocket_disconnect")
ACTIONS = ["dynamodb:GetItem", "dynamodb:UpdateItem"]
ONCE = Config(connect_timeout=2, read_timeout=5, retries={"total_max_attempts": 1})


class Events:
    """The table of events."""

    @classmethod
    def __decanter__(cls):
        return {
            "kind": "table",
            "environment": "EVENTS_TABLE",
            "logical_id": "EventsTable",
            "hash_key": {"name": "id", "type": "S"},
            "ttl_attribute": None,
            "read_capacity_units": 5,
            "write_capacity_units": 5,
            "actions": dict.fromkeys(FUNCTIONS, ACTIONS),
        }


class Routes:
    """Declares an additional route. The connect handler may POST to @connections, but not GET."""

    @classmethod
    def __decanter__(cls):
        methods = (["POST"], ["DELETE", "GET", "POST"], ["POST"])
        return {
            "kind": "router",
            "expression": "$request.body.action",
            "routes": [{"route_key": "routed", "operation_name": None, "function": "message"}],
            "default": True,
            "posts": dict(zip(FUNCTIONS, methods, strict=True)),
        }


@cache
def table():
    return boto3.resource("dynamodb").Table(os.environ["EVENTS_TABLE"])


@cache
def connections(endpoint):
    return boto3.client("apigatewaymanagementapi", endpoint_url=endpoint, config=ONCE)


def keep(key, name, value):
    table().update_item(
        Key={"id": key},
        UpdateExpression="SET #name = :value",
        ExpressionAttributeNames={"#name": name},
        ExpressionAttributeValues={":value": json.dumps(value)},
    )


def call(event, name, connection_id, **arguments):
    """Call @connections. Return the status with any error code, and the members of the answer."""
    context = event.to_dict()["requestContext"]
    client = connections(f"https://{context['domainName']}/{context['stage']}")
    try:
        answer = getattr(client, name)(ConnectionId=connection_id, **arguments)
    except ClientError as error:
        return f"HTTP {error.response['ResponseMetadata']['HTTPStatusCode']} " + (
            error.response["Error"]["Code"]
        ), {}
    metadata = answer.pop("ResponseMetadata")
    members = {key: str(value) for key, value in answer.items()}
    return f"HTTP {metadata['HTTPStatusCode']}", members


def post(event, data, connection_id=None):
    text = data if isinstance(data, str) else json.dumps(data)
    return call(
        event, "post_to_connection", connection_id or event.connection_id, Data=text.encode()
    )[0]


@app.on_ws_connect()
def connect(event):
    query = event.to_dict().get("queryStringParameters") or {}
    keep(event.connection_id, "CONNECT", event.to_dict())
    if "tag" in query:
        keep(query["tag"], "refused", event.connection_id)
    do = query.get("do")
    if do == "post":
        keep(event.connection_id, "outcome", post(event, "too early"))
    if do == "get":
        keep(event.connection_id, "outcome", call(event, "get_connection", query["to"])[0])
    if do == "raise":
        raise RuntimeError("as ordered")
    if do == "sleep":
        time.sleep(float(query["seconds"]))
    if do == "malformed":
        return {"statusCode": 200, "unknown": True}
    return Response("", headers={"X-Facts": "yes"}, status_code=int(query.get("status", "200")))


@app.on_ws_message()
def message(event):
    order = parsed(event.body)
    work = ORDERS.get(order.get("action"), show)
    return work(event, order)


def parsed(body):
    try:
        order = json.loads(body)
    except ValueError:
        return {}
    return order if isinstance(order, dict) else {}


def show(event, order):
    """Answer with the event. Add the length of the body, and send at most 100 of its characters."""
    document = event.to_dict()
    document["length"] = len(document.get("body") or "")
    document["body"] = (document.get("body") or "")[:100]
    post(event, document)


def read(event, order):
    """Answer with the values that the table has under a key."""
    item = table().get_item(Key={"id": order["key"]}, ConsistentRead=True).get("Item", {})
    post(event, {name: json.loads(value) for name, value in item.items() if name != "id"})


def use(event, order):
    """Call @connections for another connection, and answer with the outcome."""
    arguments = {"Data": b"x" * order["size"]} if "size" in order else {}
    outcome, members = call(event, order["call"], order["to"], **arguments)
    post(event, {"outcome": outcome, "members": members})


def burst(event, order):
    for number in range(order["count"]):
        post(event, str(number))


def fail(event, order):
    post(event, {"requestId": event.to_dict()["requestContext"]["requestId"]})
    raise RuntimeError("as ordered")


def give(event, order):
    return order["value"]


def sleep(event, order):
    time.sleep(order["seconds"])
    post(event, {"slept": order["seconds"]})


def nothing(event, order):
    pass


ORDERS = {each.__name__: each for each in (read, use, burst, fail, give, sleep, nothing)}


@app.on_ws_disconnect()
def disconnect(event):
    keep(event.connection_id, "DISCONNECT", event.to_dict())
    keep(event.connection_id, "outcome", post(event, "too late"))
