"""`decanter rights`: show which rights the functions of a running app have and use."""

import argparse
import json
from collections.abc import Iterator
from typing import Any

from decanter.running_gateway import URL, ask
from decanter.terminal import printable

Facts = dict[str, Any]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the command's options."""
    add = parser.add_argument
    add("--url", default=URL, help="the address of `decanter local` (%(default)s)")
    add("--format", choices=["text", "json"], default="text", help="text (default) or JSON")


def run(args: argparse.Namespace) -> int:
    """Print the rights of each function.

    Raises:
        DecanterError: no gateway answers, or the gateway refuses the request.
    """
    answer = ask(args.url, "/_gateway/rights", {"functions"})
    if args.format == "json":
        print(json.dumps(answer, indent=2, ensure_ascii=False))
        return 0
    for name, facts in answer["functions"].items():
        print("\n".join(printable(line) for line in _lines(name, facts)), end="\n\n")
    lines = "The lines of @uses grant the calls since `decanter local` started."
    if not answer.get("records_dynamodb", True):
        lines += " Calls to DynamoDB are not recorded (--dynamodb-endpoint): no right is removed."
    off = "No calls are recorded: start `decanter local --iam warn`."
    print(f"iam: {answer['iam']}. {off if answer['iam'] == 'off' else lines}")
    return 0


def _lines(name: str, facts: Facts) -> Iterator[str]:
    yield f"{name}{'' if facts['known'] else ' (its policies are not known on this machine)'}"
    for each in facts["granted"]:
        effect = "granted" if each.get("Effect") == "Allow" else "refused"
        actions = each.get("Action") or f"all but {_listed(each.get('NotAction'))}"
        resources = each.get("Resource") or f"all but {_listed(each.get('NotResource'))}"
        yield f"  {effect}     {_listed(actions)} on {_listed(resources)}"
    if not facts["ran"]:
        yield "  did not run"
    for outcome in ("used", "denied"):
        for pair in facts[outcome]:
            yield f"  {outcome:10}  {pair['action']} on {pair['resource']}"
    for each in facts["unused"]:
        yield f"  never used  {each}"
    for line in facts["uses"].splitlines():
        yield f"  exactly     {line}"
    if facts["place"]:
        yield f"  in          {facts['place']}"


def _listed(value: Any) -> str:
    return value if isinstance(value, str) else ", ".join(map(str, value or ()))
