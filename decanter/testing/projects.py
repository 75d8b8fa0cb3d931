"""Switch between the Chalice projects of a test run.

One run can have tests of several projects, but each project's app is in the module `app`.
Therefore, while a test file is collected and while its tests run, `app` and `chalicelib` are
modules of its project. The environment variables are those of the project's stage.
"""

import sys
from contextlib import ExitStack
from pathlib import Path
from types import ModuleType

from decanter.project.stages import DEFAULT_STAGE
from decanter.testing.environ import DROPPED, NO_ACCOUNT, environment
from decanter.testing.stage import check_chosen_stage, stage_environment

PACKAGES = ("app", "chalicelib")


class Projects:
    """Enters one project at a time, and sets the variables of `stage`; with "", no variables."""

    def __init__(self, stage: str) -> None:
        self.current: Path | None = None
        self._stage = stage
        self._entered = ExitStack()
        self._modules: dict[Path, dict[str, ModuleType]] = {}

    def enter(self, project: Path) -> None:
        """Leave the current project and enter another project.

        Raises:
            StageError: the user chose a stage that the project does not have.
        """
        if project == self.current:
            return
        if self._stage not in ("", DEFAULT_STAGE):
            check_chosen_stage(project, self._stage)
        if self.current is not None:
            names = [name for name in sys.modules if name.partition(".")[0] in PACKAGES]
            self._modules[self.current] = {name: sys.modules.pop(name) for name in names}
        self.leave()
        self.current = project
        sys.modules.update(self._modules.pop(project, {}))
        if sys.path[:1] != [str(project)]:  # another project may be before it
            self._search(str(project), 0)
        if (vendor := str(project / "vendor")) not in sys.path and Path(vendor).is_dir():
            self._search(vendor, len(sys.path))
        if self._stage:
            variables = stage_environment(project, self._stage) | NO_ACCOUNT
            self._entered.enter_context(environment(variables, DROPPED))

    def leave(self) -> None:
        """Restore the environment and the import path."""
        self._entered.close()
        self.current = None

    def _search(self, folder: str, position: int) -> None:
        """Add a folder to the import path, like Lambda."""
        sys.path.insert(position, folder)
        self._entered.callback(_forget, folder)


def _forget(folder: str) -> None:
    if folder in sys.path:
        sys.path.remove(folder)
