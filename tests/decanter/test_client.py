"""The client's arguments, its opening request, and what it says when something goes wrong."""

import argparse
import contextlib
import socket
import subprocess
import threading
from collections.abc import Iterator

import pytest
from websockets.datastructures import Headers
from websockets.exceptions import ConnectionClosed
from websockets.http11 import Request, Response
from websockets.sync.server import ServerConnection

from decanter.cli import main
from decanter.client import refusal, seconds, split_header, without_secrets
from decanter.terminal import printable
from tests.support.peers import PATIENCE_SECONDS, Peer, PseudoTerminal, command, converse, echo


class TestRequest:
    """The content of the opening request."""

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
        ("proxy", "why"),
        [
            ("socks5://127.0.0.1:1", "a SOCKS proxy requires python-socks"),
            ("ftp://me:secret@proxy.example", "the environment's proxy is not valid: scheme ftp"),
        ],
    )
    def test_an_unusable_proxy_of_the_environment_is_named(
        self,
        proxy: str,
        why: str,
        monkeypatch: pytest.MonkeyPatch,
        capsys: pytest.CaptureFixture[str],
    ) -> None:
        monkeypatch.setenv("ws_proxy", proxy)
        assert main(["client", "ws://host.example/v1"]) == 1
        assert main(["verify", "ws://host.example/v1"]) == 2
        out, err = capsys.readouterr()
        assert (out, err.count("\n"), err.count(why)) == ("", 2, 2)
        assert err.count("correct or unset the proxy, such as https_proxy") == 2
        assert "secret" not in err

    @pytest.mark.parametrize("command", ["client", "verify"])
    def test_names_a_url_with_an_empty_part_of_the_host(
        self, command: str, capsys: pytest.CaptureFixture[str]
    ) -> None:
        """The reason is often a variable of the shell that is not set."""
        url = "wss://.execute-api.eu-west-1.amazonaws.com/dev"
        assert main([command, url]) == 2
        line = f"decanter: error: the host in {url!r} is not a name or an address: correct it\n"
        assert capsys.readouterr() == ("", line)

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
            f"decanter: error: {url!r} is not a WebSocket URL: write"
            f" ws://HOST/PATH or wss://HOST/PATH, such as {example}\n"
        )

    @pytest.mark.parametrize("port", ["99999", "http", "-1"])
    def test_says_that_a_port_is_none(self, port: str, capsys: pytest.CaptureFixture[str]) -> None:
        url = f"ws://127.0.0.1:{port}/v1"
        assert main(["client", url]) == 2
        expected = f"decanter: error: {url!r} has no port from 1 to 65535\n"
        assert capsys.readouterr() == ("", expected)

    def test_says_that_the_server_has_no_tls(self, capsys: pytest.CaptureFixture[str]) -> None:
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

    def test_says_that_the_peer_is_not_a_websocket_server(
        self, capsys: pytest.CaptureFixture[str]
    ) -> None:
        def greet() -> None:
            connection, _ = listener.accept()
            with connection:
                connection.recv(4096)
                connection.sendall(b"220 mail.example.org\r\n")

        with socket.create_server(("127.0.0.1", 0)) as listener:
            url = f"ws://127.0.0.1:{listener.getsockname()[1]}"
            thread = threading.Thread(target=greet)
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


def test_a_header_value_keeps_its_colons() -> None:
    assert split_header("a: b: c") == ("a", "b: c")


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("wss://host/v1?token=secret", "wss://host/v1"),
        ("ws://name:secret@host:8000/v1", "ws://host:8000/v1"),
        ("ws://host", "ws://host"),
        ("ws://host/a@b", "ws://host/a@b"),
    ],
)
def test_possible_secrets_are_not_shown(url: str, shown: str) -> None:
    assert without_secrets(url) == shown


@pytest.mark.parametrize("text", ["-1", "nan", "inf", "soon"])
def test_seconds_are_a_number_of_0_or_more(text: str) -> None:
    with pytest.raises(argparse.ArgumentTypeError, match=f"'{text}' is not a number of seconds"):
        seconds(text)
    assert seconds("0") == 0


