"""The project's own parts of the template: `.chalice/overrides.json` and `resources.json`.

In Chalice's tutorial, the project's root has a merge template `resources.json`. A file with this
name may also be the template of another stack. Then a merge would create its resources twice. The
file counts as a merge template only if it is incomplete without Chalice's template.
"""

from collections.abc import Callable, Mapping
from typing import Any

from decanter.aws.references import dangling
from decanter.errors import ProjectError
from decanter.project.config import Project
from decanter.project.declaration import Declaration
from decanter.project.describe import Reports, Variables, describe, own_environment
from decanter.project.document import merged, parse_template, read_template
from decanter.project.handlers import FUNCTION_OF_ROUTE
from decanter.project.secrets import is_reference
from decanter.project.stack import logical_id
from decanter.project.template import OVERRIDES, ROOT_TEMPLATE, Template

Section = dict[str, Any]


def overrides(project: Project) -> Section:
    """Return the template that is merged over the generated template. It may be empty.

    Raises:
        ProjectError: a file cannot be read, or the overrides are in YAML.
    """
    root, path = _root_template(project), project.directory / OVERRIDES
    found = root if _needs_chalices(root) else {}
    if path.is_file():
        return merged(read_template(path), found)
    for other in (path.with_suffix(suffix) for suffix in (".yaml", ".yml")):
        if other.is_file():
            raise ProjectError(f"{other} is not read: write its content as JSON into {OVERRIDES}")
    return found


def variables(project: Project) -> dict[str, str]:
    """Return the environment variables in the overrides, because an app may read them at import.

    A variable whose value is not known on this machine gets its own name as its value.
    """
    found = Template(overrides(project), project.stack).variables()
    return {name: name if value is None else value for name, value in found.items()}


def described(project: Project, reports: Reports | None = None) -> Declaration:
    """Import the project's app with the stage's variables. Return its declarations.

    `reports` are the results of imports for other stages. If the app has read no variable that
    differs between the stages, one of these results is used instead of a new import.

    Raises:
        ProjectError: the app cannot be imported, or a variable is not a string.
    """
    environment = own_environment(project) | variables(project)
    return describe(project, environment, reports=reports, own=_differing(project, environment))


def variables_of(template: Mapping[str, Any], function: str) -> dict[str, Any]:
    """Return the environment variables that a template sets for a function, unevaluated."""
    shared = template.get("Globals", {}).get("Function", {})
    own = template.get("Resources", {}).get(logical_id(function), {}).get("Properties", {})
    found: dict[str, Any] = {}
    for properties in (shared, own):
        found |= properties.get("Environment", {}).get("Variables", {})
    return found


def _differing(project: Project, environment: Mapping[str, str]) -> Variables:
    """Return the variables of WebSocket functions that differ from the environment.

    CloudFormation evaluates some values. They are not known here, so they are None.
    """
    own = overrides(project)
    found: dict[str, dict[str, str | None]] = {}
    for function in FUNCTION_OF_ROUTE.values():
        given = {**project.environment(function), **variables_of(own, function)}
        known = {name: _known(value) for name, value in given.items()}
        found[function] = {k: v for k, v in known.items() if environment.get(k) != v}
    return {function: each for function, each in found.items() if each}


def _known(value: Any) -> str | None:
    return value if isinstance(value, str) and not is_reference(value) else None


def warn_of_root_template(project: Project, report: Callable[[str], None]) -> None:
    """Warn if the project's root has a template that is not merged."""
    root = _root_template(project)
    if root.get("Resources") and not _needs_chalices(root):
        report(
            f"warning: {ROOT_TEMPLATE} is a complete template of its own, so it is not packaged. "
            f"If its resources belong to this stack, move it to {OVERRIDES}"
        )


def _root_template(project: Project) -> Section:
    """Return the template in the root; empty if the file is missing or not a template."""
    path = project.directory / ROOT_TEMPLATE
    if not path.is_file():
        return {}
    document = parse_template(path.read_text(encoding="utf-8", errors="replace"))
    return read_template(path) if isinstance(document.get("Resources"), dict) else {}


def _needs_chalices(template: Section) -> bool:
    """True if a template is incomplete without Chalice's template.

    Such a template has a resource without `Type`, `Globals` without `Transform`, or a dangling
    reference.
    """
    resources = template.get("Resources", {})
    is_partial = any("Type" not in resource for resource in resources.values())
    shared = "Globals" in template and "Transform" not in template
    return is_partial or shared or any(dangling(template, resources))
