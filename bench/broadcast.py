"""Part `broadcast`: a broadcast, from the `sendmessage` event to the last recipient's post."""

import time

from bench.harness import Measured, Section, Setup, least, median, shuffled_rounds, work

WAYS = {
    "fast": (100, 1000, 10_000, 100_000),
    "fast-paced": (100, 1000, 10_000, 100_000),
    "publish": (10_000,),
    "reference": (100, 1000),
}
"""The numbers of recipients for each way.

`fast-paced` is limited to 8,000 posts a second. `publish` publishes to a channel.
"""

COLUMNS = ("way", "recipients", "first s", "last s", "least", "CPU µs each", "peak MB")


def measure(setup: Setup) -> list[Section]:
    """Measure with TLS, no open connection, and 10 ms of latency for posts and table pages."""
    problems: list[str] = []

    def run(way: str, rows: int) -> Measured:
        minute_ago = int(time.time() * 1000) - 60_000
        table = {"latency_us": 10_000, "scan_us": 10_000, "rows": rows, "connected_ms": minute_ago}
        setup.secure.control(**table)
        spec = {"way": way, "table": table, "cpu": setup.client_cpu}
        result = work("broadcast", setup.secure, spec)
        stats = setup.secure.stats()
        if (stats["posts"], stats["ids"]) != (rows, rows):
            problems.append(f"{way}, {rows}: {stats['posts']} posts to {stats['ids']} ids")
        return result | {"us": result["cpu_s"] / rows * 1e6}

    cases = {(way, rows): f"{way}, {rows}" for way, sizes in WAYS.items() for rows in sizes}
    runs = {name: lambda case=case: run(*case) for case, name in cases.items()}
    results = shuffled_rounds(runs, setup.rounds)
    section = Section("A broadcast, first in its process", COLUMNS, notes=problems)
    for (way, rows), name in cases.items():
        samples = results[name]
        figures = [median(samples, key) for key in ("first_s", "last_s")]
        section.rows.append(
            [
                *(way, f"{rows:,}", *figures, least(samples, "last_s")),
                *(median(samples, "us"), median(samples, "peak_mb")),
            ]
        )
    for way in ("fast", "fast-paced"):
        _claims(section, way, {rows: results[f"{way}, {rows}"] for rows in WAYS[way]})
    # Other processes can only add to the CPU time, so the least is the best estimate.
    cpu = {way: least(results[f"{way}, 10000"], "us") for way in ("fast", "publish")}
    ratio = cpu["publish"] / cpu["fast"]
    section.claim(
        "least CPU of a post of a publication, compared to a broadcast",
        ratio,
        "1.1 or less",
        held=ratio <= 1.1,
    )
    return [section]


def _claims(section: Section, way: str, by_rows: dict[int, list[Measured]]) -> None:
    first = median(by_rows[100_000], "first_s")
    grown = median(by_rows[100_000], "peak_mb") - median(by_rows[1000], "peak_mb")
    last = {rows: median(samples, "last_s") for rows, samples in by_rows.items()}
    linear = (last[100_000] / 100_000) / (last[10_000] / 10_000)
    section.claim(
        f"{way}: seconds to the first of 100,000", first, "0.3 or less", held=first <= 0.3
    )
    section.claim(
        f"{way}: MB more for 100,000 than for 1,000", grown, "20 or less", held=grown <= 20
    )
    section.claim(
        f"{way}: time for each of 100,000 compared to each of 10,000",
        linear,
        "1.25 or less",
        held=linear <= 1.25,
    )
