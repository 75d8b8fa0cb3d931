"""The template and the parameters that `decanter provision` submits to CloudFormation."""

import json
import shutil
import subprocess
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from difflib import unified_diff
from pathlib import Path
from typing import Any

from decanter.aws.ownership import EXISTING, Owner, mark_of
from decanter.aws.redaction import redacted, secret_names
from decanter.aws.stacks import Stack, Template
from decanter.errors import ProjectError

S3 = "s3://"
GIT_SECONDS = 10


@dataclass(frozen=True)
class Submission:
    """A template and its parameters, ready for CloudFormation.

    The parameters in `kept` keep their values in the stack.
    """

    template: Template
    parameters: Mapping[str, str]
    kept: Sequence[str] = ()

    def write(self, path: Path) -> None:
        """Write the template to a file."""
        path.write_text(as_text(self.template), encoding="utf-8")

    def resources(self) -> Iterator[tuple[str, str]]:
        """Yield the logical id and the type of each resource."""
        for name, resource in self.template["Resources"].items():
            yield name, resource["Type"]

    def difference(self, stack: Stack, deployed: Mapping[str, Any]) -> list[str]:
        """Return a diff against the deployed template, and a line for each changed parameter."""
        shown = redacted(without_stamp(deployed), without_stamp(self.template))
        old, new = (as_text(it).splitlines() for it in shown)
        lines = list(unified_diff(old, new, f"{stack.name}, deployed", "this project", lineterm=""))
        secret = secret_names(deployed) | secret_names(self.template)
        changed = [
            f"parameter {name}: " + ("changed" if name in secret else f"{before} → {value}")
            for name, value in self.parameters.items()
            # CloudFormation returns the value of a NoEcho parameter as ****, so it counts as
            # changed.
            if (before := stack.parameters.get(name)) != value
        ]
        return lines + changed


def completed(packaged: Template, code: str, commit: str | None, owner: Owner) -> Template:
    """Return the packaged template with the code's URL, the stage's mark and the commit."""
    resources = {name: _with_code(it, code) for name, it in packaged["Resources"].items()}
    # If only the Metadata has changed, CloudFormation finds no change. Therefore, a new commit
    # alone causes no deployment (User Guide, "Metadata").
    existing = {key: it for key, it in mark_of(packaged).items() if key == EXISTING}
    stamp = {**owner.mark, **({"Commit": commit} if commit else {}), **existing}
    metadata = packaged.get("Metadata", {}) | {"Decanter": stamp}
    return packaged | {"Resources": resources, "Metadata": metadata}


def kept(stack: Stack, deployed: Template, wanted: Template) -> list[str]:
    """Return the parameters that keep their values in the stack.

    The new template has these parameters, and their values differ from the old template's defaults.
    """
    declared = deployed.get("Parameters") or {}
    return [
        name
        for name, value in stack.parameters.items()
        if name in wanted.get("Parameters", {})
        and value != str(declared.get(name, {}).get("Default"))
    ]


def given(arguments: Iterable[str], packaged: Template) -> dict[str, str]:
    """Return the values of parameters that the command line sets with `NAME=VALUE`.

    Raises:
        ProjectError: a parameter does not have this form, or the template has no such parameter.
    """
    known = packaged.get("Parameters", {})
    parameters = {}
    for number, argument in enumerate(arguments, 1):
        name, equals, value = argument.partition("=")
        if not equals:  # the argument may contain a secret, so it is not quoted
            raise ProjectError(f"--parameter number {number} has no '=': write it as NAME=VALUE")
        if name not in known:
            names = ", ".join(known) or "none"
            raise ProjectError(f"the template has no parameter {name}; it has {names}")
        parameters[name] = value
    return parameters


def commit(directory: Path) -> str | None:
    """Return the short id of the commit; None outside of git. Uncommitted changes add `-dirty`."""
    git = shutil.which("git")
    if git is None:
        return None
    try:
        done = subprocess.run(
            [git, "-C", str(directory), "describe", "--always", "--dirty", "--exclude", "*"],
            capture_output=True,
            text=True,
            timeout=GIT_SECONDS,
            check=True,
        )
    except (OSError, subprocess.SubprocessError):
        return None
    return done.stdout.strip()


def commit_of(template: Template) -> str | None:
    """Return the commit in a template's metadata, or None."""
    commit: str | None = mark_of(template).get("Commit")
    return commit


def artifacts(template: Template) -> set[str]:
    """Return the names of the buckets that contain the code of a submitted template."""
    found = set()
    for resource in (template.get("Resources") or {}).values():
        uri = (resource.get("Properties") or {}).get("CodeUri")
        if isinstance(uri, str) and uri.startswith(S3):
            found.add(uri.removeprefix(S3).partition("/")[0])
    return found


def without_stamp(template: Mapping[str, Any]) -> Template:
    """Return a template without its `Metadata`. CloudFormation ignores changes to this section."""
    return {key: value for key, value in template.items() if key != "Metadata"}


def as_text(template: Mapping[str, Any]) -> str:
    """Return a template as text. Equal templates have equal texts."""
    # A YAML template may contain dates, such as AWSTemplateFormatVersion.
    return json.dumps(template, indent=2, sort_keys=True, ensure_ascii=False, default=str) + "\n"


def _with_code(resource: dict[str, Any], code: str) -> dict[str, Any]:
    """Return a resource with the URL of its code. Only a local file is replaced."""
    uri = resource.get("Properties", {}).get("CodeUri")
    if not isinstance(uri, str) or uri.startswith(S3):
        return resource
    return resource | {"Properties": resource["Properties"] | {"CodeUri": code}}
