"""Find the AWS services that the code may use, by the names that the code contains.

Most calls name a client's service with a string, as in `boto3.client("s3")`. Therefore, every
string in the code that is the name of a service counts as a used service. The code may also compute
the name at run time, from an event or the environment. Therefore, each call that creates a client
is checked too. A call is clear if it names the service with a string, or with a variable that has
only strings as values. Any other call is unclear, and may create a client of any service.
"""

import ast
import json
import re
import sys
import warnings
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from decanter.aws.cache import Cache, digest
from decanter.gc_paused import gc_paused

# The factories of clients and resources. Other libraries use these names for other purposes.
_COMMON = {"client", "resource"}
# The names that only the SDK has: factories of clients, and functions that read a service's data.
_OWN = {
    *("create_client", "create_client_class", "load_service_model", "get_available_regions"),
    *("get_service_model", "get_service_data", "get_paginator_model", "get_waiter_model"),
}
_FACTORIES = _COMMON | _OWN
# These functions take the service as their second argument, or return all services.
_OPAQUE = {"create_nested_client", "get_available_services", "get_available_resources"}
_SDK = re.compile("boto|session", re.IGNORECASE)
# A string that names a factory, for an import by name: "boto3.client",
# "boto3.session:Session.client".
_PATH = re.compile(r"(aio)?boto3[.:](.*[.:])?(client|resource)")
# The members that call a factory, or give access to it without its name.
_INNER = {"__call__", "__dict__", "__get__", "__getattribute__", "__wrapped__"}
# A file without any of these words has no unclear call, so its calls are not examined.
_SUSPECT = re.compile(rb"boto|client|resource|session|service|_regions|_model", re.IGNORECASE)
# A string that can be botocore's name for a service.
_SERVICE = re.compile(r"[\w.-]{1,80}")
# The keys in the cache depend on this code, so facts from another version of it are not used.
_OWN_CODE = Path(__file__).read_bytes()


@dataclass(frozen=True)
class Services:
    """The services that the code may use.

    Attributes:
        names: botocore's names for the services.
        unclear: the places that may create a client of any service, as `FILE:LINE`, or as `FILE`
            for a compiled module.
    """

    names: frozenset[str]
    unclear: tuple[str, ...]


def services_of(files: Iterable[Path], known: Iterable[str], cache: Cache) -> Services:
    """Return the services that Python sources and compiled modules may use.

    `known` contains botocore's names for all services.
    """
    read = [(file, _facts(file.read_bytes(), file.suffix, cache)) for file in files]
    texts = {text for _, facts in read for text in facts["texts"]}
    constant = {name for _, facts in read for name in facts["constant"]}
    constant -= {name for _, facts in read for name in facts["varying"]}
    unclear = []
    for file, facts in read:
        lines = {line for line, name in facts["doubts"] if name not in constant}
        unclear += [f"{file}:{line}" if line else str(file) for line in sorted(lines)]
    return Services(frozenset(texts.intersection(known)), tuple(unclear))


def imports(file: Path, package: str) -> bool:
    """True if a source file imports a package, or has a string that starts with its name."""
    source = _Source(file.read_bytes())
    names: list[str] = []
    for node in source.nodes if package.encode() in source.content else []:
        if isinstance(node, ast.Import):
            names += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and not node.level:
            names.append(node.module or "")
        elif text := _text(node):
            names.append(text)
    return any(re.match(rf"{package}([.:]|$)", name) for name in names)


def _facts(content: bytes, suffix: str, cache: Cache) -> dict[str, Any]:
    """Return the facts about a file that `services_of` needs, as a JSON object.

    The object has these members:

    - `texts`: the strings that may be the name of a service.
    - `constant`, `varying`: the names that have only strings as values, and all other names.
    - `doubts`: the lines that may create a client of any service. Each line has a name. If only
      strings are bound to this name, the line is clear after all. An empty name never makes a line
      clear.
    """
    if suffix != ".py":
        doubts = [(0, "")] if b"boto" in content else []
        return {"texts": [], "constant": [], "varying": [], "doubts": doubts}
    key = digest(b"services", _OWN_CODE, sys.version.encode(), content)
    if (kept := cache.get(key)) is not None:
        found: dict[str, Any] = json.loads(kept)
        return found
    with gc_paused():  # all nodes of a syntax tree live until the end
        found = _Source(content).facts()
    cache.put(key, json.dumps(found, separators=(",", ":")).encode())
    return found


