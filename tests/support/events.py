"""Events in API Gateway's form. Tests override members by keyword."""

from typing import Any

CONNECTED_AT = 1_700_000_000_000


def request_context(route_key: str, event_type: str, **overrides: Any) -> dict[str, Any]:
    return {
        "routeKey": route_key,
        "eventType": event_type,
        "extendedRequestId": "Rq1xYz0wDoEFbQg=",
        "requestTime": "14/Nov/2023:22:13:20 +0000",
        "messageDirection": "IN",
        "stage": "v1",
        "connectedAt": CONNECTED_AT,
        "requestTimeEpoch": CONNECTED_AT,
        "identity": {"sourceIp": "127.0.0.1"},
        "requestId": "Rq1xYz0wDoEFbQg=",
        "domainName": "a1b2c3d4e5.execute-api.eu-west-1.amazonaws.com",
        "connectionId": "Sender0000DoECA=",
        "apiId": "a1b2c3d4e5",
    } | overrides


def connect_event(**overrides: Any) -> dict[str, Any]:
    return {
        "headers": {"Host": "a1b2c3d4e5.execute-api.eu-west-1.amazonaws.com"},
        "multiValueHeaders": {"Host": ["a1b2c3d4e5.execute-api.eu-west-1.amazonaws.com"]},
        "queryStringParameters": {"token": "s3cret"},
        "multiValueQueryStringParameters": {"token": ["s3cret"]},
        "requestContext": request_context("$connect", "CONNECT", **overrides),
        "isBase64Encoded": False,
    }


def message_event(
    body: str | None, route_key: str = "$default", **overrides: Any
) -> dict[str, Any]:
    context = {"messageId": "Ms1xYz0wDoECJpw="} | overrides
    event = {
        "requestContext": request_context(route_key, "MESSAGE", **context),
        "body": body,
        "isBase64Encoded": False,
    }
    if body is None:
        del event["body"]
    return event


def disconnect_event(**overrides: Any) -> dict[str, Any]:
    context = {"disconnectStatusCode": 1001, "disconnectReason": "Going away"} | overrides
    return {
        "headers": {"Host": "a1b2c3d4e5.execute-api.eu-west-1.amazonaws.com"},
        "multiValueHeaders": {"Host": ["a1b2c3d4e5.execute-api.eu-west-1.amazonaws.com"]},
        "requestContext": request_context("$disconnect", "DISCONNECT", **context),
        "isBase64Encoded": False,
    }
