"""The facts: `decanter local` answers each probe as docs/reference/gateway.md says."""

import json
import re

import pytest

from decanter.cli import main
from decanter.verify.endpoint import Endpoint
from decanter.verify.facts import command, served
from decanter.verify.facts.command import AGE, facts
from decanter.verify.facts.probe import Limits
from decanter.verify.rules import INFERRED, Rule, check
from tests.contract.table import DOCUMENT, GRADES, rows
from tests.support.websocket_servers import websocket_server

Captured = pytest.CaptureFixture[str]


def weakest(grades: tuple[str, ...]) -> str:
    order = "".join(GRADES)
    return max(grades, key=order.index)


UNSHOWN = {row.number for row in rows() if weakest(row.grades) in "IU"}
FACTS = facts(Limits())


def test_every_fact_holds_for_the_local_gateway(
    capsys: Captured, monkeypatch: pytest.MonkeyPatch
) -> None:
    for module in (command, served):
        monkeypatch.setattr(module, "LIMITS", Limits(integration=1, idle=4))
    status = main(["verify", "--facts", "--local", "--format", "json"])
    report = json.loads(capsys.readouterr().out)
    differing = {it["title"]: it["seen"] for it in report["rules"] if not it["holds"]}
    assert differing == {}
    assert [it["title"] for it in report["rules"]] == [rule.title for rule in FACTS]
    assert status == 0
    assert "=" not in "".join(it["seen"] for it in report["rules"])  # no connection id


def test_every_unshown_rule_is_probed_or_named() -> None:
    probed = {number for rule in FACTS for number in rule.numbers}
    assert probed | {*AGE.numbers} >= UNSHOWN
    assert probed.isdisjoint(AGE.numbers)
    assert UNSHOWN == INFERRED


def test_the_documentation_has_the_dependents_of_every_unshown_rule() -> None:
    part = DOCUMENT.read_text(encoding="utf-8").partition("## Unshown rules")[2]
    cells = re.findall(r"^\| [^|]+ \| ([\d, ]+) \|", part, re.MULTILINE)
    numbers = [int(number) for cell in cells for number in cell.split(", ")]
    assert sorted(numbers) == sorted(UNSHOWN)


def test_the_idle_timer_can_be_left_out() -> None:
    left = {rule.title for rule in FACTS} - {rule.title for rule in facts(Limits(), quick=True)}
    assert left == {rule.title for rule in FACTS if rule.title.startswith("idle, ")} != set()


@pytest.mark.parametrize(
    "arguments",
    [[], ["--local", "--s3-bucket", "b"], ["--local", "ws://127.0.0.1:1/v1"]],
    ids=["none", "two", "URL"],
)
def test_a_run_needs_one_place(arguments: list[str], capsys: Captured) -> None:
    assert main(["verify", "--facts", *arguments]) == 2
    error = capsys.readouterr().err
    assert error.startswith("decanter: error: --facts needs one place: --s3-bucket NAME")
    assert error.count("\n") == 1


def test_another_apps_endpoint_is_refused_in_one_line(capsys: Captured) -> None:
    with websocket_server() as url:
        assert main(["verify", "--facts", f"{url}?token=s3cret", "--timeout", "1"]) == 2
    error = capsys.readouterr().err
    line = f"{url} does not have the app that the probes need: instead of the URL, "
    assert error == f"decanter: error: {line}use --s3-bucket or --local\n"


@pytest.mark.parametrize(
    ("seen", "shown"),
    [
        ("event of L0SM9cOFvHcCIhw=", "event of …"),
        ("arn:aws:iam::123456789012:role/x is denied", "… is denied"),
        ("account 123456789012", "account …"),
        ("abcde12345.execute-api.eu-west-1", "….execute-api.eu-west-1"),
        ("HTTP 200, 131072 bytes", "HTTP 200, 131072 bytes"),
    ],
)
def test_a_finding_has_no_ids(seen: str, shown: str) -> None:
    rule = Rule((1,), "it", "", lambda endpoint: seen)
    assert check(rule, Endpoint("ws://x/v1", 1)).seen == shown


def test_an_unexpected_answer_is_a_finding() -> None:
    def look(endpoint: Endpoint) -> str:
        raise KeyError("requestContext")

    assert check(Rule((1,), "it", "", look), Endpoint("ws://x/v1", 1)).seen.startswith("KeyError")
