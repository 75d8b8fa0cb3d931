"""Requests that a web page could send: the `Host` and `Origin` values that the gateway accepts."""

import json
from urllib.parse import quote, urlsplit

import pytest
from botocore.config import Config
from botocore.exceptions import ClientError
from botocore.session import Session

from tests.support.clients import NEVER, ask, call, connection_id, port
from tests.support.gateways import Running

CONNECTION = f"/api/@connections/{NEVER}"
LIST = {"X-Amz-Target": "DynamoDB_20120810.ListTables"}


@pytest.mark.parametrize(
    ("method", "path"),
    [
        *(("POST", CONNECTION), ("GET", CONNECTION), ("DELETE", "/api/%40connections/x")),
        *(("GET", "/api/"), ("POST", "/api/items/x"), ("OPTIONS", "/api/"), ("GET", "/api")),
        *(("GET", "/"), ("GET", "/_gateway/info"), ("GET", "/nothing/here")),
    ],
)
@pytest.mark.parametrize("host", ["evil.example:{port}", "evil.example", "127.0.0.1:1", ""])
def test_no_path_is_served_to_another_host(
    probe: Running, method: str, path: str, host: str
) -> None:
    name = host.format(port=port(probe))
    status, headers, body = call(probe, method, path, b"x", headers={"Host": name})
    assert (status, headers["x-amzn-ErrorType"]) == (403, "ForbiddenException")
    message = json.loads(body)["message"]
    if host:
        assert message.startswith(f"Host {name} is not served")
        assert message.endswith(f"add --allow-host {name.partition(':')[0]}")
    probe.wait_for_line(f"refused .* {method} {path} 403: {message}")


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "LOCALHOST", "[::1]"])
def test_the_gateways_own_names_are_served_whatever_the_page(probe: Running, host: str) -> None:
    """The app decides CORS of its HTTP routes, so an `Origin` alone refuses nothing there."""
    headers = {"Host": f"{host}:{port(probe)}", "Origin": "https://front.example"}
    assert call(probe, "GET", "/api/", headers=headers)[0] == 200


@pytest.mark.parametrize("origin", ["http://evil.example", "null", "http://127.0.0.1:{port}"])
@pytest.mark.parametrize("method", ["POST", "GET", "DELETE", "OPTIONS"])
def test_no_page_may_call_connections(probe: Running, origin: str, method: str) -> None:
    with probe.connect() as client:
        path = f"/api/@connections/{quote(connection_id(client))}"
        headers = {"Origin": origin.format(port=port(probe))}
        assert call(probe, method, path, b"pwned", headers=headers)[0] == 403
        assert ask(client, send="and nothing before") == "and nothing before"


def test_a_refused_page_does_not_use_up_a_fault(probe: Running) -> None:
    # The fault names a connection, so late posts of other tests on this gateway do not match it.
    fault = json.dumps(
        {"target": "connections", "action": "500", "calls": 1, "connection": NEVER}
    ).encode()
    json_kind = {"Content-Type": "application/json"}
    assert call(probe, "POST", "/_gateway/faults", fault, headers=json_kind)[0] == 201
    assert call(probe, "POST", CONNECTION, headers={"Origin": "null"})[0] == 403
    assert call(probe, "POST", CONNECTION)[0] == 500
    assert call(probe, "DELETE", "/_gateway/faults", headers=json_kind)[0] == 204


def test_a_refused_page_of_the_console_is_logged(probe: Running) -> None:
    headers = {"Origin": "http://evil.example"}
    assert call(probe, "GET", "/_gateway/schedules", headers=headers)[0] == 403
    probe.wait_for_line("refused .* GET /_gateway/schedules 403: a page of http://evil.example")


def test_a_handshake_for_another_host_is_refused(probe: Running) -> None:
    """The app checks the value of `Origin`, as on AWS."""
    headers = {
        "Host": f"evil.example:{port(probe)}",
        "Connection": "Upgrade",
        "Upgrade": "websocket",
        "Sec-WebSocket-Version": "13",
        "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==",
    }
    assert call(probe, "GET", "/api", headers=headers)[0] == 403
    with probe.connect(origin="http://evil.example") as client:
        assert connection_id(client)


def test_the_database_answers_only_sdks(probe: Running) -> None:
    """This checks the gateway's own process; `dynamodb/test_server.py` has all cases."""
    database = Running(probe.process, [f"WebSocket {probe.banner('DynamoDB').split()[0]}"])
    assert call(database, "POST", "/", b"{}", headers=LIST)[0] == 200
    for headers in ({}, {**LIST, "Origin": "null"}, {**LIST, "Host": "evil.example"}):
        status, answered, _ = call(database, "POST", "/", b"{}", headers=headers)
        assert status in (400, 403)
        assert not [name for name in answered if name.startswith("Access-Control-")]
    probe.wait_for_line("note .* the embedded DynamoDB refused a request: Host evil.example")


def test_an_unsupported_call_of_moto_is_an_error_with_a_cause_and_a_trace(
    probe: Running,
) -> None:
    client = Session().create_client(
        "dynamodb",
        region_name="us-east-1",
        endpoint_url=probe.banner("DynamoDB").split()[0],
        aws_access_key_id="local",
        aws_secret_access_key="local",
        config=Config(retries={"total_max_attempts": 1}),
    )
    client.create_table(
        TableName="partiql",
        KeySchema=[{"AttributeName": "pk", "KeyType": "HASH"}],
        AttributeDefinitions=[{"AttributeName": "pk", "AttributeType": "S"}],
        BillingMode="PAY_PER_REQUEST",
    )
    with pytest.raises(ClientError) as caught:
        client.execute_statement(Statement="SELECT * FROM partiql WHERE pk='x'")
    client.delete_table(TableName="partiql")
    answer = caught.value.response
    assert (answer["ResponseMetadata"]["HTTPStatusCode"], answer["Error"]["Code"]) == (
        500,
        "InternalServerError",
    )
    line = answer["Error"]["Message"]
    assert line.startswith("the embedded DynamoDB cannot do ExecuteStatement: AttributeError: ")
    probe.wait_for_line("note .* the embedded DynamoDB cannot do ExecuteStatement")
    probe.wait_for_line(r"^ +\| AttributeError")


def test_further_hosts_and_the_machines_own_are_served_on_a_public_address(
    public: Running,
) -> None:
    own = urlsplit(public.url).port
    served = ["my.tunnel.example", "x.test:9", f"192.168.1.5:{own}", f"localhost:{own}"]
    for host in (*served, f"host.docker.internal:{own}"):
        assert (host, call(public, "GET", "/api/", headers={"Host": host})[0]) == (host, 200)
    for host in (f"x.test:{own}", f"evil.example:{own}", "tunnel.example"):
        assert (host, call(public, "GET", "/api/", headers={"Host": host})[0]) == (host, 403)
