"""The report: text for a terminal, Markdown for an issue, JSON for a program."""

import json
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from decanter import __version__
from decanter.verify.rules import Finding, Gap, Omission

# The meaning of the question marks.
NOTE = "? marks a rule that AWS does not document: there, a difference on AWS is not an error"
_API_ID = re.compile(r"//[^./]+(?=\.execute-api\.)")


@dataclass(frozen=True)
class Report:
    """The result of a check.

    Attributes:
        url: the endpoint's URL.
        when: the time of the check: ISO 8601, UTC.
        gaps: the rules that the command does not check.
        findings: one for each checked rule.
        omissions: one for each rule that was left out of this check.
    """

    url: str
    when: str
    gaps: Sequence[Gap]
    findings: list[Finding] = field(default_factory=list)
    omissions: list[Omission] = field(default_factory=list)

    @property
    def place(self) -> str:
        """The endpoint's URL without secrets: without the API's id and without a query."""
        return _API_ID.sub("//…", self.url.partition("?")[0])

    @property
    def verdict(self) -> str:
        """The numbers of rules that hold and that were left out."""
        holding = sum(finding.holds for finding in self.findings)
        return ", ".join([f"{holding} of {len(self.findings)} hold", *self.left_out()])

    def failed(self) -> list[Finding]:
        """Return the findings of rules that do not hold."""
        return [finding for finding in self.findings if not finding.holds]

    def left_out(self) -> list[str]:
        """Return the number of omitted rules for each reason."""
        reasons = [omission.reason for omission in self.omissions]
        return [f"{reasons.count(it)} left out ({it})" for it in dict.fromkeys(reasons)]


def head(report: Report) -> str:
    """Return the first line: endpoint, time and version."""
    return f"{report.place} at {report.when}, decanter {__version__}"


def line(finding: Finding) -> str:
    """Return a finding's line."""
    rule, seen = finding.rule, finding.seen
    if not finding.holds:
        seen = f"expected {rule.expected}, saw {seen}"
    return f"{'ok  ' if finding.holds else 'FAIL'}  {rule.label:<10} {rule.title}: {seen}"


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
            (it.rule.label, it.rule.title, it.rule.expected, it.seen, "ok" if it.holds else "FAIL")
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


# The lines of a text report are printed during the check, so only its end is missing.
FORMATS: dict[str, Callable[[Report], str]] = {
    "text": end,
    "markdown": as_markdown,
    "json": as_json,
}


def _numbers(gap: Gap) -> str:
    return ", ".join(map(str, gap.numbers))
