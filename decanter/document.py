"""Reading a template's file: JSON, or YAML with CloudFormation's short tags."""

import json
from pathlib import Path
from typing import Any

import yaml

from decanter.errors import ProjectError


class _Loader(yaml.SafeLoader):
    """YAML as CloudFormation reads it; a class of its own, as tags are registered by class."""


def _short_tag(loader: yaml.SafeLoader, suffix: str, node: yaml.Node) -> dict[str, Any]:
    """`!Ref X` is `{"Ref": "X"}`, `!Sub X` is `{"Fn::Sub": "X"}`."""
    value: Any
    if isinstance(node, yaml.MappingNode):
        value = loader.construct_mapping(node, deep=True)
    elif isinstance(node, yaml.SequenceNode):
        value = loader.construct_sequence(node, deep=True)
    elif isinstance(node, yaml.ScalarNode):
        value = loader.construct_scalar(node)
    else:
        raise yaml.YAMLError(f"unknown node {node}")
    return {suffix if suffix in {"Ref", "Condition"} else f"Fn::{suffix}": value}


_Loader.add_multi_constructor("!", _short_tag)


def read_json(path: Path) -> dict[str, Any]:
    """Read a JSON object.

    Raises:
        ProjectError: there is no such file, or it holds something else.
    """
    try:
        return _object(path, json.loads(_text(path)))
    except json.JSONDecodeError as error:
        place = f"{path}:{error.lineno}:{error.colno}"
        raise ProjectError(f"{place}: this is no JSON: {error.msg}") from error


def read_template(path: Path) -> dict[str, Any]:
    """Read a template, YAML if the file's name says so, else JSON.

    Raises:
        ProjectError: there is no such file, or it is no template.
    """
    document = _read_yaml(path) if path.suffix.lower() in {".yaml", ".yml"} else read_json(path)
    for section in ("Resources", "Parameters", "Mappings"):
        for name, member in _object(path, document.get(section, {}), section).items():
            _object(path, member, f"{section}.{name}")
    return document


def _read_yaml(path: Path) -> dict[str, Any]:
    try:
        # The loader derives from SafeLoader: no object of Python's is made.
        return _object(path, yaml.load(_text(path), Loader=_Loader))  # noqa: S506
    except yaml.YAMLError as error:
        problem = " ".join(str(error).split())
        raise ProjectError(f"{path}: this is no YAML: {problem}") from error


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except OSError as error:
        raise ProjectError(f"cannot read {path}: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise ProjectError(f"{path}: this is no UTF-8: byte {error.start}") from error


def _object(path: Path, value: object, place: str = "") -> dict[str, Any]:
    if not isinstance(value, dict):
        kind = type(value).__name__
        raise ProjectError(f"{path}: {place or 'the whole'} has to be an object, not {kind}")
    return value
