"""The tree is in plain English: it has no banned turn of phrase.

Each banned turn has an example, and the plain sentence to write instead.
"""

import re
from functools import cache
from pathlib import Path
from typing import NamedTuple

import pytest

from tests.support.prose import Prose, files, prose

THIS = "tests/test_plain_english.py"

# Texts that others define.
KEPT = {
    "x is no number",  # an error frame of 0.1.1: tests/end_to_end/wire_0_1_1.json
    "No updates are to be performed",  # CloudFormation
    "Burst limit of the stage: messages and new connections at once.",  # templates have it
}


class Turn(NamedTuple):
    """A banned turn: its regular expression, a sentence with it, and the plain sentence."""

    pattern: str
    example: str
    plain: str


START = r"(?:^|(?<=[.!;] ))"
"""The start of a sentence."""

QUESTION = r"(?![^.]*\?)"

TURNS = (
    # Words that are rare or archaic.
    Turn(r"\bnor\b", "It has no row, nor a name.", "It has no row and no name."),
    Turn(r"\bhence\b", "Hence the pause.", "So it waits."),
    Turn(r"\blest\b", "It waits, lest it be throttled.", "It waits, so it is not throttled."),
    Turn(r"\bthere(of|in|to|upon|with|after)\b", "A part thereof.", "A part of it."),
    Turn(r"\b(whence|whither|thence|thither)\b", "The host whence it came.", "Its host."),
    Turn(r"\bwhere(in|of|upon|fore|with|by)\b", "The loop wherein it runs.", "Its loop."),
    Turn(r"\bbetimes\b", "It is told to end betimes.", "It is stopped early."),
    Turn(r"\bmend(s|ed|ing)?\b", "What mends it is a retry.", "A retry fixes it."),
    Turn(r"\b(anew|afresh)\b", "It is read anew.", "It is read again."),
    Turn(r"\b(whoever|whosoever|whomever)\b", "Whoever asks gets it.", "Each caller gets it."),
    Turn(r"\bupon\b", "It depends upon the stage.", "It depends on the stage."),
    Turn(r"\b(amid|amidst|midst|whilst|unto|ere)\b", "Ended amid a call.", "Ended in a call."),
    Turn(r"\b(thrice|twofold|manifold)\b", "It is tried thrice.", "It is tried three times."),
    Turn(r"\bheed(s|ed|ing)?\b", "It does not heed the limit.", "It ignores the limit."),
    Turn(r"\b(henceforth|hitherto|heretofore)\b", "It is henceforth closed.", "It is now closed."),
    Turn(r"\b(albeit|notwithstanding|forthwith)\b", "It ends forthwith.", "It ends immediately."),
    Turn(r"\b(aught|naught|nought)\b", "It comes to naught.", "It fails."),
    Turn(r"\bfar(es|ed)\b", "How a post fared.", "The outcome of a post."),
    Turn(r"\b(strikes|struck)\b", "The oldest fault strikes.", "The oldest fault applies."),
    Turn(r"\bfor want of\b", "It fails for want of memory.", "It fails: out of memory."),
    Turn(r"\bbeside\b", "It runs beside the posts.", "It runs in parallel with the posts."),
    Turn(r"\btold\b", "The client is told why.", "The client gets the reason."),
    Turn(
        r"\btells? (its|their|the (age|time)s?|ages|time|when|whether|which|how|what|of|if)\b",
        "clock: tells ages.",
        "clock: used for ages.",
    ),
    Turn(r"\bno telling\b", "There is no telling.", "It is not known."),
    Turn(r"\bat once\b", "It starts at once.", "It starts immediately (or in parallel)."),
    Turn(r"\banother \w+ than\b", "Another server than ours.", "Another server."),
    Turn(r"\bwhat is kept\b", "Read what is kept.", "Read the stored values."),
    Turn(r"\bha(s|ve|d) once\b", "It has once reached a client.", "It has reached a client."),
    Turn(r"^As [\w.()`]+ (does|do|did)\b", "As Lambda does.", "Like Lambda."),
    Turn(r"^(?-i:And|But) (?![|])", "And no run ends early.", "No run ends early."),
    Turn(r"^test .* without$", "test a scenario fails without", "test it fails without a key"),
    Turn(r"\bthe (gone|closed|pending)\.?$", "It deletes the gone.", "It deletes gone rows."),
    Turn(r"\bas (it|they) (is|are|was|were)\.$", "Text as it is.", "Unchanged text."),
    Turn(r"^(?-i:So) (do|does|did|is|are|was|were)\b", "So are others.", "Others are kept too."),
    Turn(r"^(?-i:Also) (?!,)", "Also one of a module.", "This includes one of a module."),
    Turn(r"^(?-i:However) \S+ \S+ it\b", "However app.py names it.", "With any name."),
    Turn(
        r"^\w+: (as \w+ \w+ \w+ it|such as `\w+`|by \w+ \w+|in the order of `[\w.]+`)\.$",
        "tables: in the order of `app.py`.",
        "tables: the tables, in the order of `app.py`.",
    ),
    Turn(r"\b(is|are|be) left alone\b|\bas they are\.$", "The row is left alone.", "It is kept."),
    Turn(r"\bsame holds\b", "The same holds for rows.", "This also applies to rows."),
    # Possessives without a noun.
    Turn(r"\b(no|some|any|every)body('s|s')", "The row is nobody's.", "The row has no owner."),
    Turn(r"\b(ours|theirs|hers)\b", "The errors become ours.", "They become Decanter's errors."),
    Turn(
        r"\b(is|are) (not )?(a|an|the|this|that) \w+'s[.;,]",
        "A stack that is not the stage's.",
        "A stack that does not belong to the stage.",
    ),
    Turn(r"\bwhose \w+ it (is|was)\b", "Say whose row it is.", "Return the row's owner."),
    Turn(r"\bwho it (is|was)\b", "It says who it is.", "It sends its identity."),
    Turn(r"\buntil when\b", "It says until when it is valid.", "It has an expiry time."),
    # Turns of phrase.
    Turn(r"\bof (its|their|his|your) own accord\b", "It ends of its own accord.", "It ends."),
    Turn(r"\bby (itself|themselves) alone\b", "It runs by itself alone.", "It runs alone."),
    Turn(r"\bthose alone\b", "Read by those alone who need it.", "Read only where needed."),
    Turn(r"\b(sender|row|client|member|caller) alone\b", "To its sender alone.", "To its sender."),
    Turn(r"\blet be\b", "The row is let be.", "The row is kept."),
    Turn(
        r"\b(is|are|be|was|were|been|being) let (in|through|go|do|pass|by|off)\b",
        "The client is let in.",
        "The client is accepted.",
    ),
    Turn(r"\blets? (the|a|every|each) \w+ in\b", "It lets the client in.", "It accepts it."),
    Turn(r"\blet(s|ting)? go\b", "Let go of the sockets.", "Close the sockets."),
    Turn(r"\bwhat is more\b", "What is more is refused.", "More than that is refused."),
    Turn(r"\bthose there (is|are|was|were)\b", "It lists those there are.", "It lists all."),
    Turn(r"\bthat there (is|are)(?=[.,;:)]|$)", "The keys that there are.", "The known keys."),
    Turn(
        r"\b(who|that|which) (does|do|is|are|has|have|did|was|were) not(?=[.;]|$)",
        "Refuse the client who does not.",
        "Refuse other clients.",
    ),
    Turn(
        r"(?<!\bthere )\b(is|are|was|were) no (?!longer\b|more\b|such thing)",
        "The body is no JSON.",
        "The body is not valid JSON.",
    ),
    Turn(r"\bbut no (object|number|string|JSON)\b", "JSON, but no object.", "Not an object."),
    Turn(r"\bthat is to say\b", "That is to say, twice.", "Twice."),
    Turn(r"\bat (its|their) own pace\b", "Each at its own pace.", "Each separately."),
    Turn(r"\bpass(es|ed|ing)? over\b", "Old rows are passed over.", "Old rows are skipped."),
    Turn(r"\bfor good\b(?! (reason|measure))", "Refused for good.", "Refused permanently."),
    Turn(r"\b(nothing|none|nobody|no one|anything) but\b", "Nothing but JSON.", "Only JSON."),
    Turn(r"\b(ASCII|all|empty|none) but for\b", "All but for one.", "All except one."),
    Turn(
        r"\b(every|each|no|any) \w+ but (?!(not|is|are|has|does|also)\b)",
        "Every service but S3.",
        "Every service except S3.",
    ),
    Turn(r"\bto be (had|found out|let)\b", "It is to be had there.", "It is there."),
    Turn(r"\b(is|are|was|were) (not )?to be\b", "A row is to be young.", "A row must be young."),
    Turn(r"\bat hand\b", "The machine at hand.", "This machine."),
    Turn(r"\b(in silence|without a word)\b", "Dropped in silence.", "Dropped silently."),
    Turn(r"\bin (its|their|whose) (stead|place,? as)\b", "Another in its stead.", "Another."),
    Turn(r"\bgo(es)? on (there|behind)\b", "The next goes on there.", "The next continues."),
    Turn(
        r"\bwhat (it|they) (can|cannot|may|must) (?!be\b)(is|are)\b",
        "What it cannot is lost.",
        "Others are lost.",
    ),
    Turn(r"\bas (many|much|long|few) as (may|can)(?=[.,;]|$)", "As many as may.", "All allowed."),
    Turn(r"\b(is|are|be|was|were) found out\b", "The fault is found out.", "It is detected."),
    Turn(r"\bgood to about\b", "Good to about a thousand.", "Up to about a thousand."),
    Turn(r"\b(there|it) being\b", "It being late, it ends.", "It ends because it is late."),
    Turn(r"\bso as to\b", "It waits so as to save calls.", "It waits to save calls."),
    Turn(r"\b(such as it is|as it were|so to speak)\b", "Asleep, as it were.", "Idle."),
    Turn(r"\bcannot be(?=[.;:)]|$)", "A value that cannot be.", "An invalid value."),
    Turn(r"\bAPI Gateway's (own )?word\b", "By API Gateway's own word.", "As it answers."),
    Turn(r"\bsecond ones\b", "Some are second ones.", "Some are duplicates."),
    Turn(r"\bis not heard\b", "What it says is not heard.", "Its messages are ignored."),
    Turn(r"\bbe (it|they) (a|an|the|in|on|by)\b", "A row, be it a new one.", "Even a new row."),
    Turn(r"\b(do|does|done) away with\b", "It does away with it.", "It removes it."),
    Turn(r"\bmakes? (little|no) odds\b", "It makes no odds.", "It does not matter."),
    Turn(r"\bno sooner\b", "No sooner read than sent.", "Sent immediately."),
    Turn(r"\bby turns\b", "They run by turns.", "They run alternately."),
    Turn(r"\bfor ever\b", "The last answer for ever.", "The last answer repeatedly."),
    Turn(
        r"\b(event|page|row|run|stage|version) before[.,;]",
        "It continues the run before.",
        "It continues the previous run.",
    ),
    Turn(
        r"\bsome (\d|x s\b|ten\b|fifty|hundred|thousand)", "Some fifty rows.", "About fifty rows."
    ),
    Turn(
        r"\b(stays?|remains?|are) (API Gateway|AWS|botocore|Chalice|Decanter|Lambda|moto)'s[.;,]",
        "Its policies stay Chalice's.",
        "Chalice still makes its policies.",
    ),
    Turn(r"\bmakes? (metrics|one) of\b", "It makes one of each class.", "It creates each class."),
    Turn(
        r"\b(until|after|before) the next\.$", "Wait until the next.", "Wait until the next check."
    ),
    Turn(r"\banother's (?=\w+ (is|are)\b)", "Another's row is kept.", "Rows of others are kept."),
    Turn(r"\breturn what\b", "Return what is added.", "Return the additional resources."),
    Turn(
        r"^(the )?(least|most) (\w+ )?(bytes|connections|messages|posts|processes|time)\b",
        "Most unsent bytes.",
        "Maximum unsent bytes.",
    ),
    Turn(r"\bone a line\b|\bobject a line\b", "Facts, one a line.", "Facts, one per line."),
    Turn(
        r"\balso (if|when|while|after|during|into|through)\b|, also (one|those|for) ",
        "It is kept, also if it is old.",
        "It is kept, even if it is old.",
    ),
    Turn(r"\bgiv(e|es|ing) back\b", "Give back the folder.", "Return the folder."),
    Turn(r"\bin the place of\b", "It is in the place of the old.", "It replaces the old."),
    Turn(
        r"\bso (many|much) (a second|of them|connections|clients|frames|messages|posts"
        r"|rows|bytes|times)\b(?! that)",
        "Open so many connections.",
        "Open this many connections.",
    ),
    Turn(r"\b(to|by|from|for) nobody\b", "It is sent to nobody.", "It is not sent."),
    Turn(r"\bwhat (has |had )?(becomes?|became) of\b", "What became of it.", "Its result."),
    Turn(r"\b(what|where|which) (it )?stands\b", "It says where it stands.", "It says its place."),
    Turn(
        r"\bas (the |its |an? )?[\w']+ ha(s|ve) it\b", "It is as the log has it.", "It is logged."
    ),
    # Sentences that start with a clause or a word instead of a subject.
    Turn(r"(?:^|(?<=[.!;:] ))Whether\b" + QUESTION, "Whether it is open.", "True if open."),
    Turn(r"^\w+: whether\b", "open: whether it is open.", "open: True if it is open."),
    Turn(START + r"(?-i:What)\b" + QUESTION, "What a client sends.", "A client's message."),
    Turn(START + r"(?-i:Whos?e?)\b" + QUESTION, "Who connects.", "The client."),
    Turn(
        r"^test (what|whatever|who|whose|whoever|of|that which)\b",
        "test what is no answer is said to be none",
        "test an invalid answer is refused",
    ),
    Turn(
        r"^(?-i:Say) (how|when|whether|what|which|why|who|where)\b",
        "Say whether it is open.",
        "Return True if it is open.",
    ),
    Turn(
        START + r"(?-i:Of) (the|a|several|those|two|what)\b",
        "Of two, the later wins.",
        "Last wins.",
    ),
    Turn(START + r"(?-i:One) (for|that|which|who|of a)\b", "One for clients.", "A client context."),
    Turn(
        START + r"(?-i:Those) (of|that|who|which|whose|at|in|there|with|without)\b",
        "Those that are open.",
        "The open connections.",
    ),
    Turn(
        START + r"(?-i:Should|Were|Had) (it|they|one|the|a|an|this|that|there|you)\b" + QUESTION,
        "Should it fail, it retries.",
        "If it fails, it retries.",
    ),
    Turn(
        START + r"(?-i:Neither|Never|Only then) (is|are|does|do|has)\b",
        "Never is it.",
        "It is not.",
    ),
)

