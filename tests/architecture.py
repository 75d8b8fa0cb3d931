"""Who may import whom, and how large files and functions may grow.

The rules: `app` imports `chalicelib`; `decanter` imports neither; `chalicelib` imports itself,
relatively, and nothing that only development needs, so that it ships whole and works as another
project's symlink; leaves import nothing of ours; `decanter.local` and `decanter.aws` stay apart;
scripts that run as processes of their own stand alone.
"""

import ast
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
HOUSES = ("app", "chalicelib", "decanter")
SHIPPED = {"botocore", "pynamodb", "jwt"}  # the last by those alone who use it
LEAVES = {
    "chalicelib.errors",
    "chalicelib.settings",
    "decanter.errors",
    "decanter.local.events",
    "decanter.local.hosts",
}
STAND_ALONE = {
    "decanter.inside",
    "decanter.local.dynamodb",
    "decanter.local.forkserver",
    "decanter.local.worker",
}
APART = (("decanter.local", "decanter.aws"), ("decanter.aws", "decanter.local"))
MAX_FILE_LINES = 400
MAX_FUNCTION_LINES = 40


@dataclass(frozen=True)
class Import:
    """One imported module: its full name, and how it was written."""

    target: str
    relative: bool
    line: int

    @property
    def house(self) -> str:
        return self.target.partition(".")[0]

    @property
    def ours(self) -> bool:
        return self.house in HOUSES


@dataclass(frozen=True)
class Module:
    """One source file: its name, and whether it is a package's `__init__.py`."""

    name: str
    source: str
    is_package: bool = False

    @property
    def package(self) -> str:
        return self.name if self.is_package else self.name.rpartition(".")[0]

    def tree(self) -> ast.Module:
        return ast.parse(self.source, self.name)

    def imports(self) -> Iterator[Import]:
        """Every import, those inside functions and `if TYPE_CHECKING` among them."""
        for node in ast.walk(self.tree()):
            if isinstance(node, ast.Import):
                for alias in node.names:
                    yield Import(alias.name, relative=False, line=node.lineno)
            elif isinstance(node, ast.ImportFrom):
                base = self._base(node)
                names = [alias.name for alias in node.names] if self._names_modules(base) else [""]
                for name in names:
                    target = f"{base}.{name}".strip(".")
                    yield Import(target, relative=node.level > 0, line=node.lineno)

    def _base(self, node: ast.ImportFrom) -> str:
        """The absolute name of what stands after `from`."""
        if not node.level:
            return node.module or ""
        parents = self.package.split(".")
        kept = parents[: len(parents) - node.level + 1]
        return ".".join([*kept, node.module or ""]).rstrip(".")

    @staticmethod
    def _names_modules(base: str) -> bool:
        """Whether `from base import x` may import the module base.x: only packages have some."""
        return base.partition(".")[0] in HOUSES


def modules(root: Path = ROOT) -> list[Module]:
    """The modules of the houses under `root`."""
    files = [*root.glob("app.py"), *(f for house in HOUSES for f in root.glob(f"{house}/**/*.py"))]
    return [read(file, root) for file in sorted(files)]


def read(file: Path, root: Path) -> Module:
    parts = file.relative_to(root).with_suffix("").parts
    is_package = parts[-1] == "__init__"
    name = ".".join(parts[:-1] if is_package else parts)
    return Module(name, file.read_text(encoding="utf-8"), is_package)


def within(name: str, package: str) -> bool:
    return name == package or name.startswith(f"{package}.")


def forbidden(module: Module, imported: Import) -> str | None:
    """Why this module must not have this import, or None if it may."""
    house = module.name.partition(".")[0]
    reasons = [
        house == "app" and imported.house == "decanter" and "app never needs the tool",
        house == "decanter"
        and imported.house in ("app", "chalicelib")
        and "decanter serves any project and imports none",
        house == "chalicelib" and chalicelib_reason(imported),
        module.name in LEAVES
        and imported.ours
        and not within(imported.target, f"{house}.errors")
        and "a leaf imports nothing of ours but the errors it raises",
        module.name in STAND_ALONE and imported.ours and "it runs as a script of its own",
        any(within(module.name, one) and within(imported.target, other) for one, other in APART)
        and "local and aws do not know each other",
    ]
    return next((reason for reason in reasons if reason), None)


def chalicelib_reason(imported: Import) -> str | None:
    if imported.house == "chalicelib":
        return None if imported.relative else "chalicelib imports itself relatively"
    if imported.house in SHIPPED or imported.house in sys.stdlib_module_names:
        return None
    return "chalicelib ships without it"


def import_faults(found: list[Module]) -> list[str]:
    return [
        f"{module.name}:{imported.line} imports {imported.target}: {reason}"
        for module in found
        for imported in module.imports()
        if (reason := forbidden(module, imported))
    ]


def size_faults(found: list[Module]) -> list[str]:
    return [fault for module in found for fault in _size_faults(module)]


def _size_faults(module: Module) -> Iterator[str]:
    lines = len(module.source.splitlines())
    if lines > MAX_FILE_LINES:
        yield f"{module.name} has {lines} lines, at most {MAX_FILE_LINES}"
    for node in ast.walk(module.tree()):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            lines = (node.end_lineno or node.lineno) - node.lineno + 1
            if lines > MAX_FUNCTION_LINES:
                yield f"{module.name}:{node.lineno} {node.name} has {lines} lines"


def cycles(found: list[Module]) -> list[str]:
    """Modules that import themselves through others, each cycle from its first module."""
    names = {module.name for module in found}
    graph = {module.name: dependencies(module, names) for module in found}
    return sorted({cycle for name in graph if (cycle := cycle_from(name, graph))})


def dependencies(module: Module, names: set[str]) -> set[str]:
    """The modules of ours that it imports, whether it names them or something inside them."""
    targets = {imported.target for imported in module.imports()}
    found = {target if target in names else target.rpartition(".")[0] for target in targets}
    return (found & names) - {module.name}


def cycle_from(start: str, graph: dict[str, set[str]]) -> str | None:
    paths = [[start]]
    seen = set()
    while paths:
        path = paths.pop()
        for name in sorted(graph[path[-1]]):
            if name == start:
                first = path.index(min(path))
                return " -> ".join([*path[first:], *path[:first], path[first]])
            if name not in seen:
                seen.add(name)
                paths.append([*path, name])
    return None
