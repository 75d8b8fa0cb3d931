"""The report: text for a terminal, Markdown for an issue, JSON for a program."""

import json
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from decanter import __version__
from decanter.verify.rules import Finding, Gap, Omission

# What the question marks mean.
NOTE = (
    "? marks what AWS does not document: on AWS, a difference there is news about AWS, and no fault"
)
_API_ID = re.compile(r"//[^./]+(?=\.execute-api\.)")


@dataclass(frozen=True)
class Report:
    """What was looked at, when, and what was seen.

    Attributes:
        url: the endpoint's.
        when: ISO 8601, UTC.
        gaps: the rules that nobody can see from outside.
        findings: one for each rule that was looked at.
        omissions: one for each rule that could be, and was not.
    """

    url: str
    when: str
    gaps: Sequence[Gap]
    findings: list[Finding] = field(default_factory=list)
    omissions: list[Omission] = field(default_factory=list)

    @property
    def place(self) -> str:
        """The endpoint as one may show it: without the API's id and without a query."""
        return _API_ID.sub("//…", self.url.partition("?")[0])

    @property
    def verdict(self) -> str:
        """How many rules hold."""
        holding = sum(finding.holds for finding in self.findings)
        return ", ".join([f"{holding} of {len(self.findings)} hold", *self.left_out()])

    def failed(self) -> list[Finding]:
        """The rules that do not hold."""
        return [finding for finding in self.findings if not finding.holds]

    def left_out(self) -> list[str]:
        """How many rules were left out, for each reason."""
        reasons = [omission.reason for omission in self.omissions]
        return [f"{reasons.count(it)} left out ({it})" for it in dict.fromkeys(reasons)]


def head(report: Report) -> str:
    """Of what the report is."""
    return f"{report.place} at {report.when}, decanter {__version__}"


def line(finding: Finding) -> str:
    """A rule, and what was seen."""
    rule, seen = finding.rule, finding.seen
    if not finding.holds:
        seen = f"expected {rule.expected}, saw {seen}"
    return f"{'ok  ' if finding.holds else 'FAIL'}  {rule.label:<10} {rule.title}: {seen}"


def end(report: Report) -> str:
    """What follows the rules."""
    gaps = [f"not covered: {_numbers(gap)}: {gap.reason}" for gap in report.gaps]
    return "\n".join([*gaps, NOTE, report.verdict])


def as_markdown(report: Report) -> str:
    """A table."""
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
    """The same as one JSON object."""
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


# Text is printed as it comes: its end is what is left to say.
FORMATS: dict[str, Callable[[Report], str]] = {
    "text": end,
    "markdown": as_markdown,
    "json": as_json,
}


def _numbers(gap: Gap) -> str:
    return ", ".join(map(str, gap.numbers))