_COMPILED = [(re.compile(turn.pattern, re.IGNORECASE), turn) for turn in TURNS]


def _any_of(start: str, patterns: list[str]) -> re.Pattern[str]:
    return re.compile(f"{start}(?:{'|'.join(f'(?:{each})' for each in patterns)})", re.IGNORECASE)


WORD = r"\b"
_AT_A_WORD = _any_of(
    r"\b(?=\w)",
    [turn.pattern.removeprefix(WORD) for turn in TURNS if turn.pattern.startswith(WORD)],
)
"""All turns that start with a word: one search at the words takes a fifth of the time of many."""

_ELSEWHERE = _any_of("", [turn.pattern for turn in TURNS if not turn.pattern.startswith(WORD)])


@cache
def hits(text: str) -> list[str]:
    """Return the hits in a text, each with the example of its turn."""
    if not (_AT_A_WORD.search(text) or _ELSEWHERE.search(text)):
        return []
    found = ((pattern.search(text), turn) for pattern, turn in _COMPILED)
    return [f"{match[0]!r}: as in {turn.example!r}" for match, turn in found if match]


def shown(unit: Prose, hit: str) -> str:
    return f"{unit.path}:{unit.line}: {hit}: {unit.text[:120]}"


@pytest.mark.parametrize("turn", TURNS, ids=lambda turn: turn.pattern)
def test_each_turn_is_found_in_its_example_only(turn: Turn) -> None:
    assert any(hit.endswith(f"as in {turn.example!r}") for hit in hits(turn.example))
    assert hits(turn.plain) == []


