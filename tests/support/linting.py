"""cfn-lint's findings in a template."""

import json
from typing import Any

from cfnlint.api import ManualArgs, lint

from tests.support.moto_server import untraced

PARTITIONS = ("eu-west-1", "cn-north-1", "us-gov-west-1")


def findings(template: dict[str, Any], regions: tuple[str, ...] = PARTITIONS) -> list[str]:
    """Return cfn-lint's findings in these regions.

    Informational rules are on: one of them checks that actions fit the resources of a statement.
    """
    config = ManualArgs(regions=[*regions], include_checks=["I"])
    return [str(match) for match in untraced(lint)(json.dumps(template), config=config)]
