"""The report of a check, as text for a terminal, Markdown for an issue, or JSON for a program."""

import json
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from decanter import __version__
from decanter.client import without_secrets
from decanter.verify.endpoint import Endpoint
from decanter.verify.rules import Finding, Gap, Omission, Rule, check

# The meaning of the question marks in a report.
NOTE = (
    "a ? after a number marks a rule that nobody has published; the verdict ? marks a difference "
    "that does not prove an error"
)
STOPPED = "interrupted"
_API_ID = re.compile(r"//[^./]+(?=\.execute-api\.)")


Show = Callable[[str], None]
"""A function that takes one line for the user."""


@dataclass(frozen=True)
class Report:
    """The result of a check.

    `when` is a UTC time in ISO 8601 format. `gaps` has the rules that no check of this run covers.
    """

    url: str
    when: str
    gaps: Sequence[Gap]
    findings: list[Finding] = field(default_factory=list)
    omissions: list[Omission] = field(default_factory=list)

    @property
    def place(self) -> str:
        """The endpoint's URL without the API's id, the user and the query, which may be secret."""
        return _API_ID.sub("//…", without_secrets(self.url))

    @property
    def verdict(self) -> str:
        """The numbers of rules that hold, of rules in doubt, and of omitted rules."""
        holding = sum(finding.holds for finding in self.findings)
        doubtful = len(self.findings) - holding - len(self.failed())
        doubts = [f"{doubtful} in doubt"] if doubtful else []
        return ", ".join([f"{holding} of {len(self.findings)} hold", *doubts, *self.left_out()])

    @property
    def interrupted(self) -> bool:
        """True if Ctrl-C ended the check."""
        return any(omission.reason == STOPPED for omission in self.omissions)

    def failed(self) -> list[Finding]:
        """Return the findings that are errors."""
        return [finding for finding in self.findings if finding.failed]

    def left_out(self) -> list[str]:
        """Return, for each reason, a text with the number of omitted rules."""
        reasons = [omission.reason for omission in self.omissions]
        return [f"{reasons.count(it)} left out ({it})" for it in dict.fromkeys(reasons)]


def look(rules: Sequence[Rule], endpoint: Endpoint, report: Report, show: Show) -> None:
    """Check the rules one after the other. Stop after Ctrl-C."""
    left = list(rules)
    try:
        while left:
            finding = check(left[0], endpoint)
            report.findings.append(finding)
            show(line(finding))
            del left[0]
    except KeyboardInterrupt:
        report.omissions.extend(Omission(rule, STOPPED) for rule in left)


def head(report: Report) -> str:
    """Return the first line of a report, with the endpoint, the time and the version."""
    return f"{report.place} at {report.when}, decanter {__version__}"


def line(finding: Finding) -> str:
    """Return a finding as one line of the report."""
    rule, seen = finding.rule, finding.seen
    if not finding.holds:
        seen = f"expected {rule.expected}, saw {seen}"
    return f"{mark(finding):<4}  {rule.label:<10} {rule.title}: {seen}"


def mark(finding: Finding) -> str:
    """Return the mark of a finding: `ok`, `FAIL`, or `?` for a result in doubt."""
    return "FAIL" if finding.failed else "ok" if finding.holds else "?"


def end(report: Report) -> str:
    """Return the text after the findings."""
    gaps = [f"not covered: {_numbers(gap)}: {gap.reason}" for gap in report.gaps]
    return "\n".join([*gaps, NOTE, report.verdict])


def as_markdown(report: Report) -> str:
    """Return the report as a Markdown table."""
    rows = [
        ("Rule", "Behaviour", "Expected", "Seen", "Verdict"),
        ("---",) * 5,
        *(
            (it.rule.label, it.rule.title, it.rule.expected, it.seen, mark(it))
            for it in report.findings
        ),
    ]
    table = [f"| {' | '.join(cell.replace('|', '&#124;') for cell in row)} |" for row in rows]
    gaps = [f"- {_numbers(gap)}: {gap.reason}" for gap in report.gaps]
    title = f"`{report.place}` at {report.when}, decanter {__version__}: {report.verdict}."
    return "\n".join([title, "", *table, "", f"{NOTE}.", "", "Not covered:", "", *gaps])


def as_json(report: Report) -> str:
    """Return the report as a JSON object."""
    rules = [
        {
            "rules": it.rule.numbers,
            "title": it.rule.title,
            "expected": it.rule.expected,
            "seen": it.seen,
            "holds": it.holds,
            "failed": it.failed,
        }
        for it in report.findings
    ]
    document = {
        "url": report.place,
        "when": report.when,
        "decanter": __version__,
        "holds": not (report.failed() or report.interrupted),
        "rules": rules,
        "left_out": [
            {"rules": it.rule.numbers, "title": it.rule.title, "reason": it.reason}
            for it in report.omissions
        ],
        "not_covered": [{"rules": gap.numbers, "reason": gap.reason} for gap in report.gaps],
    }
    return json.dumps(document, indent=2, ensure_ascii=False)


# The lines of a text report are printed during the check, so only the end must be added.
FORMATS: dict[str, Callable[[Report], str]] = {
    "text": end,
    "markdown": as_markdown,
    "json": as_json,
}


def _numbers(gap: Gap) -> str:
    return ", ".join(map(str, gap.numbers))
