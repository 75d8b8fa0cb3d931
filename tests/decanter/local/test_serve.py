from pathlib import Path

import pytest

from decanter.errors import ServiceError
from decanter.local.serve import Options, bind
from decanter.project.config import Project
from tests.support.projects import write_project


@pytest.mark.parametrize(
    "file", [".chalice/resources.json", ".chalice/overrides.json", "resources.json"]
)
def test_each_template_that_is_read_is_watched(tmp_path: Path, file: str) -> None:
    write_project(tmp_path / "pour")
    project = Project.load(tmp_path / "pour", "dev")
    watched = Options().template_paths(project)
    (project.directory / file).write_text('{"Resources": {}}')
    assert project.own_templates == [project.directory / file]
    assert project.own_templates[0].resolve() in watched
    assert Options(use_template=False).template_paths(project) == []


@pytest.mark.parametrize("host", ["", "a..b"])
def test_an_invalid_host_is_one_line(host: str) -> None:
    with pytest.raises(ServiceError, match=f"^cannot listen on '{host}' port 0: [^\\n]+$"):
        bind(host, 0)
