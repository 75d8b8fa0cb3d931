"""The client's arguments, its opening request, and what it says when something goes wrong."""

import socket
from threading import Thread

import pytest
from websockets.datastructures import Headers
from websockets.http11 import Response

from decanter.cli import main
from decanter.client import refusal
from tests.decanter.peers import PATIENCE_SECONDS, Peer, converse, echo


class TestRequest:
    """What the opening request carries."""

    def test_carries_headers_subprotocol_and_origin(self) -> None:
        arguments = ["--header", "Authorization: Bearer a:b", "--header", "X-Two:2"]
        arguments += ["--subprotocol", "other", "--subprotocol", "decanter.v1"]
        with Peer(echo).running() as peer:
            done = converse(f"{peer.url}?a=1", *arguments, "--origin", "https://example.org")
            request = peer.requests.get(timeout=PATIENCE_SECONDS)
        assert (done.returncode, done.stderr) == (0, "")
        assert request.path == "/v1?a=1"
        assert request.headers["Authorization"] == "Bearer a:b"
        assert request.headers["X-Two"] == "2"
        assert request.headers["Sec-WebSocket-Protocol"] == "other, decanter.v1"
        assert request.headers["Origin"] == "https://example.org"

    @pytest.mark.parametrize("header", ["", "no colon", ": no name"])
    def test_refuses_a_header_without_name_or_colon(
        self, header: str, capsys: pytest.CaptureFixture[str]
    ) -> None:
        assert main(["client", "ws://127.0.0.1:1/", "--header", header]) == 2
        expected = f"decanter: error: --header {header!r} is not of the form 'NAME: VALUE'\n"
        assert capsys.readouterr() == ("", expected)

    @pytest.mark.parametrize(
        "arguments",
        [["--header", "X-Äpfel: 1"], ["--header", "X: a\nY: b"], ["--subprotocol", "a b"]],
    )
    def test_refuses_what_http_cannot_carry(
        self, arguments: list[str], capsys: pytest.CaptureFixture[str]
    ) -> None:
        assert main(["client", "ws://127.0.0.1:1/", *arguments]) == 2
        out, err = capsys.readouterr()
        assert (out, err.count("\n")) == ("", 1)
        assert err.startswith(f"decanter: error: {arguments[0]} {arguments[1]!r} is no")


class TestErrors:
    """One line, and a status that a script can test."""

    @pytest.mark.parametrize(
        ("url", "example"),
        [
            ("127.0.0.1:8000/v1", "ws://127.0.0.1:8000/v1"),
            ("localhost:8000", "ws://localhost:8000"),
            ("", "ws://127.0.0.1:8000/v1"),
            ("ws://", "ws://127.0.0.1:8000/v1"),
            ("ws://host/#fragment", "ws://host/"),
            ("http://host:9000/dev", "ws://host:9000/dev"),
            ("https://host/dev", "wss://host/dev"),
        ],
    )
    def test_says_what_a_url_looks_like(
        self, url: str, example: str, capsys: pytest.CaptureFixture[str]
    ) -> None:
        assert main(["client", url]) == 2
        out, err = capsys.readouterr()
        assert out == ""
        assert err == (
            f"decanter: error: {url!r} is no WebSocket URL: it has the form"
            f" ws://HOST/PATH or wss://HOST/PATH, as {example}\n"
        )

    @pytest.mark.parametrize("port", ["99999", "http", "-1"])
    def test_says_that_a_port_is_none(self, port: str, capsys: pytest.CaptureFixture[str]) -> None:
        url = f"ws://127.0.0.1:{port}/v1"
        assert main(["client", url]) == 2
        expected = f"decanter: error: {url!r} has no port from 1 to 65535\n"
        assert capsys.readouterr() == ("", expected)

    def test_says_that_the_server_speaks_no_tls(self, capsys: pytest.CaptureFixture[str]) -> None:
        with Peer(echo).running() as peer:
            assert main(["client", peer.url.replace("ws:", "wss:")]) == 1
        out, err = capsys.readouterr()
        assert (out, err.count("\n")) == ("", 1)
        assert err.endswith(f"; if the server speaks no TLS there, try {peer.url}\n")

    def test_says_that_nothing_listens(self, capsys: pytest.CaptureFixture[str]) -> None:
        """The query, which may hold a token, is not repeated."""
        with socket.socket() as unused:
            unused.bind(("127.0.0.1", 0))
            url = f"ws://127.0.0.1:{unused.getsockname()[1]}/v1"
            assert main(["client", f"{url}?token=secret"]) == 1
        expected = f"cannot connect to {url}: Connection refused; is the server running?\n"
        assert capsys.readouterr() == ("", f"decanter: error: {expected}")

    def test_says_that_the_peer_is_no_websocket_server(
        self, capsys: pytest.CaptureFixture[str]
    ) -> None:
        def greet() -> None:
            connection, _ = listener.accept()
            with connection:
                connection.recv(4096)
                connection.sendall(b"220 mail.example.org\r\n")

        with socket.create_server(("127.0.0.1", 0)) as listener:
            url = f"ws://127.0.0.1:{listener.getsockname()[1]}"
            thread = Thread(target=greet)
            thread.start()
            assert main(["client", url]) == 1
            thread.join()
        out, err = capsys.readouterr()
        assert out == ""
        assert err.startswith(f"decanter: error: cannot connect to {url}: ")
        assert err.count("\n") == 1

    def test_shows_status_and_body_of_a_refusal(self, capsys: pytest.CaptureFixture[str]) -> None:
        with Peer(echo, refuse_with='{"message":"Forbidden"}').running() as peer:
            assert main(["client", peer.url]) == 1
        assert capsys.readouterr().err == (
            f"decanter: error: {peer.url} refused the connection:"
            ' HTTP 403 Forbidden: {"message":"Forbidden"}\n'
        )

    def test_shortens_a_long_refusal_to_one_line(self) -> None:
        body = b"<html>\n\x1b[2J" + b"x" * 10_000
        line = refusal(Response(502, "Bad Gateway", Headers(), body))
        assert line.startswith(r"HTTP 502 Bad Gateway: <html>\n\x1b[2Jxxx")
        assert len(line) < 400

    @pytest.mark.parametrize(
        ("code", "text", "said", "status"),
        [
            (1000, "", "1000 (OK)", 0),
            (1001, "Going away", "1001 (going away) Going away", 0),
            (1008, "no\nroom", r"1008 (policy violation) no\nroom", 1),
            (4001, "", "4001 (private use)", 1),
        ],
    )
    def test_says_with_which_code_the_server_closed(
        self, code: int, text: str, said: str, status: int
    ) -> None:
        with Peer(lambda connection: connection.close(code, text)).running() as peer:
            done = converse(peer.url, "--wait", "600")
        assert (done.returncode, done.stdout) == (status, "")
        assert done.stderr == f"closed by the server: {said}\n"

    def test_says_that_the_connection_was_cut(self) -> None:
        with Peer(lambda connection: connection.close_socket()).running() as peer:
            done = converse(peer.url, "--wait", "600")
        assert (done.returncode, done.stdout) == (1, "")
        assert done.stderr == "the connection was lost (1006, no close frame)\n"
