"""Part `faults`: with many faults, each recipient is counted once, in the right class."""

from collections import Counter

from bench.harness import Measured, Section, Setup, work
from bench.target import Target

POSTS = 20_000
MILLION = 1_000_000
FAULTS = {"close": 0.01, "throttle": 0.05, "fail": 0.01, "gone": 0.01, "stall": 0.001}


def measure(setup: Setup) -> list[Section]:
    """Measure at 5 ms latency, with closed connections, stalls, and the answers 429, 500, 410."""
    section = Section("Faults", ("transport", "class", "recipients"))
    shares = {name: round(share * MILLION) for name, share in FAULTS.items()}
    spec = {"way": "fast", "posts": POSTS, "faults": {"latency_us": 5000} | shares}
    result = work("faults", setup.secure, spec)
    for name, members in sorted(result["classes"].items()):
        section.rows.append(["fast", name, len(members)])
    stats, twice, problems = setup.secure.stats(), *_account(result, setup.secure)
    section.notes += [
        (
            f"{stats['posts']:,} posts for {POSTS:,} recipients in {result['wall_s']:.1f} s; the "
            f"server closed {stats['closed']} connections and stalled {stats['stalled']} posts; "
            f"{twice} recipients got the message more than once, each after an answer was lost."
        ),
        *problems,
    ]
    section.claim(
        "recipients in no class, in two, in a wrong one, or posted twice without need",
        len(problems),
        "0",
        held=not problems,
    )
    return [section]


def _account(result: Measured, target: Target) -> tuple[int, list[str]]:
    """Return the number of recipients with duplicates, and all inconsistencies."""
    classes: dict[str, list[str]] = result["classes"]
    seen = target.ids()
    times = Counter(each for members in classes.values() for each in members)
    problems = [f"{each} is in {count} classes" for each, count in times.items() if count != 1]
    if len(times) != POSTS:
        problems.append(f"{len(times)} recipients are in a class, of {POSTS}")
    twice = 0
    for name, members in classes.items():
        for each in members:
            received, accepted, lost, status = seen[each.rstrip("=")]
            twice += accepted > 1
            right = {
                "ok": accepted > lost,
                "gone": status == 410 and not accepted,
                "throttled": status == 429 and received >= 3,
                "failed": received >= 3 and accepted == lost,
            }.get(name, False)
            if not right or accepted > 1 + lost:
                told = f"{received} received, {accepted} taken, {lost} unanswered, last {status}"
                problems.append(f"{each} is {name}: {told}")
    return twice, problems
