import logging

import pytest

from decanter.runtime.errors import SettingError
from decanter.runtime.logs import EventLine, log
from tests.support.events import connect_event
from tests.support.fakes import FakeClock
from tests.support.fixtures import LogLines


def test_a_line_is_plain_json_on_standard_output_and_appears_once(
    log_lines: LogLines, capsys: pytest.CaptureFixture[str]
) -> None:
    """Chalice gives the logger with the app's name a handler and the level ERROR."""
    __import__("app")
    root = logging.StreamHandler()
    logging.getLogger().addHandler(root)
    try:
        log("something", count=2, nothing=None)
    finally:
        logging.getLogger().removeHandler(root)
    captured = capsys.readouterr()
    assert captured.out == '{"level": "INFO", "event": "something", "count": 2}\n'
    assert captured.err == ""


def test_an_events_line_has_ids_and_outcome_and_no_query_string(
    log_lines: LogLines,
) -> None:
    clock = FakeClock()
    line = EventLine(connect_event(), clock, cold=True)
    line.add(route="$connect")
    clock.elapsed += 0.0123
    line.write("ok", 200)
    assert log_lines() == [
        {
            "level": "INFO",
            "event": "connect",
            "request_id": "Rq1xYz0wDoEFbQg=",
            "connection_id": "Sender0000DoECA=",
            "cold": True,
            "route": "$connect",
            "outcome": "ok",
            "status": 200,
            "duration_ms": 12.3,
        }
    ]


def test_framework_errors_are_one_sentence_and_others_have_a_traceback(
    log_lines: LogLines,
) -> None:
    line = EventLine(connect_event(), FakeClock(), cold=False)
    line.add_error(SettingError("A", None, "set it to b"))
    line.write("internal", 500)
    line.add_error(ValueError("boom"))
    line.write("internal", 500)
    ours, other = log_lines()
    assert (ours["level"], ours["error"]) == ("ERROR", "SettingError: A is not set: set it to b")
    assert "traceback" not in ours
    assert other["error"] == "ValueError: boom"
    assert other["traceback"].endswith("ValueError: boom\n")
