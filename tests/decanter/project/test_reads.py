"""The recorded reads of environment variables."""

import os
import subprocess
import sys

import pytest

from decanter.project.reads import ANY_NAME, differing, is_read, recorded_reads


def test_each_way_to_read_a_variable_is_recorded() -> None:
    with recorded_reads() as reads:
        os.environ.get("ONE")
        os.getenv("TWO")
        "THREE" in os.environ  # noqa: B015 - reading is the point
        os.environb.get(b"FOUR")
        os.environ.pop("FIVE", None)
    assert reads == {"ONE", "TWO", "THREE", "FOUR", "FIVE"}
    os.environ.get("LATER")
    assert "LATER" not in reads


def test_iterating_over_variables_counts_as_reading_all() -> None:
    for read in (dict, list, len):
        with recorded_reads() as reads:
            read(os.environ)
        assert (ANY_NAME in reads) is (read is not len)


@pytest.mark.parametrize("start", ["os.system('true')", "subprocess.run(['true'])", "os.fork()"])
def test_a_new_process_counts_as_reading_all(start: str) -> None:
    code = (
        "import os, subprocess\n"
        "from decanter.project.reads import ANY_NAME, record_processes\n"
        f"reads = set(); record_processes(reads); {start}; assert reads == {{ANY_NAME}}, reads"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_a_variable_of_the_interpreter_is_always_read() -> None:
    assert is_read("PYTHONPATH", set())
    assert is_read("TZ", set())
    assert is_read("COLOUR", {ANY_NAME})
    assert is_read("COLOUR", {"COLOUR"})
    assert not is_read("COLOUR", {"HOME"})
    assert differing({"a": "1", "b": "1", "c": "1"}, {"a": "1", "b": "2", "d": "1"}) == [*"bcd"]