class _Source:
    """The content of a source file, and the calls in it that create clients."""

    def __init__(self, content: bytes) -> None:
        self.content = content

    @cached_property
    def nodes(self) -> list[ast.AST]:
        """The nodes of the syntax tree, outer nodes first. Invalid Python has no nodes."""
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # a warning about the code is not an error
            try:
                return list(ast.walk(ast.parse(self.content)))
            except (SyntaxError, ValueError):
                return []

    @cached_property
    def bindings(self) -> list[tuple[str, ast.expr | None]]:
        """Each name that the file binds, with the expression of its value or with None."""
        return list(_bindings(self.nodes))

    def facts(self) -> dict[str, Any]:
        """Return the facts about this file, as `_facts` describes them."""
        texts = {text for node in self.nodes if (text := _text(node))}
        varying = {name for name, value in self.bindings if value is None or _text(value) is None}
        return {
            "texts": sorted(text for text in texts if _SERVICE.fullmatch(text)),
            "constant": sorted({name for name, _ in self.bindings} - varying),
            "varying": sorted(varying),
            "doubts": sorted(self._doubts()),
        }

    def _doubts(self) -> set[tuple[int, str]]:
        """Return the member `doubts` of the facts that `_facts` describes."""
        if not _SUSPECT.search(self.content):
            return set()
        nodes = (node for node in self.nodes if isinstance(node, ast.stmt | ast.expr))
        return {(node.lineno, name) for node in nodes for name in self._doubts_about(node)}

    def _doubts_about(self, node: ast.stmt | ast.expr) -> Iterable[str]:
        """Return the names that must be constants, or "" if the node is unclear in any case."""
        if isinstance(node, ast.Call) and self._makes_client(node):
            services = _service(node)
            return [_name(each) or "" for each in services if _text(each) is None]
        return [""] if self._is_unclear(node) else []

    def _makes_client(self, call: ast.Call) -> bool:
        name = _name(call.func)
        return (
            name in _FACTORIES if isinstance(call.func, ast.Attribute) else name in self._imported
        )

    def _is_unclear(self, node: ast.stmt | ast.expr) -> bool:
        match node:
            case ast.Call():
                return self._is_unclear_call(node)
            case ast.Attribute(ctx=ast.Load()) | ast.Name(ctx=ast.Load()):
                return node not in self._used and self._is_factory(node)
            case ast.ImportFrom() if _is_boto(node.module):
                names = [alias for alias in node.names if alias.name in {*_COMMON, "*"}]
                return any(alias.asname or alias.name == "*" for alias in names)
        return _PATH.fullmatch(_text(node) or "") is not None

    def _is_unclear_call(self, call: ast.Call) -> bool:
        name = _name(call.func)
        if name in {"attrgetter", "methodcaller"}:
            return any((_text(path) or "").split(".")[-1] in _FACTORIES for path in call.args)
        if name in {"getattr", "__getattribute__"} and len(call.args) > 1:
            member = _text(call.args[1])
            return member in _OWN or (
                (member is None or member in _COMMON) and _mentions(call.args[0], self._sdk_names)
            )
        return name in _OPAQUE

    def _is_factory(self, node: ast.Attribute | ast.Name) -> bool:
        """True for a factory or a module that has a factory."""
        if isinstance(node, ast.Name):
            return node.id in self._factories
        if node.attr in _COMMON:  # `table.meta.client` is a client
            return _name(node.value) != "meta" and _mentions(node.value, self._sdk_names)
        return node.attr in _OWN

    @cached_property
    def _used(self) -> set[ast.AST]:
        """The nodes that are called, or whose attributes are read.

        These nodes do not give a factory to other code.
        """
        return {
            node.func if isinstance(node, ast.Call) else node.value
            for node in self.nodes
            if isinstance(node, ast.Call)
            or (isinstance(node, ast.Attribute) and node.attr not in _INNER)
        }

    @cached_property
    def _imported(self) -> set[str]:
        """The names that may be factories and that the file imports from any module."""
        imported = (node.names for node in self.nodes if isinstance(node, ast.ImportFrom))
        return {
            alias.asname or alias.name
            for names in imported
            for alias in names
            if alias.name in _FACTORIES
        }

    @cached_property
    def _factories(self) -> set[str]:
        """The names of boto3 and of its factories in this file."""
        names: set[str] = set()
        for node in self.nodes:
            if isinstance(node, ast.Import):
                modules = [alias for alias in node.names if alias.name in {"boto3", "aioboto3"}]
                names |= {alias.asname or alias.name for alias in modules}
            elif isinstance(node, ast.ImportFrom) and _is_boto(node.module):
                names |= _FACTORIES.intersection(alias.name for alias in node.names)
        return names

    @cached_property
    def _sdk_names(self) -> set[str]:
        """The names in this file that refer to the SDK or to a session of the SDK."""
        names: set[str] = set()
        if b"boto" not in self.content:
            return names
        bindings = [(name, value) for name, value in self.bindings if value is not None]
        while found := {name for name, value in bindings if _mentions(value, names)} - names:
            names |= found
        return names


