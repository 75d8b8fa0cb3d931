"""Every link of the documentation leads to an existing file and heading."""

import re
from collections import Counter
from pathlib import Path

import pytest

from tests.docs.snippets import ROOT, pages

MORE = ("CHANGELOG.md", "CONTRIBUTING.md", "SECURITY.md", "examples/README.md")
ALL = [*pages(), *(ROOT / name for name in MORE)]

CODE = re.compile(r"^(```+).*?^\1\s*$|`[^`\n]+`", re.DOTALL | re.MULTILINE)
LINK = re.compile(r"\]\(([^)\s]+)")
FENCED = re.compile(r"^(```+).*?^\1\s*$", re.DOTALL | re.MULTILINE)
HEADING = re.compile(r"^#+ (.+)$", re.MULTILINE)


def links(page: Path) -> list[str]:
    """Return a page's links into the repository."""
    text = CODE.sub("", page.read_text(encoding="utf-8"))
    return [target for target in LINK.findall(text) if "://" not in target]


def anchors(page: Path) -> set[str]:
    """Return the anchors of a page's headings, made by GitHub's rules."""
    seen: Counter[str] = Counter()
    found = set()
    for heading in HEADING.findall(FENCED.sub("", page.read_text(encoding="utf-8"))):
        text = re.sub(r"\[([^]]*)\]\([^)]*\)", r"\1", heading)
        slug = re.sub(r"[^\w\- ]", "", text.strip().lower()).replace(" ", "-")
        found.add(f"{slug}-{seen[slug]}" if seen[slug] else slug)
        seen[slug] += 1
    return found


def broken(page: Path, target: str) -> bool:
    name, _, anchor = target.partition("#")
    file = page.parent / name if name else page
    return not file.exists() or (bool(anchor) and anchor not in anchors(file))


@pytest.mark.parametrize("page", ALL, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_link_leads_to_a_file_and_a_heading(page: Path) -> None:
    assert [target for target in links(page) if broken(page, target)] == []


def test_links_to_a_missing_file_or_heading_are_found(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text(
        "# The `app` of [this](x.md) page!\n\n## Run\n\n```sh\n# a comment\n```\n\n## Run\n"
        "[a](page.md#run-1), [b](#the-app-of-this-page), [c](other.md), [d](#a-comment),\n"
        "`[e](code.md)` and [f](https://example.com/x.md)\n"
    )
    assert [each for each in links(page) if broken(page, each)] == [
        "x.md",
        "other.md",
        "#a-comment",
    ]


def test_every_page_is_linked_from_the_contents() -> None:
    contents = ROOT / "docs" / "README.md"
    linked = {(contents.parent / each.partition("#")[0]).resolve() for each in links(contents)}
    there = {*ALL} & {*pages()} - {contents, ROOT / "README.md"}
    assert {str(page.relative_to(ROOT)) for page in there - linked} == set()
