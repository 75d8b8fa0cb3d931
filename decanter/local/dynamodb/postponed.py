"""Packages whose `__init__.py` runs only if it is needed.

moto's `__init__.py` imports the mocks of all AWS services, and werkzeug's imports a server and a
test client. DynamoDB needs none of them. Without them, the import of moto's DynamoDB takes about
half the time (measured).

`application.py` loads this file by its path.
"""

import sys
from importlib import import_module
from importlib.util import find_spec, module_from_spec
from threading import RLock
from types import ModuleType
from typing import Any


def postpone(name: str, **constants: Any) -> None:
    """Put a package into `sys.modules` without running it.

    The imports of its modules work immediately. The first read of a name that is not a module runs
    the package, so other code sees no difference. This function does nothing if the package has
    been imported or is not installed.

    Args:
        name: the package; the parent of a subpackage is postponed before it.
        constants: the package's attributes that are readable before the package runs.
    """
    parent, _, own_name = name.rpartition(".")
    if name in sys.modules or (parent and not _is_postponed(parent)):
        return
    if (spec := find_spec(name)) is None:
        return
    module = sys.modules[name] = module_from_spec(spec)
    vars(module).update(constants, __getattr__=_Postponed(module))
    if parent:
        setattr(sys.modules[parent], own_name, module)


def _is_postponed(name: str) -> bool:
    module = sys.modules.get(name)
    return module is not None and isinstance(vars(module).get("__getattr__"), _Postponed)


class _Postponed:
    """Returns the attributes that a postponed package lacks."""

    def __init__(self, module: ModuleType) -> None:
        self._module = module
        self._running = RLock()
        self._has_begun = False

    def __call__(self, name: str) -> Any:
        """Import a module of the package, or run the package.

        Raises:
            AttributeError: the package has no such name.
        """
        module = self._module
        if not self._has_begun and find_spec(f"{module.__name__}.{name}"):
            return import_module(f"{module.__name__}.{name}")
        with self._running:
            if not self._has_begun:
                self._run()
        try:
            return vars(module)[name]
        except KeyError:
            text = f"module {module.__name__!r} has no attribute {name!r}"
            raise AttributeError(text, name=name, obj=module) from None

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