def _service(call: ast.Call) -> list[ast.expr]:
    """Return the arguments that name the service in the call of a factory."""
    named = [word.value for word in call.keywords if word.arg == "service_name"]
    spread = [word.value for word in call.keywords if word.arg is None]
    return named or call.args[:1] or spread


def _bindings(nodes: Iterable[ast.AST]) -> Iterator[tuple[str, ast.expr | None]]:
    values: dict[ast.AST, ast.expr] = {}
    for node in nodes:  # a statement comes before its targets
        match node:
            case ast.Assign():
                values |= {target: node.value for each in node.targets for target in _targets(each)}
            case ast.AnnAssign(value=ast.expr() as value) | ast.NamedExpr(value=value):
                values[node.target] = value
            case ast.withitem(context_expr=value, optional_vars=ast.expr() as target):
                values[target] = value
            case ast.Name(ctx=ast.Store()) | ast.Attribute(ctx=ast.Store()):
                yield _name(node) or "", values.get(node)
            case ast.keyword(arg=str() as name):
                yield name, node.value
            case ast.ExceptHandler() | ast.MatchAs() | ast.MatchStar() if node.name:
                yield node.name, None
            case _:
                yield from _declared(node)


def _declared(node: ast.AST) -> Iterator[tuple[str, ast.expr | None]]:
    """Yield the names that a definition, a parameter or an import binds."""
    match node:
        case ast.arg():
            yield node.arg, None
            if node.annotation:
                yield node.arg, node.annotation
        case ast.FunctionDef() | ast.AsyncFunctionDef():
            yield node.name, None
            for each in ast.walk(node):
                if isinstance(each, ast.Return) and each.value:
                    yield node.name, each.value
        case ast.ClassDef():
            yield node.name, None
            yield from ((name, base) for base in node.bases for name in (node.name, "self"))
            # In a dataclass, the value in the class body is only a default.
            fields = [each.target for each in node.body if isinstance(each, ast.AnnAssign)]
            yield from ((_name(field) or "", None) for field in fields)
        case ast.alias(asname=str() as name):
            yield name, None
            yield name, ast.Constant(node.name)


def _targets(node: ast.expr) -> list[ast.expr]:
    return node.elts if isinstance(node, ast.Tuple | ast.List) else [node]


def _mentions(node: ast.expr, names: set[str]) -> bool:
    """True if an expression is the SDK, a session, or an object of either, except a client."""
    match node:
        case ast.Name() | ast.Attribute() | ast.Constant():
            word = _text(node) or _name(node) or ""
            return (
                word in names
                or _SDK.search(word) is not None
                or (isinstance(node, ast.Attribute) and _mentions(node.value, names))
            )
        case ast.Call():  # a client creates no clients; `import_module("boto3")` returns the SDK
            texts = [argument for argument in node.args if _text(argument)]
            return _name(node.func) not in _FACTORIES and any(
                _mentions(each, names) for each in (node.func, *texts)
            )
        case ast.Await() | ast.Subscript() | ast.Starred():
            return _mentions(node.value, names)
        case ast.BoolOp(values=values) | ast.Tuple(elts=values) | ast.List(elts=values):
            return any(_mentions(value, names) for value in values)
        case ast.IfExp():
            return _mentions(node.body, names) or _mentions(node.orelse, names)
    return False


def _is_boto(module: str | None) -> bool:
    return "boto" in (module or "")


def _text(node: ast.AST) -> str | None:
    return node.value if isinstance(node, ast.Constant) and isinstance(node.value, str) else None


def _name(node: ast.AST) -> str | None:
    """Return the last part of a dotted name."""
    if isinstance(node, ast.Attribute):
        return node.attr
    return node.id if isinstance(node, ast.Name) else None
