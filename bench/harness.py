"""Fresh processes in shuffled rounds, and the evaluation of their figures."""

import json
import os
import platform
import random
import ssl
import statistics
import subprocess
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from importlib.metadata import version
from pathlib import Path
from typing import Any

from bench.target import KEYS, Target

ROOT = Path(__file__).resolve().parent.parent
BUSY = 0.8
"""If the target uses more than this share of its processor, the target is the bottleneck."""

Measured = dict[str, Any]
Run = Callable[[], Measured]
Claim = tuple[str, float, str, bool]
"""A claim, its figure, the target value, and True if it holds."""


@dataclass
class Section:
    """A table of results."""

    title: str
    columns: Sequence[str]
    rows: list[list[Any]] = field(default_factory=list)
    claims: list[Claim] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    def claim(self, text: str, figure: float, wanted: str, *, held: bool) -> None:
        """Add a claim, its figure, the target value, and whether the claim holds."""
        self.claims.append((text, round(figure, 3), wanted, held))

    def markdown(self) -> str:
        """Return the table, its notes and its claims."""
        lines = [f"### {self.title}", "", _line(self.columns), _line(["---"] * len(self.columns))]
        lines += [_line(map(_text, row)) for row in self.rows]
        lines += ["", *self.notes] if self.notes else []
        for text, figure, wanted, held in self.claims:
            lines += ["", f"- **{'held' if held else 'NOT HELD'}** {text}: {figure} ({wanted})"]
        return "\n".join([*lines, ""])

    def as_json(self) -> Measured:
        """Return the section as a JSON object."""
        return asdict(self)


@dataclass(frozen=True)
class Setup:
    """The shared setup of all parts.

    Attributes:
        secure: a target with TLS.
        plain: a target without TLS.
        rounds: the number of rounds. In each round, each row of a table runs in its own process.
            `cold` runs three times as many rounds.
        processors: usable processors; the client uses the first, and the target the last.
    """

    secure: Target
    plain: Target
    rounds: int
    processors: list[int]

    @property
    def client_cpu(self) -> int:
        """The processor of pinned clients."""
        return self.processors[0]


def shuffled_rounds(runs: Mapping[str, Run], times: int) -> dict[str, list[Measured]]:
    """Run each measurement once in each round, in a new order. Return the results by name."""
    order = random.Random(5)  # noqa: S311 - shuffles rows, protects no secret
    results: dict[str, list[Measured]] = {name: [] for name in runs}
    for number in range(times):
        for name in order.sample(list(runs), len(runs)):
            sys.stderr.write(f"\rround {number + 1} of {times}: {name:60}")
            results[name].append(runs[name]())
    sys.stderr.write("\r" + " " * 90 + "\r")
    return results


def median(samples: Iterable[Measured], key: str) -> float:
    """Return the median of a figure."""
    return statistics.median(float(each[key]) for each in samples)


def least(samples: Iterable[Measured], key: str) -> float:
    """Return the minimum of a figure."""
    return min(float(each[key]) for each in samples)


def environment(target: Target) -> dict[str, str]:
    """Return a worker's environment, with dummy AWS credentials and no AWS settings of the user."""
    unwanted = ("AWS_", "PYTHONDONTWRITEBYTECODE")  # the package for Lambda has byte code
    kept = {name: value for name, value in os.environ.items() if not name.startswith(unwanted)}
    access_key, secret_key, token = KEYS
    ours = {
        "AWS_ACCESS_KEY_ID": access_key,
        "AWS_SECRET_ACCESS_KEY": secret_key,
        "AWS_SESSION_TOKEN": token,
        "AWS_REGION": "eu-west-1",
        "AWS_DEFAULT_REGION": "eu-west-1",
        "AWS_EC2_METADATA_DISABLED": "true",
        "AWS_CONFIG_FILE": os.devnull,
        "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
    }
    if target.authorities:
        ours["AWS_CA_BUNDLE"] = str(target.authorities)
    return kept | ours


def work(kind: str, target: Target, spec: Measured, prefix: Sequence[str] = ()) -> Measured:
    """Measure once in a fresh process.

    Args:
        kind: one of the `KINDS` of `bench.worker`.
        target: the target.
        spec: what to measure; `cpu` pins the process.
        prefix: a command that runs the worker's command.
    """
    given = json.dumps({"port": target.port} | spec)
    done = subprocess.run(
        [*prefix, sys.executable, "-m", "bench.worker", kind, given],
        cwd=ROOT,
        env=environment(target),
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        sys.exit(f"bench: {kind} {given} failed:\n{done.stderr}")
    result: Measured = json.loads(done.stdout.rpartition("\n")[2])
    return result


def check(target: Target, posts: int, what: str, *, signed: bool = True) -> list[str]:
    """Return the problems that the target saw in a measurement.

    Args:
        target: the target of the posts.
        posts: the expected number of posts, each to a different id.
        what: the measurement's name.
        signed: True if the signatures are real.
    """
    stats = target.stats()
    checked, wrong = target.wrong_signatures() if signed else (0, 0)
    problems = [
        stats["posts"] != posts and f"{stats['posts']} posts arrived, not {posts}",
        stats["ids"] != posts and f"{stats['ids']} different ids arrived, not {posts}",
        stats["pipelined"]
        and f"{stats['pipelined']} posts arrived before the previous answer was sent",
        wrong and f"{wrong} of {checked} signatures are wrong",
    ]
    return [f"{what}: {problem}" for problem in problems if problem]


def check_load(target: Target, seconds: float, what: str) -> list[str]:
    """Return a problem if the target was too busy. Call this function before `check`."""
    busy = target.stats()["cpu_us"] / 1e6 / seconds
    return [f"{what}: the target used {busy:.0%} of its processor"] if busy > BUSY else []


def processor_ticks() -> tuple[int, int]:
    """Return the processor time since boot that was used or stolen, and the stolen part.

    The host of a virtual machine can steal time. The unit is clock ticks. Linux counts both values
    in /proc/stat; on other systems, both are 0.
    """
    try:
        line = Path("/proc/stat").read_text().partition("\n")[0]
    except OSError:
        return 0, 0
    user, nice, system, _idle, _waiting, interrupts, soft, steal = map(int, line.split()[1:9])
    return user + nice + system + interrupts + soft + steal, steal


def stolen(before: tuple[int, int], now: tuple[int, int]) -> list[str]:
    """Return a note with the host's share of the processor time between two moments, if known.

    If the share is large, the figures of two runs are not comparable.
    """
    wanted, kept = now[0] - before[0], now[1] - before[1]
    if not wanted:
        return []
    return [f"The host kept {kept / wanted:.1%} of the processor time."]


def machine(processors: int) -> dict[str, str]:
    """Return a description of the machine."""
    cpu = Path("/proc/cpuinfo").read_text().partition("model name\t: ")[2].partition("\n")[0]
    packages = ("boto3", "botocore", "chalice", "pynamodb")
    return {
        "processor": f"{cpu or platform.machine()}, {processors} usable",
        "system": f"{platform.system()} {platform.release()}",
        "python": platform.python_version(),
        "openssl": ssl.OPENSSL_VERSION,
    } | {name: version(name) for name in packages}


def _line(cells: Iterable[str]) -> str:
    return f"| {' | '.join(cells)} |"


def _text(cell: object) -> str:
    if isinstance(cell, float):
        return f"{cell:,.0f}" if abs(cell) >= 100 else f"{cell:.3g}"
    return str(cell)
