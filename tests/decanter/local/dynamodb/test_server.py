"""The server in front of the embedded DynamoDB, in this process and with a test application."""

import json
import socket
import struct
import sys
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from http.client import HTTPConnection, HTTPResponse, RemoteDisconnected
from threading import Thread
from types import MappingProxyType
from typing import Any

import pytest

from decanter.local.dynamodb.notes import MOST_NOTES, Notes
from decanter.local.dynamodb.server import MAX_BODY_BYTES, Moto, Server
from decanter.testing.dynamodb import respond

# Closing then resets the connection, as the end of a process does with unread data.
RESET_ON_CLOSE = struct.pack("ii", 1, 0)
TARGET = {"X-Amz-Target": "DynamoDB_20120810.PutItem"}
ON_DEMAND = {"BillingMode": "PAY_PER_REQUEST"}
ADD_ONE = {"UpdateExpression": "ADD n :one", "ExpressionAttributeValues": {":one": {"N": "1"}}}
SENT_BYTES = MAX_BODY_BYTES + 4_000_000


def echo(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
    """Answer with the received call, and with headers that the server must remove."""
    headers = [("Access-Control-Allow-Origin", "*"), ("Server", "x"), ("x-amzn-RequestId", "1")]
    start_response("200 OK", [("Content-Length", "0"), ("Content-Type", "a/b"), *headers])
    seen = {name: environ[f"HTTP_{name}"] for name in ("AUTHORIZATION", "X_AMZ_TARGET")}
    seen |= {"QUERY": environ["QUERY_STRING"], "body": environ["wsgi.input"].read().decode()}
    text = json.dumps(seen).encode()
    return [text[:9], text[9:]]


def broken(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
    raise IndexError("list index\nout of range")


def lacking(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
    raise NotImplementedError("The put_item action has not been implemented")


def half(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
    raise NotImplementedError("Moto does not support operator +")


@contextmanager
def serving(application: Any) -> Iterator[Server]:
    """A server that has finished every connection when the block ends."""
    server = Server(application, "us-east-1", ["db.test"])
    server.daemon_threads = False
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@pytest.fixture(name="server", scope="module")
def _server() -> Iterator[Server]:
    with serving(echo) as server:
        yield server


@contextmanager
def request(
    server: Server,
    headers: Mapping[str, str] = MappingProxyType(TARGET),
    body: bytes = b"{}",
    method: str = "POST",
) -> Iterator[HTTPResponse]:
    connection = HTTPConnection("127.0.0.1", server.server_port, timeout=10)
    with closing(connection):
        own = {name: value.format(port=server.server_port) for name, value in headers.items()}
        connection.request(method, "/", body, own)
        yield connection.getresponse()


def kind(response: HTTPResponse) -> str:
    """Return the type of an error, as an SDK reads it."""
    assert response.headers["Content-Type"] == "application/x-amz-json-1.0"
    name: str = json.loads(response.read())["__type"].partition("#")[2]
    return name


def test_every_region_becomes_one_and_the_body_is_complete(server: Server) -> None:
    other = {"Authorization": "AWS4-HMAC-SHA256 Credential=x/20260101/eu-west-1/dynamodb/z, S=0"}
    with request(server, {**TARGET, **other}, b'{"a": "\xc3\xbc"}') as response:
        seen = json.loads(response.read())
    assert "Credential=local/20000101/us-east-1/dynamodb/" in seen["AUTHORIZATION"]
    assert (seen["X_AMZ_TARGET"], seen["body"]) == (TARGET["X-Amz-Target"], '{"a": "ü"}')
    assert seen["QUERY"] == "Action=PutItem"


def test_only_dynamodbs_headers_of_the_application_are_forwarded(server: Server) -> None:
    with request(server) as response:
        assert {name for name, _ in response.getheaders()} == {
            *("Content-Type", "Content-Length", "x-amzn-RequestId"),
        }


@pytest.mark.parametrize(
    ("method", "headers", "status"),
    [
        ("POST", TARGET, 200),
        ("POST", {**TARGET, "Host": "localhost:{port}"}, 200),
        ("POST", {**TARGET, "Host": "[::1]:{port}"}, 200),
        ("POST", {**TARGET, "Host": "db.test"}, 200),
        ("POST", {}, 400),
        ("POST", {"X-Amz-Target": ""}, 400),
        ("POST", {**TARGET, "Host": "evil.example:{port}"}, 403),
        ("POST", {**TARGET, "Host": "127.0.0.1"}, 403),
        ("POST", {**TARGET, "Host": "127.0.0.1:1"}, 403),
        ("POST", {**TARGET, "Host": "192.168.1.5:{port}"}, 403),
        ("POST", {**TARGET, "Host": ""}, 403),
        ("POST", {**TARGET, "Origin": "http://evil.example"}, 403),
        ("POST", {**TARGET, "Origin": "null"}, 403),
        ("POST", {**TARGET, "Origin": "http://127.0.0.1:{port}"}, 403),
        ("POST", {"Content-Type": "text/plain", "Origin": "http://evil.example"}, 403),
        ("POST", {"Content-Type": "text/plain"}, 400),
        ("OPTIONS", {"Origin": "http://evil.example"}, 501),
        *((method, TARGET, 501) for method in ("OPTIONS", "GET", "HEAD", "PUT", "DELETE", "X")),
    ],
)
def test_only_requests_of_sdks_are_accepted(
    server: Server, method: str, headers: dict[str, str], status: int
) -> None:
    with request(server, headers, method=method) as response:
        assert response.status == status
        assert not [name for name in response.headers if name.startswith("Access-Control-")]
        assert method == "HEAD" or status == 200 or kind(response)


def test_a_refused_request_uses_no_fault() -> None:
    with serving(echo) as server:
        server.faults.obey({"id": 1, "fault": {"target": "dynamodb", "action": "throttle"}})
        with request(server, {**TARGET, "Origin": "null"}) as response:
            assert response.status == 403
        with request(server) as response:
            assert kind(response) == "ProvisionedThroughputExceededException"


def test_a_fault_may_be_a_late_or_missing_answer() -> None:
    with serving(echo) as server:
        late = {"target": "dynamodb", "action": "late", "milliseconds": 1, "calls": 1}
        server.faults.obey({"id": 1, "fault": late})
        with request(server) as response:
            assert response.status == 200
        server.faults.obey({"id": 2, "fault": {"target": "dynamodb", "action": "away"}})
        with pytest.raises(RemoteDisconnected), request(server):
            pass


@pytest.mark.parametrize(
    "body", [b"", b"no json", b"[]", b'"x"', b"{", b"\xff{}", b"[" * 100_000, b"{} {}", b"null"]
)
def test_a_body_that_is_not_a_json_object_is_a_serialization_error(
    server: Server, body: bytes
) -> None:
    with request(server, body=body) as response:
        assert (response.status, kind(response)) == (400, "SerializationException")


@pytest.mark.parametrize(
    "framing",
    [
        *("Content-Length: x", "Content-Length: -1", "Content-Length: 2, 2", "Content-Length: "),
        *("Content-Length: 2\r\nContent-Length: 3", "Content-Length: " + "9" * 5000),
        *("Transfer-Encoding: chunked", "Content-Length: 2\r\nTransfer-Encoding: chunked"),
        "Content-Length: 50",
    ],
)
def test_a_wrong_length_is_a_serialization_error(server: Server, framing: str) -> None:
    server.body_seconds = 0.05
    with socket.create_connection(("127.0.0.1", server.server_port), timeout=10) as connection:
        head = f"POST / HTTP/1.1\r\nHost: 127.0.0.1:{server.server_port}\r\n{framing}\r\n\r\n"
        connection.sendall(head.encode() + b"{}")
        response = HTTPResponse(connection)
        response.begin()
        assert (response.status, response.headers["Connection"]) == (400, "close")
        assert kind(response) == "SerializationException"


def test_a_client_that_sends_too_much_still_gets_its_answer(server: Server) -> None:
    with request(server, body=b"x" * SENT_BYTES) as response:
        assert (response.status, kind(response)) == (400, "SerializationException")


@pytest.mark.parametrize(
    "line", [b"NONSENSE\r\n", b"POST / HTTP/9.9\r\n", b"POST " + b"x" * 70_000]
)
def test_invalid_http_is_answered_and_closed(server: Server, line: bytes) -> None:
    with socket.create_connection(("127.0.0.1", server.server_port), timeout=10) as connection:
        connection.sendall(line + b"\r\n\r\n")
        connection.shutdown(socket.SHUT_WR)
        answered = b"".join(iter(lambda: connection.recv(65536), b""))
    assert b"SerializationException" in answered


def test_a_client_that_dies_is_not_reported(capfd: pytest.CaptureFixture[str]) -> None:
    """It dies while its connection is kept open for the next request."""
    with serving(echo) as server:
        connection = HTTPConnection("127.0.0.1", server.server_port, timeout=10)
        connection.request("POST", "/", b"{}", TARGET)
        connection.getresponse().read()
        connection.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET_ON_CLOSE)
        connection.close()
    assert capfd.readouterr() == ("", "")


def test_an_exception_of_the_application_is_a_500_with_the_cause(
    capfd: pytest.CaptureFixture[str],
) -> None:
    with serving(broken) as server:
        for _ in range(2):  # an SDK retries it
            with request(server) as response:
                assert response.status == 500
                answer = json.loads(response.read())
    assert answer == {
        "__type": "com.amazonaws.dynamodb.v20120810#InternalServerError",
        "message": "the embedded DynamoDB cannot do PutItem: IndexError: list index out of range; "
        "DynamoDB Local can: use it with --dynamodb-endpoint URL",
    }
    told = capfd.readouterr().err
    assert told.count("the embedded DynamoDB cannot do PutItem") == 1
    assert told.count("Traceback (most recent call last):\n") == 1


@pytest.mark.parametrize(
    ("application", "target", "status", "cause"),
    [
        (lacking, "DynamoDB_20120810.PutItem", 400, "PutItem: moto does not have this operation"),
        (half, "DynamoDB_20120810.PutItem", 500, "PutItem: NotImplementedError: Moto does not"),
        (echo, "DynamoDBStreams_20120810.ListStreams", 400, "ListStreams: it supports only"),
        (echo, "DynamoDB_20111205.GetItem", 400, "DynamoDB_20111205.GetItem: it supports"),
        (echo, "DynamoDB_20120810.Get Item&Action=x", 400, "it supports only DynamoDB_20120810"),
        (echo, "x" * 9000, 400, "it supports only DynamoDB_20120810"),
    ],
)
def test_an_unsupported_operation_is_reported_immediately(
    application: Any, target: str, status: int, cause: str
) -> None:
    told: list[tuple[str, str]] = []
    moto = Moto(application, "us-east-1", Notes(lambda *note: told.append(note)))
    answered, _, body = moto.answer(target, b"{}")
    message = json.loads(body)["message"]
    assert answered == status
    assert message.startswith("the embedded DynamoDB cannot do ")
    assert cause in message
    assert len(message) < 700
    assert [(line, "Traceback" in detail) for line, detail in told] == [(message, status == 500)]


def test_the_number_of_notes_is_limited() -> None:
    """Clients choose the keys of notes, so their number must not grow without a limit."""
    told: list[str] = []
    notes = Notes(lambda line, _: told.append(line))
    for number in range(2 * MOST_NOTES):
        notes.once(str(number), "line")
        notes.once(str(number), "line")
    assert len(told) == MOST_NOTES


def test_calls_from_several_threads_are_atomic() -> None:
    """Without the server, moto loses updates, and scans fail after a read during a deletion."""
    key, answers = {"k": {"S": "1"}}, list[tuple[str, int]]()
    attribute = {"AttributeName": "k", "AttributeType": "S"}
    schema = {"AttributeName": "k", "KeyType": "HASH"}

    def call(operation: str, **arguments: Any) -> bytes:
        body = json.dumps({"TableName": "shared", **arguments}).encode()
        status, _, answer = respond(f"DynamoDB_20120810.{operation}", body)
        answers.append((operation, status))
        return answer

    def work() -> None:
        for _ in range(40):
            call("PutItem", Item=key, ConditionExpression="attribute_not_exists(k)")
            call("GetItem", Key=key)
            call("DeleteItem", Key=key, ConditionExpression="attribute_exists(k)")
            call("UpdateItem", Key={"k": {"S": "2"}}, **ADD_ONE)
            call("Scan")

    call("CreateTable", AttributeDefinitions=[attribute], KeySchema=[schema], **ON_DEMAND)
    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    try:
        with ThreadPoolExecutor(4) as threads:
            for each in [threads.submit(work) for _ in range(4)]:
                each.result()
    finally:
        sys.setswitchinterval(interval)
    counts = Counter(answers)
    assert counts["Scan", 200] == 160
    assert counts["PutItem", 200] == counts["DeleteItem", 200]
    assert json.loads(call("GetItem", Key={"k": {"S": "2"}}))["Item"]["n"] == {"N": "160"}
    call("DeleteTable")
