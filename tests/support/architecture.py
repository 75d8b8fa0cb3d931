"""The rules for imports, and for the size of files and functions.

A room is a folder or a file of the framework or of the tool. It stands on a floor, and imports only
itself and rooms on lower floors, so rooms of one floor never import each other. The framework
(`runtime`) imports nothing of the tool, and only packages that ship with it. The tool imports
nothing of the framework, because it serves any Chalice project; only the command that sends uses
the framework's publishing. An application imports only `decanter`. Scripts that run in separate
processes import nothing of the project. Code that several test modules use is in tests/support, so
no test module is imported.
"""

import ast
import re
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache, cached_property
from pathlib import Path

from decanter.gc_paused import gc_paused

ROOT = Path(__file__).resolve().parents[2]
HOUSES = ("app", "chalicelib", "decanter")
RUNTIME = "decanter.runtime"
SHIPPED = {"botocore", "pynamodb", "jwt"}  # only WebTokens imports jwt
OF_CHALICE = f"{RUNTIME}.publishing.http"
"""The one file of the framework that imports Chalice, which an app with its route has."""

RUNTIME_FLOORS = (
    ("clock", "errors", "forks", "gc_paused", "recipients"),
    (
        "functions",
        "jsontext",
        "logs",
        "payload",
        "payload_example",
        "payload_readers",
        "rights",
        "settings",
    ),
    ("session",),
    ("store", "transports"),
    ("fanout",),
    ("channels",),
    ("publishing",),
    ("routing",),
    ("hooks",),
)
TOOL_FLOORS = (
    (
        "arguments",
        "aws_hosts",
        "errors",
        "extras",
        "gc_paused",
        "hosts",
        "proxies",
        "running_gateway",
        "terminal",
        "urls",
    ),
    ("gateway", "project"),
    ("aws", "cli", "client", "invoke", "local", "new", "rights", "vendor"),
    ("publish", "testing", "verify"),
)
PUBLISHES = ("decanter.publish", f"{RUNTIME}.publishing")
"""The one room of the tool that imports a room of the framework, and that room."""

LEAVES = {name for floor in (*RUNTIME_FLOORS[:2], TOOL_FLOORS[0]) for name in floor}
"""Files on one floor that may import each other, but not in a cycle."""

OF_DATABASE = {
    "decanter.gateway.dynamodb_rights",
    "decanter.gateway.guard",
    "decanter.gateway.iam",
    "decanter.gateway.sqs_rights",
    "decanter.local.dynamodb.notes",
    "decanter.local.dynamodb.parent",
    "decanter.local.dynamodb.rights",
    "decanter.local.dynamodb.server",
    "decanter.local.sqs.service",
}
"""Files of the embedded DynamoDB's process, which the tool's own Python runs."""

OF_APP = {
    "decanter.aws_hosts",
    "decanter.local.functions.debugging",
    "decanter.local.functions.forkserver",
    "decanter.local.functions.iam_routes",
    "decanter.local.functions.outgoing",
    "decanter.local.functions.probe",
    "decanter.local.functions.worker",
    "decanter.project.app_process",
    "decanter.project.handlers",
    "decanter.project.mistakes",
    "decanter.project.parentheses",
}
"""Files that the app's Python runs, which may be older."""

STAND_ALONE = OF_DATABASE | OF_APP
MAX_FILE_LINES = 400
MAX_FUNCTION_LINES = 40


@dataclass(frozen=True)
class Import:
    """One imported module: its full name, and the form of the import."""

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
class Function:
    """A function's name, its first line and its number of lines."""

    name: str
    line: int
    lines: int


@dataclass(frozen=True)
class Module:
    """One source file: its name, and True if it is a package's `__init__.py`."""

    name: str
    source: str
    is_package: bool = False

    @property
    def house(self) -> str:
        return self.name.partition(".")[0]

    @property
    def package(self) -> str:
        return self.name if self.is_package else self.name.rpartition(".")[0]

    @cached_property
    def imports(self) -> list[Import]:
        """Every import, including those inside functions and `if TYPE_CHECKING`."""
        return [imported for node in self._nodes for imported in self._imports(node)]

    @cached_property
    def functions(self) -> list[Function]:
        return [each for each in self._nodes if isinstance(each, Function)]

    @cached_property
    def _nodes(self) -> list[ast.Import | ast.ImportFrom | Function]:
        """The statements that a rule is about; the syntax tree is not kept."""
        with gc_paused():
            return [each for node in ast.walk(ast.parse(self.source)) for each in kept(node)]

    def _imports(self, node: ast.Import | ast.ImportFrom | Function) -> Iterator[Import]:
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
        """Return the absolute name of the module after `from`."""
        if not node.level:
            return node.module or ""
        parents = self.package.split(".")
        kept = parents[: len(parents) - node.level + 1]
        return ".".join([*kept, node.module or ""]).rstrip(".")

    @staticmethod
    def _names_modules(base: str) -> bool:
        """Return True if base is a package, so `from base import x` may import a module."""
        return base.partition(".")[0] in (*HOUSES, "tests")


