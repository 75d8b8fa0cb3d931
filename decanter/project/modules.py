"""Find the modules that an app imports but Chalice does not package.

Chalice packages app.py, `chalicelib/`, the content of `vendor/`, and the requirements. On this
machine, an app can also import other modules in the folder of app.py.

The sources are parsed, not run. Imports inside functions are included. Imports under
`TYPE_CHECKING` or `if __name__ == "__main__"` are not.
"""

import ast
import re
import sys
from collections.abc import Iterator
from pathlib import Path

APP, LIBRARY, VENDOR = "app", "chalicelib", "vendor"
_IMPORTERS = {"import_module", "__import__"}
_NEVER_ON_LAMBDA = re.compile(r"(typing\.)?TYPE_CHECKING|__name__ == '__main__'")


def warnings_about_modules(project: Path) -> list[str]:
    """Return one warning about all imported modules that Lambda will not find, or none."""
    missing = unpackaged(project)
    if not missing:
        return []
    named = ", ".join(f"{module} (imported in {place})" for module, place in missing.items())
    why = "Chalice packages only app.py, chalicelib/, vendor/ and the requirements"
    them = "it" if len(missing) == 1 else "them"
    return [f"Lambda will not find {named}: {why}. Move {them} to chalicelib/."]


def unpackaged(project: Path) -> dict[str, str]:
    """Return the first import of each module that Lambda will not find, by file or folder."""
    found: dict[str, str] = {}
    seen: set[Path] = set()
    waiting = [project / f"{APP}.py"]
    for source in waiting:  # the loop extends the list
        for name, line in imported(project, source):
            path = source_of(project, name)
            top = name.partition(".")[0]
            if path is None or not _is_own(project, top):
                continue
            if top not in (APP, LIBRARY):
                shown = _shown(project, top)
                found.setdefault(shown, f"{source.relative_to(project)}:{line}")
            if path not in seen:
                seen.add(path)
                waiting.append(path)
    return found


def imported(project: Path, source: Path) -> Iterator[tuple[str, int]]:
    """Yield the full name and the line of each module that a file may import, packages first."""
    try:
        tree = ast.parse(source.read_bytes())
    except (OSError, SyntaxError, ValueError):  # a folder, or an error that the import reports
        return
    parts = source.relative_to(project).with_suffix("").parts
    for node in _nodes(tree):
        for name in _names(node, parts[:-1]):
            pieces = name.split(".")
            for count in range(1, len(pieces) + 1):
                yield ".".join(pieces[:count]), node.lineno


def source_of(project: Path, name: str) -> Path | None:
    """Return the file of a module in a folder, or the folder of a namespace package, or None."""
    path = project.joinpath(*name.split("."))
    for file in (path / "__init__.py", path.with_name(f"{path.name}.py")):
        if file.is_file():
            return file
    return path if path.is_dir() and any(path.glob("*.py")) else None


def _nodes(node: ast.AST) -> Iterator[ast.Import | ast.ImportFrom | ast.Call]:
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.Import | ast.ImportFrom | ast.Call):
            yield child
        if isinstance(child, ast.If) and _NEVER_ON_LAMBDA.fullmatch(ast.unparse(child.test)):
            for other in child.orelse:
                yield from _nodes(ast.Module([other], []))
        else:
            yield from _nodes(child)


def _names(node: ast.Import | ast.ImportFrom | ast.Call, package: tuple[str, ...]) -> list[str]:
    """Return the names that a node imports. The last part may be an attribute of a module."""
    if isinstance(node, ast.Import):
        return [alias.name for alias in node.names]
    if isinstance(node, ast.Call):
        first = node.args[0] if node.args else None
        name = first.value if isinstance(first, ast.Constant) else None
        if not isinstance(name, str) or not name.replace(".", "_").isidentifier():
            return []
        is_import = ast.unparse(node.func).rpartition(".")[2] in _IMPORTERS
        return [name] if is_import and not name.startswith(".") else []
    base = [*package[: len(package) - node.level + 1]] if node.level else []
    base += node.module.split(".") if node.module else []
    return [".".join([*base, alias.name]) for alias in node.names]


def _is_own(project: Path, top: str) -> bool:
    """False if Lambda finds this name in vendor/, the standard library or a requirement.

    A file of this name in the project's root hides the requirement on this machine.
    """
    if top in (APP, LIBRARY):
        return True
    if top in sys.stdlib_module_names or source_of(project / VENDOR, top):
        return False
    return (project / f"{top}.py").is_file() or not _is_required(project, top)


def _is_required(project: Path, name: str) -> bool:
    """True if the requirements contain a distribution with the name of this package."""
    try:
        text = (project / "requirements.txt").read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError):
        return False
    names = re.findall(r"^\s*([A-Za-z0-9._-]+)", text, re.MULTILINE)
    return _normal(name) in map(_normal, names)


def _normal(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def _shown(project: Path, top: str) -> str:
    path = source_of(project, top)
    return f"{top}.py" if path == project / f"{top}.py" else f"{top}/"
