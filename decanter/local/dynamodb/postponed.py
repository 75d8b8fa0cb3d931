"""Packages and modules that run only if they are needed.

moto's `__init__.py` imports the mocks of all AWS services, and werkzeug's `__init__.py` imports a
server and a test client. DynamoDB needs none of them. Without them, the import of moto's DynamoDB
takes about half the time. Without AWS clients, the start of the embedded DynamoDB's process takes
another quarter less time (measured).

`application.py` loads this file by its path.
"""

import sys
from importlib import import_module
from importlib.machinery import ModuleSpec
from importlib.util import find_spec, module_from_spec
from threading import RLock
from types import ModuleType
from typing import Any


def postpone(name: str, **constants: Any) -> None:
    """Put a package or a module into `sys.modules` without running it.

    The imports of its modules work immediately. The first read of a name that is not a module runs
    the package, so other code sees no difference. A package that has been imported or is not
    installed is not changed.

    Args:
        name: the package. If its parent is not postponed, the parent is imported.
        constants: the package's attributes that are readable before the package runs.
    """
    parent, _, own_name = name.rpartition(".")
    if name in sys.modules or (spec := _spec(name)) is None:
        return
    module = sys.modules[name] = module_from_spec(spec)
    vars(module).update(constants, __getattr__=_Postponed(module))
    if parent:
        setattr(sys.modules[parent], own_name, module)


def later(module: str, name: str) -> type:
    """Return a class for the `constants` of `postpone`.

    The class runs the module when an instance is created. The class must have no subclasses.
    """

    def create(_: type, *arguments: Any, **named: Any) -> Any:
        reader = vars(sys.modules[module]).get("__getattr__")
        if isinstance(reader, _Postponed):
            reader.run()
        return getattr(sys.modules[module], name)(*arguments, **named)

    return type(name, (), {"__new__": create})


def _spec(name: str) -> ModuleSpec | None:
    try:
        return find_spec(name)
    except ModuleNotFoundError:  # the parent is not installed
        return None


class _Postponed:
    """Returns the attributes that a postponed package lacks."""

    def __init__(self, module: ModuleType) -> None:
        self._module = module
        self._is_package = hasattr(module, "__path__")
        self._running = RLock()
        self._has_begun = False

    def __call__(self, name: str) -> Any:
        """Import a module of the package, or run the package. Return the attribute."""
        qualified = f"{self._module.__name__}.{name}"
        if name == "__path__":  # an import asks whether a module is a package
            raise _no(self._module, name)
        if self._is_package and not self._has_begun and find_spec(qualified):
            return import_module(qualified)
        self.run()
        try:
            return vars(self._module)[name]
        except KeyError:
            raise _no(self._module, name) from None

    def run(self) -> None:
        """Run the package, unless it has already run."""
        with self._running:
            if not self._has_begun:
                self._run()

    def _run(self) -> None:
        spec = self._module.__spec__
        assert spec is not None
        assert spec.loader is not None
        self._has_begun = True
        try:
            spec.loader.exec_module(self._module)
        except BaseException:
            self._has_begun = False
            raise
        if vars(self._module).get("__getattr__") is self:
            del vars(self._module)["__getattr__"]


def _no(module: ModuleType, name: str) -> AttributeError:
    text = f"module {module.__name__!r} has no attribute {name!r}"
    return AttributeError(text, name=name, obj=module)
