"""The client's two kinds of input and output, each against a real server."""

import contextlib
import subprocess
from collections.abc import Iterator

import pytest
from websockets.exceptions import ConnectionClosed
from websockets.sync.server import ServerConnection

from decanter.screens import printable
from tests.decanter.peers import (
    PATIENCE_SECONDS,
    Peer,
    PseudoTerminal,
    command,
    converse,
    echo,
)


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
        """What comes after the end of input is still printed; --wait is only the longest wait."""

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
        """As in `decanter client URL | head -1`."""

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
        with Peer(echo).running() as peer, PseudoTerminal(peer).open() as terminal:
            terminal.expect(r"connected to ws://127\.0\.0\.1:\d+/v1; Ctrl-D leaves")
            terminal.expect(r"> ")
            yield terminal

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

    def test_clears_the_prompt_when_the_server_closes(self, terminal: PseudoTerminal) -> None:
        terminal.connection().close(1001, "Going away")
        terminal.expect(r"\r\x1b\[Kclosed by the server: 1001 \(going away\) Going away\r\n")
        assert terminal.process.wait(PATIENCE_SECONDS) == 0


def test_printable_leaves_text_and_emoji_alone() -> None:
    assert printable('"é \U0001f468\u200d\U0001f469 ß"') == '"é \U0001f468\u200d\U0001f469 ß"'
