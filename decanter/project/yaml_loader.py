"""The YAML of CloudFormation, with its short tags. Only a YAML template needs this module."""

from typing import Any

import yaml


class Loader(yaml.SafeLoader):
    """A loader for the short tags. PyYAML registers the constructors of tags for each class."""


def _short_tag(loader: yaml.SafeLoader, suffix: str, node: yaml.Node) -> dict[str, Any]:
    """Return `{"Ref": "X"}` for `!Ref X`, and `{"Fn::Sub": "X"}` for `!Sub X`."""
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


Loader.add_multi_constructor("!", _short_tag)


class UniqueLoader(Loader):
    """A loader that refuses a mapping with a repeated key, like CloudFormation."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:  # noqa: FBT001, FBT002 - yaml's signature
        """Return the mapping of a node. Raise ConstructorError for a repeated key."""
        seen: list[Any] = []
        for key_node, _ in node.value:
            key = self.construct_object(key_node, deep=True)
            if key in seen:
                problem = f"the key {key!r} is repeated"
                raise yaml.constructor.ConstructorError(None, None, problem, key_node.start_mark)
            seen.append(key)
        return super().construct_mapping(node, deep)
