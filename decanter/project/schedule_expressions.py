"""The schedule expressions of EventBridge: `rate(…)` and `cron(…)`.

Only expressions that EventBridge certainly refuses are refused here. Source: EventBridge User
Guide, "Setting a schedule pattern for scheduled rules".
"""

import re
from collections.abc import Iterator, Mapping

from decanter.errors import ProjectError

_RATE = re.compile(r"rate\(\s*(\d+)\s+(minute|hour|day)(s?)\s*\)", re.ASCII)
_CRON = re.compile(r"cron\((.*)\)", re.ASCII)
_SECONDS = {"minute": 60, "hour": 3600, "day": 86400}

_RANGES = {
    "minutes": (0, 59),
    "hours": (0, 23),
    "day of the month": (1, 31),
    "month": (1, 12),
    "day of the week": (1, 7),
    "year": (1970, 2199),
}
"""The fields of `cron(…)` in their order, and the numbers that each field may contain."""

_RESOLVED = "{{resolve:"
"""The start of a dynamic reference of CloudFormation, whose value is not known here."""


def rate_seconds(expression: str) -> int | None:
    """Return the interval of a valid `rate(…)` in seconds; None for another expression."""
    match = _RATE.fullmatch(expression)
    return int(match[1]) * _SECONDS[match[2]] if match else None


def refuse_invalid(schedules: Mapping[str, str]) -> None:
    """Raise ProjectError, with the function and a remedy, if EventBridge refuses a schedule."""
    for function, expression in schedules.items():
        if remedy := next(_problems(expression), None):
            raise ProjectError(
                f"the schedule of {function} is {expression!r}, which EventBridge refuses: {remedy}"
            )


def _problems(expression: str) -> Iterator[str]:
    """Yield the remedies for an invalid expression."""
    if _RESOLVED in expression:
        return
    if rate := _RATE.fullmatch(expression):
        number, unit = int(rate[1]), rate[2]
        if number == 0:
            yield f"write 1 or more, as in rate(1 {unit})"
        elif bool(rate[3]) != (number != 1):
            yield f"write rate({number} {unit}{'' if number == 1 else 's'})"
    elif cron := _CRON.fullmatch(expression):
        yield from _problems_of_cron(cron[1].split())
    else:
        yield "write rate(5 minutes) or cron(0 3 * * ? *), for example"


def _problems_of_cron(fields: list[str]) -> Iterator[str]:
    if len(fields) != len(_RANGES):
        yield f"cron has {len(_RANGES)} fields, not {len(fields)}: {', '.join(_RANGES)}"
        return
    if fields[2] != "?" and fields[4] != "?":
        yield (
            "write ? as the day of the month or as the day of the week, as in cron(0 3 * * ? *) "
            "or cron(0 3 ? * MON *)"
        )
    for (name, (least, most)), field in zip(_RANGES.items(), fields, strict=True):
        # The number after / is an interval, and the number after # is a week of the month.
        numbers = re.findall(r"(?<![/\w])\d+(?!\w)", field.replace("#", " /"))
        if any(not least <= int(number) <= most for number in numbers):
            yield f"{name} has numbers from {least} to {most}"
