"""Fresh processes in shuffled rounds, and what is made of their figures."""

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
"""Of its processor, the target may use so much before it is what is measured."""

Measured = dict[str, Any]
Run = Callable[[], Measured]
Claim = tuple[str, float, str, bool]
"""What is claimed, the figure, what is wanted, and whether it holds."""


@dataclass
class Section:
    """A table of results."""

    title: str
    columns: Sequence[str]
    rows: list[list[Any]] = field(default_factory=list)
    claims: list[Claim] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    def claim(self, text: str, figure: float, wanted: str, *, held: bool) -> None:
        """Add what the section has to show."""
        self.claims.append((text, round(figure, 3), wanted, held))

    def markdown(self) -> str:
        """The table, its notes, and what it shows."""
        lines = [f"### {self.title}", "", _line(self.columns), _line(["---"] * len(self.columns))]
        lines += [_line(map(_text, row)) for row in self.rows]
        lines += ["", *self.notes] if self.notes else []
        for text, figure, wanted, held in self.claims:
            lines += ["", f"- **{'held' if held else 'NOT HELD'}** {text}: {figure} ({wanted})"]
        return "\n".join([*lines, ""])

    def as_json(self) -> Measured:
        """The same for machines."""
        return asdict(self)


@dataclass(frozen=True)
class Setup:
    """What every part measures with.

    Attributes:
        secure: a target with TLS.
        plain: a target without.
        rounds: processes for each row of a table.
        processors: those that may be used; the client has the first, the target the last.
    """

    secure: Target
    plain: Target
    rounds: int
    processors: list[int]

    @property
    def client_cpu(self) -> int:
        """Where pinned clients run."""
        return self.processors[0]


def shuffled_rounds(runs: Mapping[str, Run], times: int) -> dict[str, list[Measured]]:
    """Each run so many times, one of each in every round, in another order each round."""
    order = random.Random(5)  # noqa: S311 - shuffles rows, hides nothing
    results: dict[str, list[Measured]] = {name: [] for name in runs}
    for number in range(times):
        for name in order.sample(list(runs), len(runs)):
            sys.stderr.write(f"\rround {number + 1} of {times}: {name:60}")
            results[name].append(runs[name]())
    sys.stderr.write("\r" + " " * 90 + "\r")
    return results


def median(samples: Iterable[Measured], key: str) -> float:
    """The middle of a figure."""
    return statistics.median(float(each[key]) for each in samples)


def least(samples: Iterable[Measured], key: str) -> float:
    """The smallest of a figure."""
    return min(float(each[key]) for each in samples)


def environment(target: Target) -> dict[str, str]:
    """Of a worker: nothing of AWS but dummy credentials, nothing to reach but the target."""
    unwanted = ("AWS_", "PYTHONDONTWRITEBYTECODE")  # Lambda has the byte code of what it runs
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
    """One measurement in a fresh process.

    Args:
        kind: of `bench.worker`.
        target: what it talks to.
        spec: what to measure; `cpu` pins it.
        prefix: a command that runs the worker's.
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
    """What is wrong with a measurement, by what the target saw of it.

    Args:
        target: what was posted to.
        posts: how many had to come, each to another id.
        what: the measurement's name.
        signed: whether the signatures are real.
    """
    stats = target.stats()
    checked, wrong = target.wrong_signatures() if signed else (0, 0)
    problems = [
        stats["posts"] != posts and f"{stats['posts']} posts came, not {posts}",
        stats["ids"] != posts and f"{stats['ids']} different ids came, not {posts}",
        stats["pipelined"] and f"{stats['pipelined']} posts came before an answer was sent",
        wrong and f"{wrong} of {checked} signatures are wrong",
    ]
    return [f"{what}: {problem}" for problem in problems if problem]


def check_load(target: Target, seconds: float, what: str) -> list[str]:
    """Whether the target was so busy that it is what was measured; asked before `check`."""
    busy = target.stats()["cpu_us"] / 1e6 / seconds
    return [f"{what}: the target used {busy:.0%} of its processor"] if busy > BUSY else []


def processor_ticks() -> tuple[int, int]:
    """Time wanted of all processors since the start, and what of it a virtual machine's host kept.

    Linux counts both in /proc/stat; elsewhere they are 0.
    """
    try:
        line = Path("/proc/stat").read_text().partition("\n")[0]
    except OSError:
        return 0, 0
    user, nice, system, _idle, _waiting, interrupts, soft, steal = map(int, line.split()[1:9])
    return user + nice + system + interrupts + soft + steal, steal


def stolen(before: tuple[int, int], now: tuple[int, int]) -> list[str]:
    """The share that the host kept between two moments, for a table.

    Where it is large, figures of two runs are not those of one machine.
    """
    wanted, kept = now[0] - before[0], now[1] - before[1]
    if not wanted:
        return []
    return [f"The host kept {kept / wanted:.1%} of the processor time that was wanted."]


def machine(processors: int) -> dict[str, str]:
    """What the figures were seen on."""
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
