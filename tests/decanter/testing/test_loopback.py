"""The servers on the loopback interface while tests run."""

import http.client
import json
import urllib.error
import urllib.request
from contextlib import closing

import pytest

from decanter.testing.loopback import dynamodb_netloc, management_server


def test_each_server_starts_once() -> None:
    assert dynamodb_netloc() == dynamodb_netloc()
    assert management_server() is management_server()


def test_unknown_connections_are_forbidden() -> None:
    url = f"http://{management_server().netloc}/api/@connections/x"
    with pytest.raises(urllib.error.HTTPError) as caught, urllib.request.urlopen(url):
        pass
    assert caught.value.code == 403
    caught.value.close()


@pytest.mark.parametrize(
    ("headers", "message"),
    [
        ({"Host": "evil.example:{port}"}, "Host evil.example:{port} is not served"),
        ({"Host": "127.0.0.1"}, "Host 127.0.0.1 is not served"),
        ({"Origin": "null"}, "a page from null is not allowed to call @connections"),
        ({"Host": "localhost:{port}"}, "Forbidden"),  # no client has this id
    ],
)
@pytest.mark.parametrize("method", ["GET", "POST", "DELETE"])
def test_a_pages_post_reaches_no_client(headers: dict[str, str], message: str, method: str) -> None:
    port = management_server().server_port
    sent = {name: value.format(port=port) for name, value in headers.items()}
    with closing(http.client.HTTPConnection("127.0.0.1", port, timeout=10)) as connection:
        connection.request(method, "/api/@connections/x", b"x", sent)
        response = connection.getresponse()
        assert response.status == 403
        assert json.loads(response.read())["message"] == message.format(port=port)


def test_a_page_cannot_call_the_database() -> None:
    headers = {"X-Amz-Target": "DynamoDB_20120810.ListTables", "Origin": "http://evil.example"}
    with closing(http.client.HTTPConnection(dynamodb_netloc(), timeout=10)) as connection:
        connection.request("POST", "/", b"{}", headers)
        assert connection.getresponse().status == 403
