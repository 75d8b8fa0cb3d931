"""Measure the figures of docs/explanation/performance.md.

    python -m bench [--rounds 5] [--json FILE] [PART ...]

Parts: posts, quota, faults, broadcast, cold, gateway, processes, package,
queue, rights, scans. Without a PART, all parts run.
Tables are printed as Markdown. All measured traffic stays on loopback.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

from botocore.httpsession import get_cert_path

from bench import broadcast, cold, faults, posts, quota
from bench.harness import ROOT, Section, Setup, machine, processor_ticks, stolen
from bench.target import run_target
from tests.support.certificates import make_certificate

Part = Callable[[Setup], Iterable[Section]]
PARTS: dict[str, Part] = {
    "posts": posts.measure,
    "quota": quota.measure,
    "faults": faults.measure,
    "broadcast": broadcast.measure,
    "cold": cold.measure,
}
SCRIPTS = {
    "gateway": "gateway.py",
    "processes": "processes.py",
    "package": "package_import.py",
    "queue": "queue_latency.py",
    "rights": "rights.py",
    "scans": "scans.py",
}
"""The parts that print their own figures."""


def main() -> int:
    """Measure and print. Return the exit status, 0 if every claim holds."""
    options = _options()
    chosen = options.parts or [*PARTS, *SCRIPTS]
    processors = sorted(os.sched_getaffinity(0))
    about = machine(len(processors))
    print("\n".join(f"- {name}: {value}" for name, value in about.items()) + "\n", flush=True)
    sections: list[Section] = []
    for section in _sections([each for each in chosen if each in PARTS], options, processors):
        sections.append(section)
        print(section.markdown(), flush=True)
    scripts_hold = True
    for name in chosen:
        if name in SCRIPTS:
            scripts_hold &= _script(SCRIPTS[name])
    if options.json:
        figures = {"machine": about, "sections": [each.as_json() for each in sections]}
        options.json.write_text(json.dumps(figures, indent=1))
    claims = [held for section in sections for *_, held in section.claims]
    return 0 if all(claims) and scripts_hold else 1


def _options() -> argparse.Namespace:
    names = [*PARTS, *SCRIPTS]
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__.splitlines()[0])
    parser.add_argument("parts", nargs="*", metavar="PART", help=", ".join(names))
    parser.add_argument("--rounds", type=int, default=5, help="processes for each row")
    parser.add_argument(
        "--json", type=Path, metavar="FILE", help="also write the figures to this file"
    )
    options = parser.parse_args()
    if unknown := set(options.parts) - set(names):
        parser.error(f"unknown part {', '.join(sorted(unknown))}; parts: {', '.join(names)}")
    return options


def _sections(
    parts: list[str], options: argparse.Namespace, processors: list[int]
) -> Iterator[Section]:
    if not parts:
        return
    with tempfile.TemporaryDirectory() as folder:
        certificate = make_certificate(Path(folder), "localhost")
        authorities = Path(folder) / "authorities.pem"
        usual = Path(get_cert_path(True)).read_bytes()  # noqa: FBT003 - botocore's interface
        authorities.write_bytes(usual + certificate[0].read_bytes())
        with (
            run_target(processors[-1], certificate, authorities) as secure,
            run_target(processors[-1]) as plain,
        ):
            setup = Setup(secure, plain, options.rounds, processors)
            before = processor_ticks()
            for part in parts:
                for section in PARTS[part](setup):
                    now = processor_ticks()
                    section.notes += stolen(before, now)
                    before = now
                    yield section


def _script(name: str) -> bool:
    """Run a part that prints its figures. Return True if its claims hold."""
    command = [sys.executable, str(ROOT / "bench" / name)]
    done = subprocess.run(command, cwd=ROOT, stdout=subprocess.PIPE, text=True, check=False)
    print(f"### `bench/{name}`\n\n```\n{done.stdout}```\n", flush=True)
    return done.returncode == 0


if __name__ == "__main__":
    sys.exit(main())
