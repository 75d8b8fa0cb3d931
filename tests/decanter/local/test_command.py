"""The values of `decanter local`'s options."""

import argparse

import pytest

from decanter.local.command import add_arguments, host, mapping


@pytest.mark.parametrize(
    "text",
    [
        "my.tunnel.example",
        "My-Host_1:8443",
        "localhost:9000",
        "192.168.1.5",
        "[fd00::1]",
        "[::1]:80",
    ],
)
def test_a_host_is_a_name_or_an_address_with_or_without_a_port(text: str) -> None:
    assert host(text) == text


@pytest.mark.parametrize(
    "text",
    [
        "",
        "http://a.example",
        "a.example/",
        "a b",
        "*",
        "::1",
        "a:b",
        "a:123456",
        "[a]",
        "é.example",
    ],
)
def test_another_text_is_refused_in_one_line_that_names_it(text: str) -> None:
    with pytest.raises(
        argparse.ArgumentTypeError, match=r"^[^\n]+ is not a host: write NAME"
    ) as error:
        host(text)
    assert repr(text) in str(error.value)


def test_several_hosts_may_be_allowed() -> None:
    parser = argparse.ArgumentParser()
    add_arguments(parser)
    arguments = parser.parse_args(["--allow-host", "a", "--allow-host", "b:1"])
    assert arguments.allow_host == ["a", "b:1"]
    assert parser.parse_args([]).allow_host == []


@pytest.mark.parametrize(
    "text", ["connection/websocket", "/connection/websocket/", "ws", "v1.2/$a"]
)
def test_a_path_loses_the_slashes_at_its_ends(text: str) -> None:
    assert mapping(text) == text.strip("/")


@pytest.mark.parametrize("text", ["", "/", "a//b", "a b", "a?b", "a%20b", "é", "a" * 301, "a\n"])
def test_a_path_that_no_api_mapping_can_have_is_refused(text: str) -> None:
    with pytest.raises(argparse.ArgumentTypeError, match="is not a path: write letters"):
        mapping(text)


@pytest.mark.parametrize("text", ["_gateway", "/_roles/any"])
def test_a_path_of_the_gateway_itself_is_refused(text: str) -> None:
    with pytest.raises(argparse.ArgumentTypeError, match="take another"):
        mapping(text)


@pytest.mark.parametrize("url", ["127.0.0.1:8001", "http://[", "http://host:x", "http://host:0"])
def test_the_dynamodb_endpoint_is_a_url(url: str, capsys: pytest.CaptureFixture[str]) -> None:
    parser = argparse.ArgumentParser()
    add_arguments(parser)
    with pytest.raises(SystemExit):
        parser.parse_args(["--dynamodb-endpoint", url])
    assert f"{url!r} is not a URL: write it as http://HOST:PORT" in capsys.readouterr().err