def test_the_tree_has_no_banned_turn() -> None:
    paths = sorted(files())
    units = [unit for path in paths for unit in prose(path)]
    units = [unit for unit in units if unit.text not in KEPT]
    checked = [unit for unit in units if unit.path != THIS]
    assert [shown(unit, hit) for unit in checked for hit in hits(unit.text)] == []


PYTHON = '''"""A docstring."""
# One comment
# of two lines.
def test_a_name(value):
    raise ValueError("a message of " f"{value} parts")  # trailing
'''
MARKDOWN = """# Heading

A paragraph with `code`
of two lines.

```sh
a fence
```

- an item
- another item

## 1. Step

## [1.0.0] - 2026-01-01

A released change.
"""


@pytest.mark.parametrize(
    ("name", "source", "texts"),
    [
        (
            "app.py",
            PYTHON,
            {"A docstring.", "One comment of two lines.", "test a name", "trailing"}
            | {"a message of x parts"},
        ),
        (
            "page.md",
            MARKDOWN,
            {"Heading", "A paragraph with `x` of two lines.", "an item", "another item", "1. Step"},
        ),
        ("page.js", "// A comment\n// of two lines.\n", {"A comment of two lines."}),
    ],
)
def test_prose_is_found_and_code_is_not(
    name: str, source: str, texts: set[str], tmp_path: Path
) -> None:
    (tmp_path / name).write_text(source, encoding="utf-8")
    assert {unit.text for path in files(tmp_path) for unit in prose(path, tmp_path)} == texts


def test_links_and_build_output_are_skipped(tmp_path: Path) -> None:
    for name in ("own.py", "build/made.py", "node_modules/other.js"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    (tmp_path / "link.py").symlink_to("own.py")
    assert [path.name for path in files(tmp_path)] == ["own.py"]
