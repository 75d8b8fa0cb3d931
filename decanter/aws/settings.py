"""Warn about a stage's missing variables, plain secrets, lost rights and wrong table names."""

from collections.abc import Iterator, Mapping
from typing import Any

from decanter.aws.overrides import overrides, variables_of
from decanter.project import rights
from decanter.project.config import Project
from decanter.project.declaration import SSM, Declaration
from decanter.project.secrets import is_plain_secret, is_secure_parameter

OWN = "DECANTER_"
"""The prefix of Decanter's settings."""


def stage_warnings(project: Project, declaration: Declaration) -> Iterator[str]:
    """Yield each warning about the app and the configuration of the project's stage."""
    for text in declaration.warnings:
        is_refusal = text == declaration.refusal
        stage = f"stage {project.chalice_stage} cannot be packaged: " if is_refusal else ""
        yield f"warning: {stage}{text}"
    own = overrides(project)
    yield from missing_settings(project, declaration, own)
    yield from set_elsewhere(project, declaration, own)
    yield from exposed_secrets(project, declaration, own)
    yield from lost_rights(project, declaration)
    yield from other_tables(project, declaration)


def missing_settings(
    project: Project, declaration: Declaration, overrides: Mapping[str, Any]
) -> Iterator[str]:
    """Yield a warning for each function whose hooks need variables that the stage does not set."""
    for router in declaration.routers:
        for function, groups in router.settings.items():
            if function not in declaration.lambdas:
                continue
            known = project.environment(function) | variables_of(overrides, function)
            missing = [" or ".join(group) for group in groups if not any(map(known.get, group))]
            if missing:
                yield (
                    f"warning: stage {project.chalice_stage} does not set {' and '.join(missing)}, "
                    f"which a hook of {function} needs: every client gets an error. Add "
                    "environment_variables in .chalice/config.json"
                )


def set_elsewhere(
    project: Project, declaration: Declaration, overrides: Mapping[str, Any]
) -> Iterator[str]:
    """Yield a warning for the variables that another stage sets but this stage does not set.

    Decanter's own settings are omitted, because they have defaults, or `missing_settings` warns
    about them. The variables of declared tables are omitted too, because the template sets them.
    """
    known = {table.environment for table in declaration.tables} | _names(project, declaration)
    for function in declaration.functions:
        known |= {*variables_of(overrides, function)}
    found: dict[str, list[str]] = {}
    for stage in project.stages:
        other = Project.load(project.directory, stage)
        for name in sorted(_names(other, declaration) - known):
            if not name.startswith(OWN):
                found.setdefault(name, []).append(stage)
    if found:
        shown = ", ".join(f"{name} ({', '.join(stages)})" for name, stages in found.items())
        yield (
            f"warning: stage {project.chalice_stage} does not set variables that other stages set: "
            f"{shown}. If its functions need them, add them to environment_variables in "
            ".chalice/config.json"
        )


def exposed_secrets(
    project: Project, declaration: Declaration, overrides: Mapping[str, Any]
) -> Iterator[str]:
    """Yield a warning, without the value, for each variable with a wrongly stored secret.

    Such a value is a secret in plain text, or a reference to a SecureString.
    """
    found: dict[str, str] = {}
    for function in declaration.functions:
        for file, variables in (
            ("config.json", project.environment(function)),
            ("overrides.json", variables_of(overrides, function)),
        ):
            for name, value in variables.items():
                if isinstance(value, str) and (warning := _exposed(name, value, file)):
                    found.setdefault(name, warning)
    yield from found.values()


def lost_rights(project: Project, declaration: Declaration) -> Iterator[str]:
    """Yield a warning if Chalice's policy analyzer fails, because it then finds no rights."""
    functions = rights.with_analysis(project, declaration)
    if functions and (failure := rights.Analysis.of(project).failure):
        yield (
            f"warning: Chalice's policy analyzer fails on app.py ({failure}): on AWS, "
            f"{', '.join(functions)} may only read the source of their events, use the declared "
            "tables and write their log. For other rights, declare them with @uses, or set "
            '"autogen_policy": false and "iam_policy_file" in .chalice/config.json'
        )


def other_tables(project: Project, declaration: Declaration) -> Iterator[str]:
    """Yield a warning for each configured name that differs from a declared existing table."""
    for table in declaration.tables:
        if not table.existing or table.existing.startswith(SSM):
            continue
        own = table.local_name("", ())
        names = {project.environment(f).get(table.environment) for f in declaration.functions}
        for name in sorted(filter(None, names - {own, table.existing})):
            yield (
                f"warning: {table.environment} in .chalice/config.json is {name}, which only "
                f"`chalice deploy` uses: the app declares the existing table {own}. Use one name"
            )


def _exposed(name: str, value: str, file: str) -> str | None:
    remedy = f'write "{name}": "{{{{resolve:secretsmanager:NAME}}}}"'
    if is_secure_parameter(value):
        return (
            f"warning: {name} in .chalice/{file} is {{{{resolve:ssm-secure:…}}}}, which "
            f"CloudFormation refuses in a function's environment: {remedy}, or read the parameter "
            "when the function starts"
        )
    if is_plain_secret(name, value):
        named = f". For the name of a secret, use a variable such as {name}_NAME"
        return (
            f"warning: {name} in .chalice/{file} looks like a secret in plain text, which everyone "
            f"who can read git, build/ or the template in S3 can read: move it to Secrets Manager, "
            f"and {remedy}{'' if name.startswith(OWN) else named}"
        )
    return None


def _names(project: Project, declaration: Declaration) -> set[str]:
    """Return the names of all variables that a stage's configuration sets for its functions."""
    scopes = map(project.scope, declaration.functions)
    return {name for scope in scopes for name in scope.environment_variables}
