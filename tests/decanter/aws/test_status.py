"""Redaction of `decanter status --redact`."""

import pytest

from decanter.aws.status import redacted


@pytest.mark.parametrize(
    ("line", "shown"),
    [
        ("table arn:aws:dynamodb:us-east-1:123456789012:table/t, here", "table arn:…, here"),
        ("arn:aws-us-gov:iam::123456789012:role/r", "arn:…"),
        ("account 123456789012.", "account ************."),
        ("0123456789012 items", "0123456789012 items"),
    ],
)
def test_account_ids_and_arns_are_hidden(line: str, shown: str) -> None:
    lines: list[str] = []
    redacted(lines.append)(line)
    assert lines == [shown]
