"""The table of field cases, and the results of its rows.

A test belongs to a row by `@pytest.mark.row("P1")`. A case that does not work yet is marked
`xfail(strict=True, raises=…, reason="…")`: the row is open, and the reason is the current
behaviour.
"""

import ast
from collections import Counter, defaultdict
from collections.abc import Iterator
from pathlib import Path

import pytest

TITLES = {
    # Rights
    "R1": "The role of a function grants what the hooks that run in it do",
    "R2": "Calls of a model in routes and hooks are granted, or refused locally as on AWS",
    "R3": "Every function that gets a table's name gets rights on it, and a Ref for its name",
    "R4": "A table class declares its table: in the template, locally and in tests",
    "R5": "Plain `chalice deploy` of a new project has policies, or is refused",
    "R6": "`describe` draws every function and every right",
    # Packaging
    "P1": "A package keeps every file of the botocore services that it keeps",
    "P2": "A package keeps every botocore service if a client's name is not certain",
    "P3": "Chalice's policy analyzer cannot break a package; what is written passes cfn-lint",
    "P4": "`automatic_layer` works, or the documentation names the way out",
    "P5": "A module next to app.py that Lambda will not find is named",
    "P6": "`decanter template` never overwrites a file that it has not written",
    "P7": "A new project names no path of the machine that made it",
    "P8": "`decanter template` says which settings a stage lacks",
    # Handlers
    "L1": "An event runs the handler that Lambda would find by the handler string",
    "L2": "A decorator above Chalice's runs locally as on AWS",
    "L3": "Handlers that Lambda will not find are named at start",
    "L4": "A schedule with the message handler's name does what it does on AWS",
    "L5": "A custom route key is served, or refused in one line",
    "L6": "Queue, topic, bucket, stream and pure Lambda functions are listed and can be run",
    "L7": "An authorizer in the merge template is emulated, or named at start",
    "L8": "A stage name in the merge template is used",
    "L9": "Handlers can run in the application's own interpreter",
    "L10": "The user's AWS profile is passed through, or its absence is said in one line",
    "L11": "No call leaves the machine by an explicit endpoint_url",
    "L12": "A table that nothing declares is named, with its variable and the remedy",
    # Tests of applications
    "T1": "A unit test cannot reach AWS, by any service and any client",
    "T2": "The stage's environment, a region and keys are there before the app is imported",
    "T3": "Chalice's test client and Decanter's work together",
    "T4": "Tests cover routes, schedules, queues, lost disconnects and time that passes",
    # On AWS
    "A1": "A stack of another owner, and its tables and buckets, stay unchanged",
    "A2": "`decanter table delete` asks, and deletes only the application's table",
    "A3": "Values of environment variables are not printed",
    "A4": "`verify` checks any application, with its headers, subprotocol and token",
    "A5": "A broken network's remedy names an option that the command has",
    # Faults of the runtime
    "F1": "Reading a message takes time linear in its size, whatever its type",
    "F2": "Types under postponed annotations are read correctly, or refused at import",
    "F3": "A row is deleted only if API Gateway itself says that the connection is gone",
    "F4": "Values without a JSON form are refused on arrival",
    "F5": "Posts that may have arrived twice are counted",
    "F6": "A slow page of the table does not send a post again",
    "F7": "A damaged row does not end or delay a broadcast or a sweep",
    "F8": "Threads of one process can broadcast at the same time",
    "F9": "A key that cannot be used does not refuse everybody",
    "F10": "Output that nobody reads does not block serving",
    "F11": "Web pages cannot reach the local database, @connections or the routes",
    "F12": "Small ones: error frames, origins, pacing, jitter, tokens, output, signals",
    "F13": "The application is notified of connections that are found gone",
    # Newcomers
    "N1": "A traceback can be read where a person reads it, and a 500 counts as failed",
    "N2": "The console and the client suggest a message that the application takes",
    "N3": "The console keeps a token and leads from an invocation to what it did",
    "N4": "README and deployment guide say what is true",
    "N5": "The documentation has a page for each thing that newcomers look for",
}

WITHOUT_TEST: dict[str, str] = {}
"""The reason why a row has no test yet."""


def marked(folder: Path = Path(__file__).parent) -> frozenset[str]:
    """Return the rows that tests in a folder are marked with."""
    trees = [ast.parse(path.read_text(encoding="utf-8")) for path in folder.glob("test_*.py")]
    return frozenset(
        ast.literal_eval(argument)
        for tree in trees
        for node in ast.walk(tree)
        if isinstance(node, ast.Call) and ast.unparse(node.func) == "pytest.mark.row"
        for argument in node.args
    )


class Results:
    """Collects each row's result from the reports of a run.

    A report names its rows in `user_properties`, because pytest-xdist sends these to the process
    that prints.
    """

    def __init__(self, tested: frozenset[str]) -> None:
        self._tested = tested
        self._outcomes: dict[str, set[str]] = defaultdict(set)
        self._reasons: dict[str, dict[str, None]] = defaultdict(dict)  # an ordered set

    def add(self, report: pytest.TestReport) -> None:
        """Add the report of one phase of a test."""
        for name, value in report.user_properties:
            if name == "row":
                self._add(str(value), report)

    def _add(self, row: str, report: pytest.TestReport) -> None:
        if report.skipped and hasattr(report, "wasxfail"):
            self._outcomes[row].add("open")
            self._reasons[row][report.wasxfail] = None
        elif report.failed:
            self._outcomes[row].add("FAILS")
        elif report.when == "call" and report.passed:
            self._outcomes[row].add("passes")

    def of(self, row: str) -> str:
        """Return a row's result: its worst test result."""
        if row not in self._tested:
            return "no test"
        found = self._outcomes[row]
        return next((each for each in ("FAILS", "open", "passes") if each in found), "not run")

    def lines(self) -> Iterator[str]:
        """Yield one line for each row, in the table's order, and a line with the counts."""
        for row, title in TITLES.items():
            reasons = "; ".join(self._reasons[row]) or WITHOUT_TEST.get(row)
            yield f"{row:4} {self.of(row):8} {title}" + (f" [{reasons}]" if reasons else "")
        counts = Counter(self.of(row) for row in TITLES)
        yield ", ".join(f"{count} {result}" for result, count in counts.most_common())
