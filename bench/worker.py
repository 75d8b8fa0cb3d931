"""One measurement in its own process: `python -m bench.worker KIND JSON` prints JSON."""

import json
import os
import resource
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from bench.target import Target
from decanter.runtime.recipients import Recipient

Measured = dict[str, Any]

WARM_UP_LATENCY_US = 200_000
WARM_UP_ROUNDS = 20


def cpu_seconds() -> float:
    """Return the sum of this process's user and system time."""
    use = resource.getrusage(resource.RUSAGE_SELF)
    return use.ru_utime + use.ru_stime


def peak_mb() -> float:
    """Return this process's peak memory."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def people(number: int, first: int = 0) -> list[Recipient]:
    """Return recipients with ids in API Gateway's form: base64 with `=` at the end."""
    return [Recipient(f"L0SM{each:07}cIhw=", 0) for each in range(first, first + number)]


def posts(spec: Measured) -> Measured:
    """Measure posts in one way, with all connections open at the start if `warm` is true."""
    from bench.ways import way

    target = _target(spec)
    post = way(spec["way"], target.origin, spec["connections"], spec.get("pace", 1_000_000))
    if spec["warm"]:
        _warm_up(target, post, spec["connections"])
    target.control(latency_us=spec["latency_us"])
    recipients = people(spec["posts"])
    cpu, wall = cpu_seconds(), time.perf_counter()
    taken = post(recipients)
    wall, cpu = time.perf_counter() - wall, cpu_seconds() - cpu
    return {
        "taken": taken,
        "cpu_s": cpu,
        "wall_s": wall,
        "peak_mb": peak_mb(),
        "opened": _opened(target),
    }


def _warm_up(target: Target, post: Callable[[list[Recipient]], int], connections: int) -> None:
    """Post with such slow answers that every connection is needed, until all are open.

    Some ways never open all connections, so the warm-up ends after `WARM_UP_ROUNDS`.
    """
    target.control(latency_us=WARM_UP_LATENCY_US)
    for _ in range(WARM_UP_ROUNDS):
        post(people(4 * connections, first=9_000_000))
        if _opened(target) >= connections:
            return


def _opened(target: Target) -> int:
    """Return the number of connections since `control`, without the connection of this request."""
    return target.stats()["connections"] - 1


def broadcast(spec: Measured) -> Measured:
    """Measure one `sendmessage` event in one of the ways of `bench.applications`."""
    from bench.applications import application, message

    target = _target(spec)
    handle = application(spec["way"], target.origin)
    target.control(**spec["table"])
    began_ns, cpu = time.monotonic_ns(), cpu_seconds()
    handle(message())
    cpu = cpu_seconds() - cpu
    stats = target.stats()
    return {
        "first_s": (stats["first_ns"] - began_ns) / 1e9,
        "last_s": (stats["last_ns"] - began_ns) / 1e9,
        "cpu_s": cpu,
        "peak_mb": peak_mb(),
    }


def faults(spec: Measured) -> Measured:
    """Measure posts under faults, and return the recipients by the class of their outcome."""
    from decanter.runtime.settings import Settings
    from decanter.runtime.transports import open_transport

    target = _target(spec)
    settings = Settings(
        region="eu-west-1", transport=spec["way"], post_timeout_seconds=0.5, posts_per_second=8000
    )
    transport = open_transport(f"{target.origin}/v1", settings)
    target.control(**spec["faults"])
    classes: dict[str, list[str]] = {}
    wall = time.perf_counter()
    recipients = people(spec["posts"])
    deliveries = transport.call_all("POST", recipients, b"x" * 188, time.monotonic() + 300)
    for recipient, outcome in deliveries:
        classes.setdefault(outcome.result.value, []).append(recipient.connection_id)
    return {"classes": classes, "wall_s": time.perf_counter() - wall}


def _target(spec: Measured) -> Target:
    authorities = os.environ.get("AWS_CA_BUNDLE")
    return Target(spec["port"], Path(authorities) if authorities else None)


KINDS: dict[str, Callable[[Measured], Measured]] = {
    "posts": posts,
    "broadcast": broadcast,
    "faults": faults,
}

if __name__ == "__main__":
    given: Measured = json.loads(sys.argv[2])
    if given.get("cpu") is not None:
        os.sched_setaffinity(0, {given["cpu"]})
    result = KINDS[sys.argv[1]](given)
    sys.stdout.write("\n" + json.dumps(result))
