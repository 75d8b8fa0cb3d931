"""Import time of a cold start: the zips of `decanter package` and `chalice package` compared.

    python bench/package_import.py [--runs 15]

Both zips are made from this repository and unpacked. Fresh processes use the two unpacked zips
alternately. Each process imports the app, and creates a client of DynamoDB and a client of
@connections. No byte code is written, because Lambda's file system is read-only. Only the zip's
content and the standard library can be imported. The files are in the operating system's cache. On
Lambda, loading the files takes additional time in proportion to their size.
"""

import argparse
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

from decanter.aws.package import CHALICE, package
from decanter.project.config import Project
from decanter.project.template import TEMPLATE

ROOT = Path(__file__).resolve().parent.parent
TARGET = 0.45

COLD_START = """
import sys, time
began = time.perf_counter()
sys.path.insert(0, sys.argv[1])
import app
from decanter.runtime.settings import Settings
from decanter.runtime.transports import open_transport
app.Connection._get_connection().connection.client
open_transport("https://a1.execute-api.eu-west-1.amazonaws.com/v1", Settings(region="eu-west-1"))
print(time.perf_counter() - began)
assert sys.modules["botocore"].__file__.startswith(sys.argv[1])
"""
ENVIRONMENT = {
    "AWS_ACCESS_KEY_ID": "none",
    "AWS_SECRET_ACCESS_KEY": "none",
    "AWS_REGION": "eu-west-1",
    "AWS_DEFAULT_REGION": "eu-west-1",
    "CONNECTIONS_TABLE": "none",
}


def main() -> int:
    """Measure and print. Return the exit status, 0 if the ratio meets the target."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=15)
    runs = parser.parse_args().runs
    with tempfile.TemporaryDirectory() as folder:
        zips = {"plain": plain(Path(folder)), "decanter": small(Path(folder))}
        sizes = {name: path.stat().st_size / 1e6 for name, path in zips.items()}
        unpacked = {name: unpack(path, Path(folder) / name) for name, path in zips.items()}
        seconds = measure(unpacked, runs)
    for name, times in seconds.items():
        first, median, third = (1000 * quartile for quartile in statistics.quantiles(times, n=4))
        print(
            f"{name:>8}: {sizes[name]:6.2f} MB, import {median:5.0f} ms "
            f"(quartiles {first:.0f} to {third:.0f}), {runs} runs"
        )
    ratio = statistics.median(seconds["decanter"]) / statistics.median(seconds["plain"])
    print(f"   ratio: {ratio:.0%} of the plain zip's time, at most {TARGET:.0%} wanted")
    return int(ratio > TARGET)


def measure(unpacked: dict[str, Path], runs: int) -> dict[str, list[float]]:
    """Return the seconds of `cold_start` with each zip, after one run that fills the cache."""
    seconds: dict[str, list[float]] = {name: [] for name in unpacked}
    for run in range(-1, runs):
        for name, path in unpacked.items():
            took = cold_start(path)
            if run >= 0:
                seconds[name].append(took)
    return seconds


def plain(folder: Path) -> Path:
    """Make the zip of `chalice package`."""
    source, out = folder / "source", folder / "out"
    for name in ("chalicelib", "vendor", ".chalice"):
        ignored = shutil.ignore_patterns("__pycache__", "deployments")
        shutil.copytree(ROOT / name, source / name, ignore=ignored)
    for name in ("app.py", "requirements.txt"):
        shutil.copy(ROOT / name, source)
    arguments = ["package", "--merge-template", str(TEMPLATE), str(out)]
    subprocess.run(
        [sys.executable, "-c", CHALICE, *arguments],
        cwd=source,
        env=os.environ | {"AWS_DEFAULT_REGION": "eu-west-1"},
        stdout=subprocess.DEVNULL,
        check=True,
    )
    return out / "deployment.zip"


def small(folder: Path) -> Path:
    """Make the zip of `decanter package`."""
    said: list[str] = []
    return package(Project.load(ROOT), folder / "small", report=said.append).zip_path


def unpack(path: Path, folder: Path) -> Path:
    """Unpack a zip file and return the folder."""
    with zipfile.ZipFile(path) as archive:
        archive.extractall(folder)
    return folder


def cold_start(path: Path) -> float:
    """Return the seconds that a fresh process needs for the imports and the clients."""
    done = subprocess.run(
        [sys.executable, "-I", "-S", "-B", "-c", COLD_START, str(path)],
        env=ENVIRONMENT,
        capture_output=True,
        text=True,
        check=True,
    )
    return float(done.stdout)


if __name__ == "__main__":
    sys.exit(main())
