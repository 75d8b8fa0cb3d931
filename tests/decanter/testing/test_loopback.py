"""What listens while tests run."""

import urllib.error
import urllib.request

import pytest

from decanter.testing.loopback import dynamodb_netloc, management_server


def test_each_is_started_once() -> None:
    assert dynamodb_netloc() == dynamodb_netloc()
    assert management_server() is management_server()


def test_connections_of_nobody_are_forbidden() -> None:
    url = f"http://{management_server().netloc}/api/@connections/x"
    with pytest.raises(urllib.error.HTTPError) as caught, urllib.request.urlopen(url):
        pass
    assert caught.value.code == 403
    caught.value.close()
