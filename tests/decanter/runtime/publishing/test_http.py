"""The ready route for other programs, `POST /publish`: who may call it, and what it answers."""

import json
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from decanter.testing import WebSocketClient
from tests.field_cases.apps import imported
from tests.support.apps import FRAMEWORK
from tests.support.projects import write_project
from tests.support.queued import APP as QUEUED

ROUTE = "\n\nfrom decanter import publish_route\napp.register_blueprint(publish_route(router))\n"
EVERYONE = {"method": "everyone", "payload": {"data": {"n": 1}}}
OTHER_SERVICE = (
    "AWS4-HMAC-SHA256 Credential=a/20260101/us-east-1/s3/aws4_request, SignedHeaders=host, "
    f"Signature={'0' * 64}"
)

Open = Callable[[str], WebSocketClient]


@pytest.fixture(name="opened")
def _opened(tmp_path: Path) -> Iterator[Open]:
    with ExitStack() as stack:

        def opened(source: str) -> WebSocketClient:
            project = write_project(tmp_path / "pour", source + ROUTE)
            app = stack.enter_context(imported(project))
            return stack.enter_context(WebSocketClient(app, project_dir=project))

        yield opened


def post(http: Any, message: Any) -> tuple[int, Any]:
    body = message if isinstance(message, bytes) else json.dumps(message).encode()
    answer = http.post("/publish", body=body, headers={"Content-Type": "application/json"})
    return answer.status_code, answer.json_body


def test_an_unsigned_caller_is_refused(opened: Open) -> None:
    client = opened(FRAMEWORK)
    alice = client.connect()
    assert post(client.http, EVERYONE) == (403, {"message": "Missing Authentication Token"})
    assert alice.unread == []


@pytest.mark.parametrize(
    "authorization",
    [
        "Bearer token",
        "AWS4-HMAC-SHA256",
        OTHER_SERVICE,
    ],
)
def test_another_authorization_is_refused(authorization: str, opened: Open) -> None:
    client = opened(FRAMEWORK)
    headers = {"Authorization": authorization}
    assert client.http.post("/publish", headers=headers).status_code == 403


def test_a_presigned_url_is_accepted(opened: Open) -> None:
    client = opened(FRAMEWORK)
    query = f"X-Amz-Credential=a&X-Amz-Signature={'0' * 64}"
    assert client.http.post(f"/publish?{query}", body=b"{}").status_code == 400


def test_without_a_queue_the_route_sends_and_answers_with_the_report(opened: Open) -> None:
    client = opened(FRAMEWORK)
    alice, bob = client.connect(), client.connect()
    status, report = post(client.http.signed, b'{"method":"everyone","payload":{"data":1.0}}')
    assert (status, report["sent"], report["left_over"]) == (200, 2, 0)
    assert alice.receive() == bob.receive() == "1.0"
    to_bob = {"connection_ids": [bob.connection_id], "data": "hello"}
    assert post(client.http.signed, {"method": "send", "payload": to_bob})[1]["sent"] == 1
    assert (alice.unread, bob.receive()) == ([], '"hello"')


def test_with_a_queue_the_route_answers_with_the_id_of_the_item(opened: Open) -> None:
    """The queue carries the exact text, also the characters that SQS refuses."""
    client = opened(QUEUED)
    alice = client.connect()
    data = '{"exact":1.0,"emoji":"😀","control":"\\u0001","not a character":"\ufffe"}'
    body = f'{{"method":"everyone","payload":{{"data":{data}}}}}'.encode()
    status, answer = post(client.http.signed, body)
    assert (status, list(answer)) == (202, ["queued"])
    assert alice.unread == []
    client.drain()
    assert alice.receive() == data


def test_a_key_lets_a_message_start_only_once(opened: Open) -> None:
    client = opened(QUEUED)
    alice = client.connect()
    for _ in range(2):
        assert post(client.http.signed, {**EVERYONE, "idempotency_key": "order 7"})[0] == 202
    client.drain()
    assert alice.receive_json() == {"n": 1}
    assert alice.unread == []


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        (b"not json", "the message is not JSON"),
        (b"\xff", "can't decode byte 0xff"),
        (b'{"method":"rename","payload":{}}', 'the method "rename" is not one of everyone'),
        (b'{"method":"everyone","payload":{}}', "payload needs either data or text"),
        (
            b'{"method":"everyone","payload":{"data":1},"idempotency_key":"a"}',
            "idempotency_key needs a router with a Queue",
        ),
    ],
)
def test_a_caller_learns_what_is_wrong(body: bytes, expected: str, opened: Open) -> None:
    status, answer = post(opened(FRAMEWORK).http.signed, body)
    assert (status, expected in answer["Message"]) == (400, True), answer
