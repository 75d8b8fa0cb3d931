"""A module's project as the tool sees it: what its app declares, and its template."""

from typing import Any

import pytest

from decanter.aws.template import build
from decanter.project.config import Project
from decanter.project.declaration import Declaration
from decanter.project.describe import describe


@pytest.fixture(name="declared", scope="module")
def _declared(project: Project) -> Declaration:
    return describe(project)


@pytest.fixture(name="template", scope="module")
def _template(project: Project, declared: Declaration) -> dict[str, Any]:
    return build(project, declared)
