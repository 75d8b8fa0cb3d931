"""The declaration of a table by its model, for the tool. Lambda does not import this module.

Indexes have the form that CreateTable and CloudFormation use.
"""

from collections.abc import Iterable
from typing import Any

from pynamodb.models import Model

from decanter.runtime.errors import DeclarationError

KEY_TYPES = ("S", "N", "B")


def schema(model: type[Model]) -> dict[str, Any]:
    """Return the declaration of a model with `@table`, `@connection_table` or a similar decorator.

    Raises:
        DeclarationError: DynamoDB does not support such a table.
    """
    meta: Any = model.Meta
    found = model._get_schema()
    attributes = _types(model, found["attribute_definitions"])
    names = _key(model, "it", found["key_schema"])
    for index in found["local_secondary_indexes"]:
        name = f"local index {index['index_name']}"
        if _key(model, name, index["key_schema"])[0] != names[0] or not names[1:]:
            raise _error(
                model,
                f"{name} must have the table's hash key, {names[0]}, "
                "and the table needs a range key",
            )
    key = [{"name": name, "type": attributes[name]} for name in names]
    ttl = model._ttl_attribute()  # type: ignore[no-untyped-call]
    is_parameter = meta.existing and meta.existing.startswith("ssm:")
    return {
        "kind": "table",
        "model": f"{model.__module__}.{model.__qualname__}",
        "environment": meta.variable,
        "logical_id": "".join(word.capitalize() for word in meta.variable.split("_")),
        "existing": f"{{{{resolve:{meta.existing}}}}}" if is_parameter else meta.existing,
        "is_connections": False,
        "hash_key": key[0],
        "range_key": key[1] if key[1:] else None,
        "attributes": attributes,
        "global_indexes": [_index(model, it) for it in found["global_secondary_indexes"]],
        "local_indexes": [_index(model, it) for it in found["local_secondary_indexes"]],
        "ttl_attribute": ttl.attr_name if ttl else None,
        **meta.billing._asdict(),
    }


def _key(model: type[Model], owner: str, parts: Iterable[Any]) -> list[str]:
    """Return a key's attributes, with the hash key first. PynamoDB returns them sorted by name."""
    found = sorted((it["KeyType"], it["AttributeName"]) for it in parts)
    if [kind for kind, _ in found] not in (["HASH"], ["HASH", "RANGE"]):
        raise _error(model, f"{owner} needs one hash key, and at most one range key")
    return [name for _, name in found]


def _types(model: type[Model], definitions: Iterable[Any]) -> dict[str, str]:
    """Return the type of each attribute in a key of the table or of an index."""
    types: dict[str, str] = {}
    for each in definitions:
        name, kind = each["AttributeName"], each["AttributeType"]
        if kind not in KEY_TYPES:
            raise _error(model, f"the key {name} has type {kind}, not {', '.join(KEY_TYPES)}")
        if types.setdefault(name, kind) != kind:
            raise _error(model, f"the key {name} has the types {types[name]} and {kind}")
    return types


def _index(model: type[Model], found: Any) -> dict[str, Any]:
    names = _key(model, f"index {found['index_name']}", found["key_schema"])
    throughput = found.get("provisioned_throughput")
    return {
        "IndexName": found["index_name"],
        "KeySchema": [
            {"AttributeName": name, "KeyType": kind}
            for name, kind in zip(names, ("HASH", "RANGE"), strict=False)
        ],
        "Projection": dict(found["projection"]),
        **({"ProvisionedThroughput": dict(throughput)} if throughput else {}),
    }


def _error(model: type[Model], problem: str) -> DeclarationError:
    return DeclarationError(f"the table of {model.__name__}: {problem}")
