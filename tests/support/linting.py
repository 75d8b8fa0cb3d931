"""cfn-lint's findings in a template.

cfn-lint is imported when it is used: all workers load this module, few lint.
"""

import json
from functools import cache
from typing import Any

from tests.support.moto_server import untraced

PARTITIONS = ("eu-west-1", "cn-north-1", "us-gov-west-1")


def findings(template: dict[str, Any], regions: tuple[str, ...] = PARTITIONS) -> list[str]:
    """Return cfn-lint's findings in these regions."""
    return untraced(_findings)(json.dumps(template), regions)


def _findings(text: str, regions: tuple[str, ...]) -> list[str]:
    from cfnlint.decode.decode import decode_str

    template, errors = decode_str(text)
    return [str(match) for match in errors or _runner(regions).validate_template(template)]


@cache
def _runner(regions: tuple[str, ...]) -> Any:
    """Return cfn-lint with its rules, which take most of the time of a short run to load.

    Informational rules are on: one of them checks that actions fit the resources of a statement.
    """
    from cfnlint.api import ManualArgs
    from cfnlint.config import ConfigMixIn
    from cfnlint.runner import Runner

    return Runner(ConfigMixIn(**ManualArgs(regions=[*regions], include_checks=["I"])))
