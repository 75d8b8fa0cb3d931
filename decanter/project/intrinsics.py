"""Evaluate those intrinsic functions of CloudFormation that need no call to AWS.

`Resolver` evaluates Ref, Fn::GetAtt, Fn::Sub, Fn::Join, Fn::Select, Fn::Split, Fn::If,
Fn::FindInMap and the condition functions. If a value contains any other function, the error names
the place of the function. Only requested values are evaluated. Source: AWS CloudFormation User
Guide, "Intrinsic function reference".
"""

import re
from collections.abc import Callable, Mapping
from typing import Any

from decanter.errors import ProjectError

# The value of {"Ref": "AWS::NoValue"}. The property or the item with this value is removed.
NO_VALUE = object()
_REMEDY = "use a literal, a parameter with a default, or another file with --template"

# In Fn::Sub: `${Name}`, `${Resource.Attribute}`, and `${!Literal}` for the text `${Literal}`.
VARIABLE = re.compile(r"\$\{([^{}]*)\}")
_NAME = re.compile(r"[A-Za-z0-9_.:]+")

Operand = Any  # the argument of an intrinsic function: any JSON value
Resolved = Any  # the value of an intrinsic function


class Resolver:
    """Evaluates a template's intrinsic functions.

    `references` returns the value of Ref for a name that is not a parameter. `attributes` returns
    the value of Fn::GetAtt for a logical id and an attribute. Unknown values are None.
    """

    def __init__(
        self,
        document: Mapping[str, Any],
        references: Callable[[str], object],
        attributes: Callable[[str, str], str | None],
    ) -> None:
        self._document = document
        self._references = references
        self._attributes = attributes
        self._functions: dict[str, Callable[[Operand, str], Resolved]] = {
            "Ref": self._ref,
            "Fn::GetAtt": self._get_att,
            "Fn::Sub": self._sub,
            "Fn::Join": self._join,
            "Fn::Select": self._select,
            "Fn::Split": self._split,
            "Fn::If": self._if,
            "Fn::FindInMap": self._find_in_map,
        }
        self._conditions: dict[str, Callable[[Operand, str], bool]] = {
            "Condition": self.condition,
            "Fn::Equals": self._equals,
            "Fn::And": self._and,
            "Fn::Or": self._or,
            "Fn::Not": self._not,
        }
        self._testing: list[str] = []

    def resolve(self, value: Operand, where: str) -> Resolved:
        """Return the value with the results of its intrinsic functions.

        `where` is the place of the value, for errors, such as
        `Resources.ConnectionsTable.Properties.TableName`.

        Raises:
            ProjectError: a function in the value cannot be evaluated, or is malformed.
        """
        if isinstance(value, list):
            items = [self.resolve(item, f"{where}[{index}]") for index, item in enumerate(value)]
            return [item for item in items if item is not NO_VALUE]
        if not isinstance(value, dict):
            return value
        if (function := function_name(value)) is not None:
            return self._call(self._functions, function, value[function], where)
        members = {key: self.resolve(item, f"{where}.{key}") for key, item in value.items()}
        return {key: item for key, item in members.items() if item is not NO_VALUE}

    def condition(self, name: str, where: str) -> bool:
        """Evaluate one of the template's conditions.

        Raises:
            ProjectError: the condition does not exist, depends on itself, or cannot be evaluated.
        """
        conditions = self._document.get("Conditions", {})
        if name not in conditions:
            raise ProjectError(f"{where}: the template has no condition {name!r}")
        if name in self._testing:
            raise ProjectError(f"Conditions.{name}: the condition depends on itself")
        self._testing.append(name)
        try:
            return self._test(conditions[name], f"Conditions.{name}")
        finally:
            self._testing.pop()

    def _call(
        self,
        functions: Mapping[str, Callable[[Operand, str], Resolved]],
        function: str,
        operand: Operand,
        where: str,
    ) -> Resolved:
        if function not in functions:
            raise ProjectError(f"{where}: {function} has no value on this machine: {_REMEDY}")
        try:
            return functions[function](operand, where)
        except (AttributeError, LookupError, TypeError, ValueError) as error:
            # The error does not quote the argument, because it may contain the value of a variable.
            raise ProjectError(f"{where}: {function} is malformed") from error

    def _test(self, expression: Operand, where: str) -> bool:
        if not isinstance(expression, dict) or len(expression) != 1:
            raise ProjectError(f"{where}: a condition is an object with one function")
        ((function, operand),) = expression.items()
        return bool(self._call(self._conditions, function, operand, where))

    def _ref(self, name: str, where: str) -> Resolved:
        if name == "AWS::NoValue":
            return NO_VALUE
        parameters = self._document.get("Parameters", {})
        if name in parameters:
            return _default(name, parameters[name])
        value = self._references(name)
        if value is None:
            raise ProjectError(f"{where}: Ref {name} has no value on this machine: {_REMEDY}")
        return value

    def _get_att(self, operand: Operand, where: str) -> str:
        dotted = operand if isinstance(operand, str) else ".".join(operand)
        logical_id, _, attribute = dotted.partition(".")
        value = self._attributes(logical_id, attribute)
        if value is None:
            raise ProjectError(
                f"{where}: Fn::GetAtt {dotted} has no value on this machine: {_REMEDY}"
            )
        return value

    def _sub(self, operand: Operand, where: str) -> str:
        text, variables = (operand, {}) if isinstance(operand, str) else operand

        def value_of(match: re.Match[str]) -> str:
            name = match[1].strip()
            if name.startswith("!"):
                return f"${{{name[1:]}}}"
            if not _NAME.fullmatch(name):
                raise ProjectError(
                    f"{where}: Fn::Sub cannot read {match[0]}: a name has only letters, digits, "
                    "underscores, periods and colons; write ${!…} for the text itself"
                )
            if name in variables:
                return as_text(self.resolve(variables[name], f"{where}.{name}"))
            return as_text(self._get_att(name, where) if "." in name else self._ref(name, where))

        return VARIABLE.sub(value_of, text)

    def _join(self, operand: Operand, where: str) -> str:
        delimiter, items = operand
        texts: list[str] = [as_text(item) for item in self._list(items, where)]
        return str(delimiter).join(texts)

    def _select(self, operand: Operand, where: str) -> Resolved:
        index, items = operand
        position = int(self.resolve(index, where))
        if position < 0:
            raise ValueError(position)
        return self._list(items, where)[position]

    def _split(self, operand: Operand, where: str) -> list[str]:
        delimiter, text = operand
        return as_text(self.resolve(text, where)).split(delimiter)

    def _if(self, operand: Operand, where: str) -> Resolved:
        name, then, otherwise = operand
        return self.resolve(then if self.condition(name, where) else otherwise, where)

    def _find_in_map(self, operand: Operand, where: str) -> Resolved:
        name, first, second = self.resolve(operand, where)
        return self._document["Mappings"][name][first][second]

    def _equals(self, operand: Operand, where: str) -> bool:
        left, right = self.resolve(operand, where)
        return as_text(left) == as_text(right)

    def _and(self, operands: Operand, where: str) -> bool:
        return all(self._test(operand, where) for operand in operands)

    def _or(self, operands: Operand, where: str) -> bool:
        return any(self._test(operand, where) for operand in operands)

    def _not(self, operands: Operand, where: str) -> bool:
        (operand,) = operands
        return not self._test(operand, where)

    def _list(self, items: Operand, where: str) -> list[Resolved]:
        resolved = self.resolve(items, where)
        if not isinstance(resolved, list):
            raise TypeError(resolved)
        return resolved


def as_text(value: object) -> str:
    """Return a scalar as text, like CloudFormation. Raise TypeError for any other value."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str | int | float):
        return str(value)
    raise TypeError(value)


def function_name(value: Any) -> str | None:
    """Return the name of the intrinsic function that a value calls; None if it calls none."""
    if not isinstance(value, Mapping) or len(value) != 1:
        return None
    (key,) = value
    return key if key == "Ref" or str(key).startswith("Fn::") else None


def _default(name: str, parameter: Mapping[str, Any]) -> Resolved:
    if "Default" not in parameter:
        raise ProjectError(f"Parameters.{name}: add a Default, which is used locally")
    default = parameter["Default"]
    if "List" in parameter.get("Type", "String"):
        return [item.strip() for item in str(default).split(",")]
    return default
