"""Part `cold`: CPU time of a cold start, compared to a plain Chalice, boto3 and PynamoDB app."""

import os
import subprocess
import sys
import sysconfig
import tempfile
import time
from pathlib import Path

from bench.harness import (
    ROOT,
    Measured,
    Section,
    Setup,
    environment,
    least,
    median,
    shuffled_rounds,
)

PROJECTS = {"plain": ROOT / "bench" / "plain", "decanter": ROOT}
RECIPIENTS = 10
WANTED = {"from source": 0.85, "with byte code": 0.80}
NEVER_IMPORTED = r"site-packages|/tests?/|/idlelib/|/lib2to3/|/ensurepip/|/turtledemo/"


def measure(setup: Setup) -> list[Section]:
    """Measure with all installed byte code, and with only the standard library's byte code."""
    section = Section("A cold start", ("application", "byte code", "CPU ms", "least"))
    with tempfile.TemporaryDirectory() as cache:
        _compile_standard_library(cache)
        cases = [(project, code) for project in PROJECTS for code in WANTED]

        def run(project: str, code: str) -> Measured:
            return {"ms": _start(PROJECTS[project], setup, None if "with" in code else cache)}

        runs = {f"{p}, {c}": lambda p=p, c=c: run(p, c) for p, c in cases}
        results = shuffled_rounds(runs, 3 * setup.rounds)
    for project, code in cases:
        samples = results[f"{project}, {code}"]
        section.rows.append([project, code, median(samples, "ms"), least(samples, "ms")])
    section.notes.append(
        "From source: the standard library has its byte code, as on Lambda; all else is compiled."
    )
    for code, wanted in WANTED.items():
        ours, theirs = (median(results[f"{name}, {code}"], "ms") for name in ("decanter", "plain"))
        section.claim(
            f"of the plain app's CPU time, {code}",
            ours / theirs,
            f"{wanted} or less",
            held=ours <= wanted * theirs,
        )
    return [section]


def _compile_standard_library(cache: str) -> None:
    """Write the standard library's byte code to a folder, and no byte code of other modules."""
    library = sysconfig.get_path("stdlib")
    subprocess.run(
        [sys.executable, "-m", "compileall", "-q", "-x", NEVER_IMPORTED, library],
        env=os.environ | {"PYTHONPYCACHEPREFIX": cache},
        stdout=subprocess.DEVNULL,
        check=False,  # some files of the library are invalid on purpose
    )


def _start(project: Path, setup: Setup, cache: str | None) -> float:
    target = setup.secure
    minute_ago = int(time.time() * 1000) - 60_000
    target.control(rows=RECIPIENTS, connected_ms=minute_ago)
    ours = {
        "AWS_ENDPOINT_URL_DYNAMODB": target.origin,
        "AWS_ENDPOINT_URL_APIGATEWAYMANAGEMENTAPI": f"{target.origin}/v1",
        "CONNECTIONS_TABLE": "bench",
        "PYTHONDONTWRITEBYTECODE": "1" if cache else "",
        "PYTHONPYCACHEPREFIX": cache or "",
    }
    script = str(ROOT / "bench" / "cold_start.py")
    done = subprocess.run(
        [sys.executable, "-P", script, str(project), f"{target.origin}/v1"],
        env=environment(target) | ours,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        check=False,
        preexec_fn=lambda: os.sched_setaffinity(0, {setup.client_cpu}),
    )
    if done.returncode or target.stats()["posts"] != RECIPIENTS:
        sys.exit(f"bench: a cold start of {project} failed")
    return float(done.stdout)
