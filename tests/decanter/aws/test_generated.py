"""The files that `decanter template` may overwrite."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from decanter.aws.generated import is_generated, refuse_foreign, signed
from decanter.errors import ProjectError
from decanter.project.record import RECORD, record

TEMPLATE: dict[str, Any] = {"Metadata": {"Decanter": {"App": "pour"}}, "Resources": {"A": {}}}
WANTED = json.dumps(signed({**TEMPLATE, "Resources": {"B": {}}}))
POLICY = {"Version": "2012-10-17", "Statement": [{"Sid": "Logs"}]}


@pytest.fixture(name="path")
def _path(tmp_path: Path) -> Path:
    return tmp_path / "resources.json"


@pytest.fixture(name="policy")
def _policy(tmp_path: Path) -> Path:
    """A policy that was written and recorded."""
    path = tmp_path / "policy-dev-connect.json"
    path.write_text(json.dumps(POLICY, indent=2))
    path.with_name(RECORD).write_text(record({path: path.read_text()}))
    return path


def test_an_unchanged_template_may_be_overwritten_in_any_layout(path: Path) -> None:
    for indent in (None, 2):
        path.write_text(json.dumps(signed(TEMPLATE), indent=indent), newline="\r\n")
        assert is_generated(path, WANTED)


def edit(template: dict[str, Any]) -> None:
    template["Resources"]["Mine"] = {}


def unmark(template: dict[str, Any]) -> None:
    del template["Metadata"]


def sign_by_hand(template: dict[str, Any]) -> None:
    template["Metadata"]["Decanter"]["Sha256"] = None


def scalar_metadata(template: dict[str, Any]) -> None:
    template["Metadata"] = "mine"


@pytest.mark.parametrize("change", [edit, unmark, sign_by_hand, scalar_metadata])
def test_a_changed_template_may_not(path: Path, change: Callable[[dict[str, Any]], None]) -> None:
    template = json.loads(json.dumps(signed(TEMPLATE)))
    change(template)
    path.write_text(json.dumps(template))
    with pytest.raises(ProjectError, match=r"move your own parts to \.chalice/overrides\.json and"):
        refuse_foreign(path, WANTED)


@pytest.mark.parametrize("text", ["", "[]", "Resources:\n  A: {}\n", "\xff"])
def test_a_file_that_is_not_a_template_may_not(path: Path, text: str) -> None:
    path.write_bytes(text.encode("latin-1"))
    assert not is_generated(path, WANTED)


@pytest.mark.parametrize("metadata", [{}, {"Metadata": {"AWS::CloudFormation::Interface": {}}}])
def test_an_older_versions_file_without_a_mark_may(path: Path, metadata: dict[str, Any]) -> None:
    unmarked = {"Resources": {"B": {}}, **metadata}
    mark = {"Metadata": {**metadata.get("Metadata", {}), "Decanter": {"App": "pour"}}}
    path.write_text(json.dumps(unmarked))
    refuse_foreign(path, json.dumps(signed({**unmarked, **mark})))


def test_a_missing_file_may_be_written(path: Path) -> None:
    refuse_foreign(path, WANTED)


def test_an_unchanged_policy_may_be_overwritten(policy: Path) -> None:
    refuse_foreign(policy, "{}")


def test_a_changed_policy_may_not(policy: Path) -> None:
    policy.write_text(json.dumps({**POLICY, "Id": "mine"}))
    with pytest.raises(ProjectError, match=r"keep it under another name, in iam_policy_file of"):
        refuse_foreign(policy, "{}")
    refuse_foreign(policy, policy.read_text())


@pytest.mark.parametrize("noted", ["", "[]", "{}", '{"policy-dev-connect.json": 1}'])
def test_a_policy_without_a_record_may_not(policy: Path, noted: str) -> None:
    policy.with_name(RECORD).write_text(noted)
    assert not is_generated(policy, "{}")


def test_a_record_with_other_content_may_not_be_overwritten(policy: Path) -> None:
    path = policy.with_name(RECORD)
    assert is_generated(path, "{}")
    path.write_text('{"made": ["by", "me"]}')
    assert not is_generated(path, "{}")
