"""Part `posts`: the cost of a post for each transport, latency and kind of connection."""

from collections.abc import Iterator, Sequence

from bench.harness import (
    Measured,
    Run,
    Section,
    Setup,
    check,
    check_load,
    least,
    median,
    shuffled_rounds,
    work,
)
from bench.target import Target

CONNECTIONS = 128
MOST = 512
POOLS = (8, 16, 32, 64)
LATENCIES_MS = (0, 10, 30, 100)
PACE = 8000
COLUMNS = ("way", "connections", "server", "CPU µs a post", "least", "posts/s", "peak MB")


class Posting:
    """The rows of a table of posts.

    Args:
        target: the target of the posts.
        cpu: the processor of pinned clients.
        prefix: a command that runs the client's command.
    """

    def __init__(self, target: Target, cpu: int, prefix: Sequence[str] = ()) -> None:
        self.target = target
        self.cpu = cpu
        self.prefix = prefix
        self.specs: dict[str, Measured] = {}
        self.notes: list[str] = []

    def add(self, way: str, connections: int, posts: int, latency_ms: int, **spec: object) -> str:
        """Add a row; return its name."""
        encrypted = "TLS" if self.target.authorities else "plain"
        kept = "warm" if spec.get("warm", True) else "cold"
        where = "pinned" if spec.get("pinned", True) else "free"
        pace = f" at {spec['pace']}/s" if "pace" in spec else ""
        name = f"{way}{pace}, {connections}, {encrypted}, {latency_ms} ms, {kept}, {where}"
        self.specs[name] = {
            "way": way,
            "connections": connections,
            "posts": posts,
            "latency_us": latency_ms * 1000,
            "warm": True,
            "cpu": self.cpu if spec.pop("pinned", True) else None,
        } | spec
        return name

    def run(self, name: str) -> Measured:
        """Measure a row once, and check the measurement."""
        spec = self.specs[name]
        self.target.control(latency_us=spec["latency_us"])
        result = work("posts", self.target, spec, self.prefix)
        posts = spec["posts"]
        signed = spec["way"] != "unsigned"
        busy = check_load(self.target, result["wall_s"], name)
        problems = check(self.target, posts, name, signed=signed)
        if spec["warm"] and result["opened"]:
            problems.append(f"{name}: {result['opened']} connections were not open before")
        if spec["latency_us"]:
            problems += busy
        else:
            self.notes += [
                f"Nothing is claimed where the target is the limit: {each}." for each in busy
            ]
        self.notes += [f"Not valid: {each}." for each in problems]
        return result | {
            "us": result["cpu_s"] / posts * 1e6,
            "rate": posts / result["wall_s"],
        }

    def runs(self) -> dict[str, Run]:
        """Return, by the name of each row, a function that measures the row once."""
        return {name: lambda name=name: self.run(name) for name in self.specs}  # type: ignore[misc]


def table(
    title: str, postings: list[Posting], rounds: int
) -> tuple[Section, dict[str, list[Measured]]]:
    """Measure every row in the same rounds. Return the table, and the measurements of each row."""
    runs = {name: run for posting in postings for name, run in posting.runs().items()}
    results = shuffled_rounds(runs, rounds)
    section = Section(title, COLUMNS)
    for name, samples in results.items():
        way, connections, server = name.split(", ", 2)
        section.rows.append(
            [
                *(way, connections, server, median(samples, "us"), least(samples, "us")),
                *(median(samples, "rate"), median(samples, "peak_mb")),
            ]
        )
    notes = [note for posting in postings for note in posting.notes]
    section.notes += dict.fromkeys(notes)
    return section, results


def measure(setup: Setup) -> Iterator[Section]:
    """Measure the ways to post, then the fast transport at each latency, then cold connections."""
    for part in (_ways, _sweep, _cold):
        yield part(setup)


def _ways(setup: Setup) -> Section:
    posting = Posting(setup.secure, setup.client_cpu)
    unencrypted = Posting(setup.plain, setup.client_cpu)
    pools = [posting.add("boto3", size, 1500, 10) for size in POOLS]
    ours = posting.add("fast", CONNECTIONS, 20_000, 10)
    limit = posting.add("unsigned", CONNECTIONS, 20_000, 10)
    posting.add("botocore", 32, 1500, 10)
    posting.add("chalice", 1, 150, 10)
    for way in ("fast", "unsigned"):
        posting.add(way, CONNECTIONS, 20_000, 0)
        posting.add(way, CONNECTIONS, 20_000, 10, pinned=False)
        unencrypted.add(way, CONNECTIONS, 20_000, 10)
    posting.add("boto3", 32, 1500, 0)
    unencrypted.add("boto3", 32, 1500, 10)
    section, results = table("A post", [posting, unencrypted], setup.rounds)
    cost = {name: median(samples, "us") for name, samples in results.items()}
    best = min(cost[name] for name in pools)
    section.claim(
        "times less CPU a post than boto3 in its best pool (TLS, 10 ms, 128 connections)",
        best / cost[ours],
        "40 or more",
        held=best / cost[ours] >= 40,
    )
    section.claim(
        "of the unsigned loop's efficiency",
        cost[limit] / cost[ours],
        "0.6 or more",
        held=cost[limit] / cost[ours] >= 0.6,
    )
    return section


def _sweep(setup: Setup) -> Section:
    """Measure posts to 10,000 recipients at each latency, with and without a pace."""
    posting = Posting(setup.secure, setup.client_cpu)
    allowed: dict[str, float] = {}
    for latency in LATENCIES_MS:
        connections = {0: CONNECTIONS, 10: CONNECTIONS}.get(latency, MOST)
        name = posting.add("fast", connections, 10_000, latency)
        paced = posting.add("fast", MOST, 10_000, latency, pace=PACE)
        if latency:
            allowed[name] = connections / latency * 1000
            allowed[paced] = min(PACE, MOST / latency * 1000)
    section, results = table("10,000 recipients", [posting], setup.rounds)
    _add_seconds(section, results)
    for name, most in allowed.items():
        processor = 1e6 / median(results[name], "us")
        share = median(results[name], "rate") / most
        if most < processor:
            section.claim(
                f"of the {most:,.0f}/s that {name} allows", share, "0.9 or more", held=share >= 0.9
            )
        else:
            section.notes.append(
                f"{name}: the processor is the limit, at {processor:,.0f}/s; nothing is claimed."
            )
    return section


def _cold(setup: Setup) -> Section:
    """Measure posts to the first 1,000 recipients, with no open connection at the start."""
    posting = Posting(setup.secure, setup.client_cpu)
    ours = posting.add("fast", MOST, 1000, 10, warm=False)
    theirs = posting.add("boto3", 32, 1000, 10, warm=False)
    posting.add("fast", MOST, 1000, 10, warm=False, pace=PACE)
    section, results = table("The first 1,000 recipients", [posting], setup.rounds)
    _add_seconds(section, results)
    ratio = median(results[theirs], "wall_s") / median(results[ours], "wall_s")
    section.claim("times sooner than boto3", ratio, "8 or more", held=ratio >= 8)
    return section


def _add_seconds(section: Section, results: dict[str, list[Measured]]) -> None:
    """Add a column: the seconds until the last answer."""
    section.columns = [*section.columns, "seconds"]
    for row, samples in zip(section.rows, results.values(), strict=True):
        row.append(median(samples, "wall_s"))
