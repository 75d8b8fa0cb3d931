"""The Chalice configuration in the build folder, for `chalice package`.

This configuration results in the same functions as the project's configuration, with these
differences:

- If Decanter writes the role of a function, Chalice reads a placeholder policy, because the merge
  template replaces the role. Then Chalice's policy analyzer does not run for the function, and the
  function needs no policy file. Some WebSocket functions are an exception: see `_policies`.
- The dependencies are in the zip, not in a layer.
- The configuration names no profile, because nothing calls AWS.
"""

import copy
from pathlib import Path
from typing import Any

from decanter.errors import ProjectError
from decanter.project import rights
from decanter.project.config import Project
from decanter.project.declaration import Declaration
from decanter.project.document import read_json

PLACEHOLDER = "policy-placeholder.json"
PLACEHOLDER_POLICY = {"Version": "2012-10-17", "Statement": []}

Section = dict[str, Any]


def build_config(project: Project, declaration: Declaration) -> Section:
    """Return the content of `.chalice/config.json` for the build folder.

    Raises:
        ProjectError: a policy file of a function or of the HTTP API does not exist, or is not JSON.
    """
    config: Section = copy.deepcopy(project.config.config_from_disk)
    config.pop("profile", None)
    stage: Section = config.setdefault("stages", {}).setdefault(project.chalice_stage, {})
    stage["automatic_layer"] = False
    key = "api_gateway_policy_file"
    if name := project.config.api_gateway_policy_file:
        stage[key] = _policy_file(project, name, "the HTTP API", key)
    policies = _policies(project, declaration)
    functions = stage.setdefault("lambda_functions", {})
    for function, entries in policies.items():
        functions[function] = {**functions.get(function, {}), **entries}
    return config


def analysed(project: Project, declaration: Declaration) -> list[str]:
    """Return the functions whose role and policy Chalice creates, with its policy analyzer."""
    scopes = {function: project.scope(function) for function in _left(project, declaration)}
    return [
        function
        for function, config in scopes.items()
        if config.manage_iam_role and config.autogen_policy
    ]


def _left(project: Project, declaration: Declaration) -> list[str]:
    """Return the functions whose role Decanter does not write."""
    managed = rights.managed(project, declaration)
    return [function for function in declaration.functions if function not in managed]


def _policies(project: Project, declaration: Declaration) -> dict[str, Section]:
    """Return the configuration that sets the policies of functions, by configuration key."""
    websocket = {handler.function for handler in declaration.websocket.values()}
    # Chalice adds the right to post only to the first WebSocket function. If Chalice does not
    # analyse this function, no function gets the right.
    shared = websocket if websocket & {*analysed(project, declaration)} else ()
    placeholder = {"autogen_policy": False, "iam_policy_file": PLACEHOLDER}
    found: dict[str, Section] = {
        function: {"autogen_policy": True} if function in shared else placeholder
        for function in rights.managed(project, declaration)
    }
    for function in _left(project, declaration):
        config = project.scope(function)
        if config.manage_iam_role and not config.autogen_policy:
            name = rights.policy_file_name(project, function)
            found[function] = {"iam_policy_file": _policy_file(project, name, function)}
    return found


def _policy_file(project: Project, name: str, owner: str, key: str = "autogen_policy") -> str:
    """Return the absolute path of a policy file, because the build folder has no copy."""
    path: Path = project.config_path.parent / name
    if not path.is_file():
        raise ProjectError(
            f"{project.config_path}: stage {project.chalice_stage} takes the policy of {owner} "
            f'from .chalice/{name}, which does not exist: write it, or remove "{key}"'
        )
    read_json(path)
    return str(path)
