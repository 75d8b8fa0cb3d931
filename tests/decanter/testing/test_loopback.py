"""What listens while tests run."""

import urllib.error
import urllib.request

import pytest

from decanter.errors import ServiceError
from decanter.testing.loopback import call_dynamodb, dynamodb_endpoint, management_server


def test_each_is_started_once() -> None:
    assert dynamodb_endpoint() == dynamodb_endpoint()
    assert management_server() is management_server()


def test_connections_of_nobody_are_forbidden() -> None:
    url = f"http://{management_server().netloc}/api/@connections/x"
    with pytest.raises(urllib.error.HTTPError) as caught, urllib.request.urlopen(url):
        pass
    assert caught.value.code == 403
    caught.value.close()


def test_what_dynamodb_refuses_is_one_line() -> None:
    with pytest.raises(ServiceError, match=r"refuses DeleteTable: .*ResourceNotFoundException"):
        call_dynamodb("DeleteTable", TableName="nobody")
