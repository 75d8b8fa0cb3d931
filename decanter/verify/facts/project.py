"""The project of the app for the probes."""

import shutil
from pathlib import Path

from decanter.aws.overrides import described
from decanter.aws.template import render
from decanter.project.config import Project
from decanter.project.template import TEMPLATE

APP = Path(__file__).with_name("app")


def write_app(folder: Path) -> Project:
    """Write the project and its template into a new folder. Return the project."""
    folder.mkdir()
    shutil.copy(APP / "app.py", folder)
    shutil.copytree(APP / "chalice", folder / ".chalice")
    project = Project.load(folder)
    (folder / TEMPLATE).write_text(render(project, described(project)), encoding="utf-8")
    return project
