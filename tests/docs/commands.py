"""The part of docs/reference/command-line.md that follows from the parsers.

`python -m tests.docs.commands` writes it.
"""

import argparse
import re
from pathlib import Path

from decanter.cli import COMMANDS, build_parser

PAGE = Path(__file__).parents[2] / "docs" / "reference" / "command-line.md"
PART = re.compile(r"(?<=<!-- commands -->\n).*?(?=<!-- end -->)", re.DOTALL)


def text() -> str:
    """Return a section for each command, with a table of its arguments."""
    return "\n" + "".join(section(command.name) for command in COMMANDS)


def section(name: str) -> str:
    command = next(each for each in COMMANDS if each.name == name)
    subparsers = build_parser([name])._subparsers
    assert subparsers is not None
    action = subparsers._group_actions[0]
    assert isinstance(action, argparse._SubParsersAction)
    rows = "".join(row(each) for each in action.choices[name]._actions if each.help != "==SUPPRESS")
    head = f"## decanter {name}\n\n{command.help[0].upper()}{command.help[1:]}.\n\n"
    return f"{head}```sh\n{command.example}\n```\n\n| | |\n|---|---|\n{rows}\n"


def row(action: argparse.Action) -> str:
    if action.dest == "help":
        return ""
    if isinstance(action, argparse._SubParsersAction):
        names = " or ".join(f"`{name}`" for name in action.choices)
        return f"| {names} | the action; `--help` after it lists its arguments |\n"
    if action.choices:
        value = "{" + ",".join(map(str, action.choices)) + "}"
    else:
        value = str(action.metavar or action.dest.upper())
    takes_one = action.nargs != 0
    called = ", ".join(action.option_strings) or value
    name = f"`{called} {value}`" if action.option_strings and takes_one else f"`{called}`"
    explained = (action.help or "").replace("%%", "%").replace("|", "or")
    explained = explained.replace("%(default)s", str(action.default))
    explained = explained.replace("%(default)g", f"{action.default}")
    return f"| {name.replace('|', 'or')} | {explained} |\n"


def main() -> None:
    page = PAGE.read_text(encoding="utf-8")
    PAGE.write_text(PART.sub(lambda _: text(), page), encoding="utf-8")


if __name__ == "__main__":
    main()
