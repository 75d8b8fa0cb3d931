"""The report: text for a terminal, Markdown for an issue, JSON for a program."""

import json
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from decanter import __version__
from decanter.verify.rules import Finding, Gap, Omission

# The meaning of the question marks.
NOTE = "? marks rules that AWS does not document: on AWS, a difference there is news, not an error"
_API_ID = re.compile(r"//[^./]+(?=\.execute-api\.)")


@dataclass(frozen=True)
class Report:
    """The checked rules, and the results.

    Attributes:
        url: the endpoint's URL.
        when: ISO 8601, UTC.
        gaps: the rules that cannot be observed from outside.
        findings: one for each rule that was checked.
        omissions: one for each rule that could have been checked, and was not.
    """

    url: str
    when: str
    gaps: Sequence[Gap]
    findings: list[Finding] = field(default_factory=list)
    omissions: list[Omission] = field(default_factory=list)

    @property
    def place(self) -> str:
        """The endpoint without secrets: without the API's id and the query."""
        return _API_ID.sub("//…", self.url.partition("?")[0])

    @property
    def verdict(self) -> str:
        """The number of rules that hold."""
        holding = sum(finding.holds for finding in self.findings)
        return ", ".join([f"{holding} of {len(self.findings)} hold", *self.left_out()])

    def failed(self) -> list[Finding]:
        """The rules that failed."""
        return [finding for finding in self.findings if not finding.holds]

    def left_out(self) -> list[str]:
        """The number of rules left out, for each reason."""
        reasons = [omission.reason for omission in self.omissions]
        return [f"{reasons.count(it)} left out ({it})" for it in dict.fromkeys(reasons)]


def head(report: Report) -> str:
    """The first lines of the report."""
    return f"{report.place} at {report.when}, decanter {__version__}"


def line(finding: Finding) -> str:
    """Return the line for a rule and its result."""
    rule, seen = finding.rule, finding.seen
    if not finding.holds:
        seen = f"expected {rule.expected}, saw {seen}"
    return f"{'ok  ' if finding.holds else 'FAIL'}  {rule.label:<10} {rule.title}: {seen}"


def end(report: Report) -> str:
    """Return the lines after the rules."""
    gaps = [f"not covered: {_numbers(gap)}: {gap.reason}" for gap in report.gaps]
    return "\n".join([*gaps, NOTE, report.verdict])


def as_markdown(report: Report) -> str:
    """Return the report as a table."""
    rows = [
        ("Rule", "Behaviour", "Expected", "Seen", "Verdict"),
        ("---",) * 5,
        *(
            (it.rule.label, it.rule.title, it.rule.expected, it.seen, "ok" if it.holds else "FAIL")
            for it in report.findings
        ),
    ]
    table = [f"| {' | '.join(cell.replace('|', '&#124;') for cell in row)} |" for row in rows]
    gaps = [f"- {_numbers(gap)}: {gap.reason}" for gap in report.gaps]
    title = f"`{report.place}` at {report.when}, decanter {__version__}: {report.verdict}."
    return "\n".join([title, "", *table, "", f"{NOTE}.", "", "Not covered:", "", *gaps])


def as_json(report: Report) -> str:
    """Return the report as one JSON object."""
    rules = [
        {
            "rules": it.rule.numbers,
            "title": it.rule.title,
            "expected": it.rule.expected,
            "seen": it.seen,
            "holds": it.holds,
        }
        for it in report.findings
    ]
    document = {
        "url": report.place,
        "when": report.when,
        "decanter": __version__,
        "holds": not (report.failed() or report.omissions),
        "rules": rules,
        "left_out": [
            {"rules": it.rule.numbers, "title": it.rule.title, "reason": it.reason}
            for it in report.omissions
        ],
        "not_covered": [{"rules": gap.numbers, "reason": gap.reason} for gap in report.gaps],
    }
    return json.dumps(document, indent=2, ensure_ascii=False)


# Text is printed as it comes, so only its end is left.
FORMATS: dict[str, Callable[[Report], str]] = {
    "text": end,
    "markdown": as_markdown,
    "json": as_json,
}


def _numbers(gap: Gap) -> str:
    return ", ".join(map(str, gap.numbers))