class TestPipe:
    """A script's standard input and output."""

    def test_sends_each_line_and_prints_each_frame_bare(self) -> None:
        """Lines arrive unchanged, replies are whole lines of stdout, and the end is 1000."""
        lines = ['{"data": 1.0 }', "", "  é\t", "last, without a line end"]
        with Peer(echo).running() as peer:
            done = converse(peer.url, lines="\n".join(lines))
            assert peer.closed.get(timeout=PATIENCE_SECONDS)[0] == 1000
        assert (done.returncode, done.stderr) == (0, "")
        assert done.stdout.split("\n") == [*lines, ""]

    def test_strips_the_carriage_return_of_a_line_end(self) -> None:
        with Peer(echo).running() as peer:
            assert converse(peer.url, lines="a\r\nb\r\n").stdout == "a\nb\n"

    def test_waits_after_the_last_line_until_the_server_closes(self) -> None:
        """Messages after the end of input are still printed; --wait is only the longest wait."""

        def answer_late(connection: ServerConnection) -> None:
            connection.recv()
            connection.send("late")

        with Peer(answer_late).running() as peer:
            done = converse(peer.url, "--wait", "600", lines="x\n")
        assert (done.returncode, done.stdout) == (0, "late\n")
        assert done.stderr == "closed by the server: 1000 (OK)\n"

    def test_prints_a_binary_frame_in_hexadecimal(self) -> None:
        with Peer(lambda connection: connection.send(b"\x00\xff")).running() as peer:
            assert converse(peer.url, "--wait", "600").stdout == "0x00ff\n"

    def test_ends_quietly_when_the_reader_of_its_output_leaves(self) -> None:
        """An example is `decanter client URL | head -1`."""

        def talk(connection: ServerConnection) -> None:
            with contextlib.suppress(ConnectionClosed):
                while True:
                    connection.send("more")

        with (
            Peer(talk).running() as peer,
            subprocess.Popen(
                command(peer.url, "--wait", "600"),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
            ) as process,
        ):
            assert process.stdout is not None
            assert process.stderr is not None
            assert process.stdout.readline() == b"more\n"
            process.stdout.close()
            assert process.stderr.read() == b""
            assert process.wait(PATIENCE_SECONDS) == 0


class TestTerminal:
    """A person at a (pseudo-)terminal."""

    @pytest.fixture(name="terminal")
    def _terminal(self) -> Iterator[PseudoTerminal]:
        with Peer(echo).running() as peer, (terminal := PseudoTerminal(peer)).open():
            terminal.expect(r"connected to ws://127\.0\.0\.1:\d+/v1; Ctrl-D leaves")
            terminal.expect(r"> ")
            yield terminal

    def test_suggests_nothing_for_other_servers_than_the_gateway(self) -> None:
        with Peer(echo).running() as peer, (terminal := PseudoTerminal(peer)).open():
            terminal.expect(r"Ctrl-D leaves\r\n\r\x1b\[Keach line is sent as a message\r\n> ")

    def test_shows_what_arrives_after_a_mark(self, terminal: PseudoTerminal) -> None:
        terminal.type("hello\r")
        terminal.expect(r"\r\x1b\[K< hello\r\n> ")

    def test_shows_control_characters_escaped(self, terminal: PseudoTerminal) -> None:
        terminal.say("a\x1b[2J\nb\x9b é")
        terminal.expect(r"< a\\x1b\[2J\\nb\\x9b é\r\n")

    def test_keeps_the_line_being_typed_when_a_frame_arrives(
        self, terminal: PseudoTerminal
    ) -> None:
        terminal.type("half")
        terminal.expect("half")
        terminal.say("news")
        terminal.expect(r"\r\x1b\[K< news\r\n> half")
        terminal.type(" done\r")
        terminal.expect(r"< half done\r\n")

    def test_sends_nothing_for_an_empty_line(self, terminal: PseudoTerminal) -> None:
        terminal.type("\r")
        terminal.expect(r"> ")
        terminal.type("one\r")
        terminal.expect(r"< one\r\n")

    @pytest.mark.parametrize("key", ["\x03", "\x04"], ids=["Ctrl-C", "Ctrl-D"])
    def test_leaves_quietly_and_in_order(self, terminal: PseudoTerminal, key: str) -> None:
        terminal.type(key)
        assert terminal.rest() in ("\r\n", "^C\r\n")
        assert terminal.process.wait(PATIENCE_SECONDS) == 0
        assert terminal.peer.closed.get(timeout=PATIENCE_SECONDS)[0] == 1000

    def test_closes_normally_before_the_first_prompt(self) -> None:
        """A gateway that is slow to answer for its routes keeps the prompt from being shown."""
        asked, answering = threading.Event(), threading.Event()
        peer = Peer(echo)
        opening = peer.opening

        def slowly(connection: ServerConnection, request: Request) -> Response | None:
            if request.path == "/_gateway/info":
                asked.set()
                answering.wait(PATIENCE_SECONDS)
            return opening(connection, request)

        peer.opening = slowly  # type: ignore[method-assign]
        with peer.running(), (terminal := PseudoTerminal(peer)).open():
            assert asked.wait(PATIENCE_SECONDS)
            terminal.type("\x03")
            assert terminal.process.wait(PATIENCE_SECONDS) == 130
            answering.set()
            assert peer.closed.get(timeout=PATIENCE_SECONDS)[0] == 1000

    def test_clears_the_prompt_when_the_server_closes(self, terminal: PseudoTerminal) -> None:
        terminal.connection().close(1001, "Going away")
        terminal.expect(r"\r\x1b\[Kclosed by the server: 1001 \(going away\) Going away\r\n")
        assert terminal.process.wait(PATIENCE_SECONDS) == 0


def test_printable_leaves_text_and_emoji_alone() -> None:
    assert printable('"é \U0001f468\u200d\U0001f469 ß"') == '"é \U0001f468\u200d\U0001f469 ß"'
