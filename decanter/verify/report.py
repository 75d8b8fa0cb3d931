"""The report: text for a terminal, Markdown for an issue, JSON for a program."""

import json
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from decanter import __version__
from decanter.verify.coverage import Gap
from decanter.verify.rules import Finding

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
        findings: one a rule.
        gaps: what was not looked at.
    """

    url: str
    when: str
    findings: Sequence[Finding]
    gaps: Sequence[Gap]

    @property
    def place(self) -> str:
        """The endpoint as one may show it: without the API's id and without a query."""
        return _API_ID.sub("//…", self.url.partition("?")[0])

    @property
    def verdict(self) -> str:
        """How many rules hold."""
        holding = sum(finding.holds for finding in self.findings)
        return f"{holding} of {len(self.findings)} hold"

    def failed(self) -> list[Finding]:
        """The rules that do not."""
        return [finding for finding in self.findings if not finding.holds]


def as_text(report: Report) -> str:
    """A line a rule."""
    lines = [f"{report.place} at {report.when}, decanter {__version__}"]
    for finding in report.findings:
        rule, seen = finding.rule, finding.seen
        if not finding.holds:
            seen = f"expected {rule.expected}, saw {seen}"
        lines.append(
            f"{'ok  ' if finding.holds else 'FAIL'}  {rule.label:<10} {rule.title}: {seen}"
        )
    lines += [f"not covered: {_numbers(gap)}: {gap.reason}" for gap in report.gaps]
    return "\n".join([*lines, NOTE, report.verdict])


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
    head = f"`{report.place}` at {report.when}, decanter {__version__}: {report.verdict}."
    return "\n".join([head, "", *table, "", f"{NOTE}.", "", "Not covered:", "", *gaps])


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
    gaps = [{"rules": gap.numbers, "reason": gap.reason} for gap in report.gaps]
    document = {
        "url": report.place,
        "when": report.when,
        "decanter": __version__,
        "holds": not report.failed(),
        "rules": rules,
        "not_covered": gaps,
    }
    return json.dumps(document, indent=2, ensure_ascii=False)


FORMATS: dict[str, Callable[[Report], str]] = {
    "text": as_text,
    "markdown": as_markdown,
    "json": as_json,
}


def _numbers(gap: Gap) -> str:
    return ", ".join(map(str, gap.numbers))
