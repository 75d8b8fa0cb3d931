"""Run handlers as Lambda does, in an interpreter with one folder to import from."""

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

SCRIPT = """
import importlib, json, os, sys

class Context:
    aws_request_id = "a-request"
    function_name = "a-function"
    memory_limit_in_mb = 512

    @staticmethod
    def get_remaining_time_in_millis():
        return 20_000

sys.path[:0] = [sys.argv[1]]
results = []
for line in sys.stdin:
    handler, event = json.loads(line)
    module, _, name = handler.rpartition(".")
    results.append(getattr(importlib.import_module(module), name)(event, Context()))
os.write(int(sys.argv[2]), json.dumps(results).encode())
"""


def invoke(folder: Path, *calls: tuple[str, Mapping[str, Any]], **variables: str) -> list[Any]:
    """Call handlers with events, one after the other in one process.

    Args:
        folder: the only folder to import from, besides the standard library.
        calls: pairs of a handler, such as `app.connect`, and its event.
        variables: added to AWS's variables of this process.
    """
    reading, writing = os.pipe()
    with os.fdopen(reading, encoding="utf-8") as results:
        done = subprocess.run(
            [sys.executable, "-I", "-S", "-c", SCRIPT, str(folder), str(writing)],
            input="".join(json.dumps(call) + "\n" for call in calls),
            env={name: os.environ[name] for name in os.environ if name[:4] == "AWS_"} | variables,
            pass_fds=[writing],
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        os.close(writing)
        assert done.returncode == 0, done.stdout + done.stderr
        found: list[Any] = json.load(results)
    return found
