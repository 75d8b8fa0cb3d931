"""Check the values in `.chalice/config.json` that Decanter reads and Chalice does not check."""

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from decanter.errors import ProjectError

LIMITS = {"lambda_timeout": (1, 900), "lambda_memory_size": (128, 10_240)}
"""Lambda's limits, in seconds and in MB (AWS Lambda Developer Guide, "Lambda quotas")."""

_API_STAGE = re.compile(r"[A-Za-z0-9_-]{1,128}")


def check_values(path: Path, document: Mapping[str, Any], stage: str) -> None:
    """Raise ProjectError for the first invalid value that applies to a stage or to its functions.

    The stage is in the document, or the document has no stages.
    """
    own = document.get("stages", {}).get(stage, {})
    for scope, owner in ((document, ""), (own, f" of stage {stage}")):
        _check(path, scope, owner)
        functions = scope.get("lambda_functions", {})
        if not is_object_of_objects(functions):
            raise ProjectError(f'{path}: "lambda_functions"{owner} must be an object of objects')
        for name, function in functions.items():
            _check(path, function, f" of {name}")


def is_object_of_objects(value: Any) -> bool:
    """True for a JSON object whose values are JSON objects."""
    return isinstance(value, dict) and all(isinstance(each, dict) for each in value.values())


def _check(path: Path, scope: Mapping[str, Any], owner: str) -> None:
    for name, (least, most) in LIMITS.items():
        value = scope.get(name)
        if value is not None and (type(value) is not int or not least <= value <= most):
            text = f"must be a whole number from {least} to {most}, not {json.dumps(value)}"
            raise ProjectError(f'{path}: "{name}"{owner} {text}')
    if not isinstance(scope.get("environment_variables") or {}, dict):
        text = 'must be an object, as in {"NAME": "value"}'
        raise ProjectError(f'{path}: "environment_variables"{owner} {text}')
    api_stage = scope.get("api_gateway_stage", "api")
    if not isinstance(api_stage, str) or not _API_STAGE.fullmatch(api_stage):
        text = f"must be text of letters, digits, - and _, not {json.dumps(api_stage)}"
        raise ProjectError(f'{path}: "api_gateway_stage"{owner} {text}')