def kept(node: ast.AST) -> Iterator[ast.Import | ast.ImportFrom | Function]:
    if isinstance(node, ast.Import | ast.ImportFrom):
        yield node
    elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
        yield Function(node.name, node.lineno, (node.end_lineno or node.lineno) - node.lineno + 1)


@cache
def modules(root: Path = ROOT) -> list[Module]:
    """Return the modules of the houses under `root`."""
    files = [*root.glob("app.py"), *(f for house in HOUSES for f in root.glob(f"{house}/**/*.py"))]
    return [read(file, root) for file in sorted(files)]


def read(file: Path, root: Path) -> Module:
    parts = file.relative_to(root).with_suffix("").parts
    is_package = parts[-1] == "__init__"
    name = ".".join(parts[:-1] if is_package else parts)
    return Module(name, file.read_text(encoding="utf-8"), is_package)


def within(name: str, package: str) -> bool:
    return name == package or name.startswith(f"{package}.")


def room_of(name: str) -> tuple[int, str] | None:
    """Return a module's floor and room; None outside of all rooms, such as `decanter.__main__`."""
    inside = within(name, RUNTIME)
    room = name.removeprefix(f"{RUNTIME}." if inside else "decanter.").partition(".")[0]
    floors = RUNTIME_FLOORS if inside else TOOL_FLOORS
    return next(((number, room) for number, rooms in enumerate(floors) if room in rooms), None)


def forbidden(module: Module, imported: Import) -> str | None:
    """Return the reason why this module must not have this import; None if it may."""
    if module.name in STAND_ALONE:
        return "it runs as a separate script" if imported.ours else None
    if not imported.ours:
        return _foreign(module, imported)
    if module.house != "decanter":
        inner = imported.house == "decanter" and imported.target.count(".") > 1
        return "an application imports decanter's public names" if inner else None
    if imported.house != "decanter":
        return "decanter serves any project and imports none"
    return None if "decanter" in (module.name, imported.target) else _upward(module, imported)


def _foreign(module: Module, imported: Import) -> str | None:
    shipped = SHIPPED | {"chalice"} if module.name == OF_CHALICE else SHIPPED
    known = imported.house in shipped or imported.house in sys.stdlib_module_names
    return "the framework ships without it" if within(module.name, RUNTIME) and not known else None


def _upward(module: Module, imported: Import) -> str | None:
    if within(module.name, PUBLISHES[0]) and within(imported.target, PUBLISHES[1]):
        return None
    if within(module.name, RUNTIME) != within(imported.target, RUNTIME):
        return "the framework and the tool do not import each other"
    here, there = room_of(module.name), room_of(imported.target)
    if here is None or there is None or here[1] == there[1] or there[0] < here[0]:
        return None
    if there[0] == here[0] and {here[1], there[1]} <= LEAVES:
        return None
    return f"{here[1]} stands on floor {here[0]}, {there[1]} on floor {there[0]}"


def import_faults(found: list[Module]) -> list[str]:
    return [
        f"{module.name}:{imported.line} imports {imported.target}: {reason}"
        for module in found
        for imported in module.imports
        if (reason := forbidden(module, imported))
    ]


def modules_of_tests(root: Path = ROOT) -> list[Module]:
    """Return all modules under tests, except the small applications that tests run."""
    files = sorted((root / "tests").rglob("*.py"))
    return [read(file, root) for file in files if root / "tests" / "projects" not in file.parents]


def shared_test_faults(found: list[Module]) -> list[str]:
    """List each import of a test module, or of something inside one."""
    return [
        f"{module.name}:{imported.line} imports {imported.target}: share it in tests/support"
        for module in found
        for imported in module.imports
        if imported.house == "tests" and re.search(r"\.test_", imported.target)
    ]


def size_faults(found: list[Module]) -> list[str]:
    return [fault for module in found for fault in _size_faults(module)]


def _size_faults(module: Module) -> Iterator[str]:
    lines = len(module.source.splitlines())
    if lines > MAX_FILE_LINES:
        yield f"{module.name} has {lines} lines, at most {MAX_FILE_LINES}"
    for function in module.functions:
        if function.lines > MAX_FUNCTION_LINES:
            yield f"{module.name}:{function.line} {function.name} has {function.lines} lines"


def cycles(found: list[Module]) -> list[str]:
    """List the import cycles, each from its first module."""
    names = {module.name for module in found}
    graph = {module.name: dependencies(module, names) for module in found}
    return sorted({cycle for name in graph if (cycle := cycle_from(name, graph))})


def dependencies(module: Module, names: set[str]) -> set[str]:
    """Return the project's modules that it imports, directly or by a name inside them."""
    targets = {imported.target for imported in module.imports}
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
