"""A changed project is served immediately: new processes and routes, the same sockets."""

import threading
import time
from functools import partial
from pathlib import Path

from websockets.sync.client import ClientConnection

from tests.support.apps import HEAD, NO_DATABASE, SmallProject, replace
from tests.support.clients import receive
from tests.support.gateways import SECONDS, Running, gateway, wait_until

RELOADED = "reload .* changed: in service after"


def say(client: ClientConnection, text: str) -> str:
    client.send(text)
    return receive(client)


def test_a_changed_handler_is_in_service_and_sockets_stay_open(
    small: SmallProject, serving: Running
) -> None:
    """Two edits of equal size within a second are two versions, despite compiled files."""
    with serving.connect() as client:
        for number, version in enumerate(["one", "two", "six"], start=1):
            small.answer(repr(version))
            serving.wait_for_changes(number)
            assert say(client, "any") == version
    assert not (small.folder / "__pycache__").exists()


def test_a_change_is_served_within_a_second(small: SmallProject, serving: Running) -> None:
    """The fastest of several changes counts: other tests may use the processor."""
    seconds = []
    with serving.connect() as client:
        for number in range(1, 7):
            began = time.perf_counter()
            small.answer(repr(f"version {number}"))
            serving.wait_for_changes(number)
            assert say(client, "any") == f"version {number}"
            seconds.append(time.perf_counter() - began)
            if seconds[-1] < 1:
                break
    assert min(seconds) < 1, seconds
    assert serving.wait_for_line(r"app.py changed: in service after \d+ ms")


def test_imported_modules_and_the_environment_are_reloaded_too(
    small: SmallProject, serving: Running
) -> None:
    with serving.connect() as client:
        small.answer("value()", "import os\nfrom chalicelib.late import value\n")
        assert serving.wait_for_line("reload .*: No module named 'chalicelib.late'")
        assert say(client, "the old one continues") == "the old one continues"
        late = small.folder / "chalicelib" / "late.py"
        replace(late, "import os\ndef value():\n    return os.environ.get('COLOUR', 'none')\n")
        assert serving.wait_for_line(RELOADED)
        assert say(client, "any") == "none"
        small.configure(COLOUR="red")
        assert serving.wait_for_line("reload .*config.json changed: in service")
        assert say(client, "any") == "red"
    small.configure()  # for the tests after this one
    serving.wait_for_changes(3)


def test_a_syntax_error_is_one_block_and_the_old_code_serves_until_it_is_fixed(
    small: SmallProject, serving: Running
) -> None:
    with serving.connect() as client:
        small.write(HEAD + "\ndef broken(:\n")
        assert serving.wait_for_line("stays in service until this is fixed")
        begin = next(n for n, line in enumerate(serving.lines) if "app.py:7: invalid" in line)
        block = serving.lines[begin + 1 : begin + 6]
        assert [line.strip() for line in block][1:4:2] == [
            "|     def broken(:",
            "| SyntaxError: invalid syntax",
        ]
        assert say(client, "still here") == "still here"
        small.answer("'fixed'")
        assert serving.wait_for_line(RELOADED)
        assert say(client, "any") == "fixed"


def test_broken_code_on_disk_fails_no_message_while_an_old_process_runs(
    small: SmallProject, serving: Running
) -> None:
    """The second message needs a second process, which cannot start."""
    small.answer("[time.sleep(1), event.body][1]", "import time\n")
    serving.wait_for_changes(1)
    small.write("import nothing_of_that_name\n")
    assert serving.wait_for_line("stays in service until this is fixed")
    with serving.connect() as client:
        client.send("one")
        client.send("two")
        assert {receive(client), receive(client)} == {"one", "two"}


def test_added_and_removed_routes_take_effect_immediately(
    small: SmallProject, serving: Running
) -> None:
    with serving.connect() as client:
        small.write(HEAD)
        assert serving.wait_for_line(RELOADED)
        assert serving.wait_for_line("note .*app.py has no WebSocket handler")
        assert '"Forbidden"' in say(client, "no handler any more")
        small.answer("'back'")
        serving.wait_for_changes(2)
        assert say(client, "any") == "back"


def test_a_numbered_stream_during_ten_reloads_has_no_gap_and_no_duplicate(
    small: SmallProject, serving: Running
) -> None:
    """Each message is handled once, by the code before or after a change."""
    received: list[str] = []
    done = threading.Event()

    def has_answered(version: int) -> bool:
        return any(line.endswith(f" {version}") for line in received)

    def stream(client: ClientConnection) -> None:
        number = 0
        while not done.is_set() or number < 50:
            received.append(say(client, str(number)))
            number += 1

    with serving.connect() as client:
        streaming = threading.Thread(target=stream, args=(client,))
        streaming.start()
        for version in range(1, 11):
            small.answer(f"event.body + ' {version}'")
            serving.wait_for_changes(version)
            wait_until(partial(has_answered, version), "its code answers")
        done.set()
        streaming.join(SECONDS)
    assert [line.split()[0] for line in received] == [str(n) for n in range(len(received))]


def test_a_running_handler_finishes_with_its_old_code(
    small: SmallProject, serving: Running
) -> None:
    small.answer("[time.sleep(2), 'old'][1]", "import time\n")
    assert serving.wait_for_line(RELOADED)
    with serving.connect() as slow, serving.connect() as quick:
        slow.send("begin")
        assert serving.wait_for_line(r"message .* 5 B")
        small.answer("'new'")
        serving.wait_for_changes(2)
        assert say(quick, "any") == "new"
        assert receive(slow) == "old"


def test_without_reload_the_code_stays_and_no_process_starts_with_changed_code(
    tmp_path: Path,
) -> None:
    """The last message needs a second process, but the first code is no longer on disk."""
    small = SmallProject(tmp_path)
    small.answer("[time.sleep(0.5), event.body][1]", "import time\n")
    with gateway(tmp_path, "--no-reload", *NO_DATABASE) as running, running.connect() as client:
        assert say(client, "first") == "first"
        small.answer("'changed'")
        assert say(client, "second") == "second"
        assert any("kept on changes" in line for line in running.lines)
        client.send("one")
        client.send("two")
        assert {receive(client), receive(client)} == {"one", "two"}
        assert running.wait_for_line("cannot start another process: the files have changed")
