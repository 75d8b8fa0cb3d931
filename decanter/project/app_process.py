"""Load a Chalice project's app in a separate process, and report the app's declarations.

This file is run as a script: `python -P app_process.py describe PROJECT --fd N`. The process has
the environment variables of the project's stage. Standard input contains a JSON object with each
function's variables that differ from the process's variables. The local gateway's workers load this
file by its path too. Decanter's modules must not be visible to the project, so this file imports
only the standard library, and loads `handlers.py`, `mistakes.py`, `parentheses.py` and `reads.py`
by their paths.
"""

from __future__ import annotations

import argparse
import gc
import importlib
import importlib.util
import json
import os
import sys
import traceback
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import cache
from pathlib import Path
from types import ModuleType
from typing import Any

NO_HANDLER = (
    "app.py has no WebSocket handler: on AWS it has no WebSocket API, and on this machine each "
    "message is answered with a Forbidden frame. Add one with @app.on_ws_message()."
)
NO_FLAG = (
    "app.py does not enable Chalice's WebSockets, and cannot be deployed: add the line "
    'app.experimental_feature_flags.update(["WEBSOCKETS"]) after the line that creates the app.'
)

Modules = dict[int, ModuleType]
"""The modules of a project, by the id of the module."""

Variables = Mapping[str, Mapping[str, "str | None"]]
"""Variables of each function. A value that is not known is None."""

READS_VARIABLE = type(os.environ).__getitem__.__code__
"""The code object that `os.environ[name]` runs."""


