"""Of which AWS services the code makes clients, as far as it is written there.

A service is found where a client is made: `boto3.client("s3")`, `session.create_client(NAME)` with
`NAME = "s3"` in any of the files. Where the name comes from elsewhere, nobody can know.
"""

import ast
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

_MAKERS = {"client", "resource", "create_client"}


@dataclass(frozen=True)
class Services:
    """What was found.

    Attributes:
        names: botocore's names of the services.
        unknown: where a client is made of a service that is not written there, as `FILE:LINE`.
    """

    names: frozenset[str]
    unknown: tuple[str, ...]


def services_of(files: Iterable[Path], known: Iterable[str]) -> Services:
    """The services that these source files make clients of.

    Args:
        files: Python source; what cannot be parsed, Lambda cannot import either.
        known: botocore's names of all services: other texts are something else's clients.
    """
    trees = [(file, tree) for file in files if (tree := _parsed(file)) is not None]
    constants = _constants(tree for _, tree in trees)
    names: set[str] = set()
    unknown = []
    for file, tree in trees:
        for line, asked in _asked(tree):
            found = _texts(asked, constants)
            names |= found
            if not found:
                unknown.append(f"{file}:{line}")
    return Services(frozenset(names & set(known)), tuple(unknown))


def imports(file: Path, package: str) -> bool:
    """Whether a source file imports a package or something of it."""
    names: list[str] = []
    for node in ast.walk(_parsed(file) or ast.Module([], [])):
        if isinstance(node, ast.Import):
            names += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and not node.level:
            names.append(node.module or "")
    return any(name.partition(".")[0] == package for name in names)


def _parsed(file: Path) -> ast.Module | None:
    try:
        return ast.parse(file.read_bytes(), str(file))
    except (SyntaxError, ValueError):
        return None


def _constants(trees: Iterable[ast.Module]) -> Mapping[str, set[str]]:
    """The texts that are assigned to each name anywhere."""
    constants: dict[str, set[str]] = defaultdict(set)
    for tree in trees:
        for node in ast.walk(tree):
            if isinstance(node, ast.Assign | ast.AnnAssign) and _is_text(node.value):
                targets = node.targets if isinstance(node, ast.Assign) else [node.target]
                for name in filter(None, map(_name, targets)):
                    constants[name] |= _texts(node.value, {})
    return constants


def _asked(tree: ast.Module) -> Iterator[tuple[int, ast.expr]]:
    """Where a client is made, and the expression that names its service."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and _name(node.func) in _MAKERS:
            named = [k.value for k in node.keywords if k.arg == "service_name"]
            for argument in (*node.args[:1], *named):
                yield node.lineno, argument


def _texts(node: ast.expr | None, constants: Mapping[str, set[str]]) -> set[str]:
    """The texts that an expression may be; none if that is not written down."""
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return {node.value}
    return constants.get(_name(node) or "", set())


def _is_text(node: ast.expr | None) -> bool:
    return isinstance(node, ast.Constant) and isinstance(node.value, str)


def _name(node: ast.expr | None) -> str | None:
    """The last word of a dotted name."""
    if isinstance(node, ast.Attribute):
        return node.attr
    return node.id if isinstance(node, ast.Name) else None
