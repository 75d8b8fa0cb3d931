"""Run `chalice package` in the current folder: `python -m decanter.aws.chalice_process STAGE OUT`.

This module differs from `chalice package` in these ways:

- Chalice checks the app and its configuration in the same way as `chalice deploy`.
- If the app cannot be imported or Chalice refuses it, standard error gets the reason in one line,
  and the exit status is `REFUSED`.
- The zip is not compressed, because `decanter package` writes it again.
- The merge template may replace an intrinsic function by another one, see `merged`.
- If Chalice's policy analyzer fails, the policy contains only the rights that Chalice adds without
  an analysis, such as those for the functions' events and logs.
"""

import gc
import os
import sys
from types import ModuleType
from typing import Any
from zipfile import ZIP_STORED

from chalice import policy
from chalice.config import Config
from chalice.deploy.appgraph import ChaliceBuildError
from chalice.deploy.validate import ExperimentalFeatureError, validate_configuration
from chalice.package import (
    DuplicateResourceNameError,
    TemplateDeepMerger,
    UnsupportedFeatureError,
)
from chalice.utils import OSUtils

from decanter.aws.chalice_answers import REFUSED
from decanter.project.document import merged
from decanter.project.template import TEMPLATE

# Only the dialogue of `chalice new-project` uses `inquirer`, whose import takes a third of the time
# of all imports.
DIALOGUES = "inquirer"

# The exceptions that Chalice raises if it refuses an app.
_REFUSALS = (
    ChaliceBuildError,
    DuplicateResourceNameError,
    ExperimentalFeatureError,
    NotImplementedError,
    RuntimeError,
    UnsupportedFeatureError,
    ValueError,
)

_analyse = policy.policy_from_source_code


def analyse(source_code: str) -> dict[str, Any]:
    """Return the policy that Chalice's policy analyzer creates for a source; empty if it fails."""
    try:
        document: dict[str, Any] = _analyse(source_code)
    except Exception:  # noqa: BLE001 - the analyzer may raise any type
        return {"Version": policy.PolicyBuilder.VERSION, "Statement": []}
    return document


def cli_factory() -> Any:
    """Import Chalice's command line without its dialogues. Return the class `CLIFactory`."""
    is_loaded = DIALOGUES in sys.modules
    sys.modules.setdefault(DIALOGUES, ModuleType(DIALOGUES))
    try:
        from chalice.cli.factory import CLIFactory
    finally:
        if not is_loaded:
            del sys.modules[DIALOGUES]  # an app may need the real one
    return CLIFactory


def main(stage: str, out: str) -> int:
    """Package a stage of the project in the current folder. Return the exit status."""
    policy.policy_from_source_code = analyse
    OSUtils.ZIP_DEFLATED = ZIP_STORED
    setattr(TemplateDeepMerger, "merge", staticmethod(merged))  # noqa: B010 - as mypy sees a method
    os.environ["AWS_CHALICE_CLI_MODE"] = "true"  # like Chalice's command
    gc.disable()  # imported modules stay, and this process ends soon
    factory = cli_factory()(os.getcwd(), environ=os.environ)  # noqa: PTH109 - Chalice wants a string
    config = factory.create_config_obj(stage)
    if (fault := _import_fault(config)) is not None:
        return _refuse(fault)
    try:
        validate_configuration(config)
        options = factory.create_package_options()
        packager = factory.create_app_packager(
            config, options, "cloudformation", "json", str(TEMPLATE)
        )
        packager.package_app(config, out, stage)
    except _REFUSALS as error:
        return _refuse(_one_line(error))
    return 0


def _import_fault(config: Config) -> str | None:
    """Import the app. Return None, or the reason for a failure in one line."""
    try:
        _ = config.chalice_app
    except ModuleNotFoundError as error:
        return (
            f"app.py imports {error.name}, which is not in the package: move it to chalicelib/, or "
            "add it to requirements.txt"
        )
    except ExperimentalFeatureError as error:
        return _one_line(error)
    except Exception as error:  # noqa: BLE001 - the app's code raises anything
        return (
            f"app.py cannot be imported from the package: {type(error).__name__}: "
            f"{_one_line(error)}. The package has only app.py, chalicelib/, vendor/ and the "
            "requirements"
        )
    return None


def _refuse(reason: str) -> int:
    print(reason, file=sys.stderr)
    return REFUSED


def _one_line(error: Exception) -> str:
    return " ".join(str(error).split())


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