def load_script(path: Path) -> Any:
    """Load a file of Decanter by its path, because the project's Python may not have Decanter."""
    spec = importlib.util.spec_from_file_location(f"decanter_{path.stem}", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # dataclasses look for it
    spec.loader.exec_module(module)
    return module


handlers = load_script(Path(__file__).with_name("handlers.py"))
mistakes = load_script(Path(__file__).with_name("mistakes.py"))
parentheses = load_script(Path(__file__).with_name("parentheses.py"))
reads = load_script(Path(__file__).with_name("reads.py"))


class LoadError(Exception):
    """The project's app could not be loaded.

    Attributes:
        kind: `missing_app_py`, `syntax_error`, `import_error`, `missing_variable`,
            `declaration_error` or `no_app_object`.
        message: one line about the error. For `missing_variable`, only the place.
        detail: the traceback or, for `syntax_error`, the faulty line; "" if neither is needed.
        variable: the missing environment variable, or "".
    """

    def __init__(self, kind: str, message: str, detail: str = "", variable: str = "") -> None:
        super().__init__(message)
        self.kind = kind
        self.message = message
        self.detail = detail
        self.variable = variable

    def report(self) -> dict[str, Any]:
        """Return the failure in the form of `describe`'s result."""
        names = ("kind", "message", "detail", "variable")
        return {"ok": False, **{name: getattr(self, name) for name in names}}


def load(project: Path) -> tuple[ModuleType, Any]:
    """Import `app.py`, and return the module and its `app` object. Call `enter` first.

    Raises:
        LoadError: the app could not be loaded.
    """
    source = project / "app.py"
    if not source.is_file():
        raise LoadError("missing_app_py", f"there is no app.py in {project}")
    try:
        module = importlib.import_module("app")
    except SyntaxError as error:
        where = f"{error.filename or source}:{error.lineno}"
        caret = "".join(traceback.format_exception_only(type(error), error))
        raise LoadError("syntax_error", f"{where}: {error.msg}", caret) from error
    except BaseException as error:
        if (lacking := missing_variable(error, project)) is not None:
            raise LoadError("missing_variable", *lacking) from error
        if is_declaration_error(error) and (own := own_frames(error, project)):
            text = f"{shown(own[-1], project)}: DeclarationError: {first_line(str(error))}"
            raise LoadError("declaration_error", text) from error
        text = f"importing {source} failed: {type(error).__name__}: {first_line(str(error))}"
        raise LoadError("import_error", text, project_traceback(error)) from error
    app = getattr(module, "app", None)
    if not hasattr(app, "handler_map"):
        raise LoadError("no_app_object", f"{source} has no Chalice object named `app`")
    return module, app


def missing_variable(error: BaseException, project: Path) -> tuple[str, str, str] | None:
    """Find a missing variable that a module of the project reads at import.

    Returns:
        The place that reads the variable, "" as the detail, and the variable's name. None for any
        other error.
    """
    frames = [*traceback.walk_tb(error.__traceback__)]
    if not isinstance(error, KeyError) or frames[-1][0].f_code is not READS_VARIABLE:
        return None
    own = own_frames(error, project)
    if not any(name == "<module>" for _, _, name in own):
        return None
    return shown(own[-1], project), "", os.fsdecode(error.args[0])


def is_declaration_error(error: BaseException) -> bool:
    """Return True for the framework's error about a declaration in the app."""
    kind = type(error)
    return (kind.__module__, kind.__name__) == ("decanter.runtime.errors", "DeclarationError")


def own_frames(error: BaseException, project: Path) -> list[tuple[str, int, str]]:
    """Return the file, line and function of each traceback frame in the project's modules."""
    frames = traceback.walk_tb(error.__traceback__)
    codes = [(frame.f_code.co_filename, line, frame.f_code.co_name) for frame, line in frames]
    ours = f"{framework()}{os.sep}"  # the framework may be in vendor/
    return [it for it in codes if is_in_project(it[0], project) and not it[0].startswith(ours)]


def shown(frame: tuple[str, int, str], project: Path) -> str:
    """Return a place in the project, as `FILE:LINE`."""
    return f"{Path(frame[0]).relative_to(project)}:{frame[1]}"


def enter(project: Path) -> None:
    """Make the project the current folder. Imports search it first and its `vendor/` last."""
    os.chdir(project)
    sys.path.insert(0, str(project))
    vendor = project / "vendor"
    if vendor.is_dir():
        sys.path.append(str(vendor))


def first_line(text: str) -> str:
    """Return the first line of a message; "" for an empty message."""
    return (text.splitlines() or [""])[0]


def project_traceback(error: BaseException) -> str:
    """Return the traceback without the frames of this file, of reads.py and of importlib."""
    frames = traceback.extract_tb(error.__traceback__)
    ours = (__file__, reads.__file__)
    own = [f for f in frames if f.filename not in ours and "importlib" not in f.filename]
    return "".join(traceback.format_list(own) + traceback.format_exception_only(type(error), error))


def declaration(
    module: ModuleType, app: Any, variables: Variables | None = None, *, is_alone: bool = True
) -> dict[str, Any]:
    """Return the app's declarations in the form of `describe`'s result.

    `variables` has each function's variables that differ from this process's variables.
    `is_alone` is False if this process may have imported other apps too, for example in tests.

    Raises:
        LoadError: a declaration is invalid, or a function of the app cannot work.
    """
    own = own_modules(module)
    lines = parentheses.missing_parentheses(own.values())
    for text in (*lines, *mistakes.refusals(*handlers.called(app), own.values())):
        raise LoadError("declaration_error", text)
    declared = declarations(module, own)
    rights = rights_of(app)
    unused = mistakes.unused_routes(own.values())
    faults = handlers.faults(app, module)
    faults += [handlers.Fault(each.text, certain=False) for each in unused]
    if is_alone:
        groups = [rights, *(each.get("uses", {}) for each in declared)]
        texts = mistakes.unused_rights(framework_rights(), groups, unused)
        faults += [*map(handlers.Fault, texts), *invalid_settings(module, own, variables or {})]
    return {
        "ok": True,
        "app_name": app.app_name,
        "framework": framework(),
        "websocket": handlers.websocket_handlers(app),
        "http_routes": sorted(getattr(app, "routes", {})),
        "schedules": schedules(app),
        "sweep_is_off": vars(module).get("sweep", app) is None,  # `scheduled_sweep` returned None
        "functions": functions(app),
        "warnings": warnings_about(app, faults),
        "refusal": refusal(app, faults),
        "declarations": declared,
        "uses": rights,
    }


def framework() -> str | None:
    """Return the folder of the framework that the app imported; None without the framework."""
    runtime = getattr(sys.modules.get("decanter.runtime"), "__file__", None)
    return str(Path(runtime).parents[1]) if runtime else None


def rights_of(app: Any) -> dict[str, list[dict[str, Any]]]:
    """Return the rights that the app's code declares for each Lambda function, by function name."""
    if (rights := framework_rights()) is None:
        return {}
    return {
        each.name: rights.contributions(handlers.functions_of(app, each))
        for each in handlers.registered(app)
    }


def framework_rights() -> Any:
    """Return the framework's module for rights; None for an app without the framework."""
    if "decanter.runtime" not in sys.modules:
        return None
    try:
        return importlib.import_module("decanter.runtime.rights")
    except ModuleNotFoundError:  # an older framework does not have it
        return None


def invalid_settings(module: ModuleType, own: Modules, variables: Variables) -> Iterator[Any]:
    """Yield a fault for each WebSocket function whose hooks refuse the values of its variables.

    The process of one function in `decanter local` checks only the variables of that function.
    """
    process = os.environ.get("AWS_LAMBDA_FUNCTION_NAME", "")
    for function in handlers.FUNCTION_OF_ROUTE.values():
        if process and not process.endswith(f"-{function}"):
            continue
        with reads.changed(variables.get(function, {})):
            found = [each.get("invalid_settings", {}) for each in declarations(module, own)]
        if texts := [text for each in found for text in each.get(function, ())]:
            yield handlers.Fault(f"the variables of {function} are invalid: {'; '.join(texts)}")


def functions(app: Any) -> list[dict[str, Any]]:
    """Return every Lambda function that Chalice creates for the app."""
    keys = ("name", "kind", "source", "handler", "mapping", "objects")
    return [{key: getattr(each, key) for key in keys} for each in handlers.registered(app)]


def schedules(app: Any) -> dict[str, str]:
    """Return the schedule of each scheduled function, by the function's configuration key."""
    return {each.name: each.source for each in handlers.registered(app) if each.kind == "schedule"}


def warnings_about(app: Any, faults: Sequence[Any]) -> list[str]:
    """Return warnings about mistakes in the app that its import does not report."""
    first = [NO_HANDLER] if not app.websocket_handlers else [NO_FLAG] if lacks_flag(app) else []
    return [*first, *(fault.text for fault in faults)]


def refusal(app: Any, faults: Sequence[Any]) -> str | None:
    """Return the reason why the app must not be packaged; None if it may be packaged."""
    if lacks_flag(app):
        return NO_FLAG
    return next((each.text for each in faults if each.certain), None)


def lacks_flag(app: Any) -> bool:
    """Return True if Chalice refuses to package the app's WebSocket handlers."""
    return bool(app.websocket_handlers) and "WEBSOCKETS" not in app.experimental_feature_flags


def declarations(module: ModuleType, own: Modules) -> list[dict[str, Any]]:
    """Return the results of `__decanter__()` of the app's objects, without duplicates.

    `own` are the project's modules.

    Raises:
        LoadError: `__decanter__()` raises an exception, for example for a table that DynamoDB
            would refuse.
    """
    seen: list[dict[str, Any]] = []
    for declare in (*declaring(vars(module), set()), *declared_models(own)):
        try:
            said = declare()
        except Exception as error:
            text = f"{type(error).__name__}: {first_line(str(error))}"
            detail = "" if is_declaration_error(error) else project_traceback(error)
            raise LoadError("declaration_error", text, detail) from error
        if said is not None and said not in seen:
            seen.append(said)
    return seen


def declaring(names: Mapping[str, object], visited: set[int]) -> Iterator[Callable[[], Any]]:
    """Yield the `__decanter__` of each object that app.py names or refers to through others.

    A project may keep its router and its tables in `chalicelib/`. Then app.py may name only a
    module of this folder, or only a router that refers to its table.
    """
    for value in names.values():
        if id(value) in visited:
            continue
        visited.add(id(value))
        declare = getattr(value, "__decanter__", None)
        if callable(declare):
            yield declare
        if callable(declare) or is_of_chalicelib(value):
            yield from declaring(getattr(value, "__dict__", {}), visited)


def is_of_chalicelib(value: object) -> bool:
    """True if a module is in the project's `chalicelib/`."""
    return isinstance(value, ModuleType) and value.__name__.partition(".")[0] == "chalicelib"


def declared_models(own: Modules) -> Iterator[Callable[[], Any]]:
    """Yield the `__decanter__` of each model that a module of the project defines or names.

    The framework's list has all models of the process, even those of tests and other apps. If
    several models have the same module, name and variable, the last model is used, because a
    reloaded module creates its models again.
    """
    store = sys.modules.get("decanter.runtime.store.tables")
    named = {id(value) for each in own.values() for value in [*vars(each).values()]}
    found = {}
    for model, home in getattr(store, "declared", ()):
        if id(home) in own or id(model) in named:
            found[id(home), model.__qualname__, model.Meta.variable] = model.__decanter__
    yield from found.values()


def own_modules(module: ModuleType) -> Modules:
    """Return the imported modules of the app's project by id; without a project, only `module`."""
    root = Path(getattr(module, "__file__", None) or "").parent
    if not (root / ".chalice" / "config.json").is_file():
        return {id(module): module}
    modules = [*sys.modules.values()]
    # Do not read attributes, because a module may import others when an attribute is read.
    files = ((each, getattr(each, "__dict__", {}).get("__file__")) for each in modules)
    is_own = cache(is_own_folder)  # a framework in `vendor/` has many files in a few folders
    own = [it for it, file in files if isinstance(file, str) and is_in_project(file, root, is_own)]
    return {id(each): each for each in (module, *own)}


def is_own_folder(folder: str, root: Path) -> bool:
    """True for a folder of the project that has no tests and no installed or nested project."""
    names = Path(folder).relative_to(root).parts
    return not {"site-packages", "dist-packages", "tests"} & {*names} and not any(
        root.joinpath(*names[: n + 1], ".chalice").is_dir() for n in range(len(names))
    )


def is_in_project(
    file: str, root: Path, is_own: Callable[[str, Path], bool] = is_own_folder
) -> bool:
    """True for a file of the project. False for tests, installed packages and nested projects."""
    # Few of a thousand modules are in the project, and creating a Path for each is slow.
    if not file.startswith(f"{root}{os.sep}"):
        return False
    folder, _, name = file.rpartition(os.sep)
    return not name.startswith(("conftest.", "test_")) and is_own(folder, root)


def describe(project: Path, variables: Variables) -> dict[str, Any]:
    """Load the project. Return its declarations, or the error."""
    enter(project)
    try:
        return declaration(*load(project), variables)
    except LoadError as error:
        return error.report()


def main() -> None:
    """Write the report to a separate file descriptor, because the app may print to stdout."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("verb", choices=["describe"])
    parser.add_argument("project", type=Path)
    parser.add_argument("--fd", type=int, default=1)
    arguments = parser.parse_args()
    variables = json.loads(sys.stdin.read() or "{}")
    gc.disable()  # imported modules stay, and this process ends soon
    with reads.recorded_reads() as names:
        reads.record_processes(names)
        report = describe(arguments.project.resolve(), variables)
    os.write(arguments.fd, json.dumps({**report, "reads": sorted(names)}).encode())


if __name__ == "__main__":
    main()
