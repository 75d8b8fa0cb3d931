"""Apps that `decanter package` refuses before it installs anything."""

from pathlib import Path

import pytest

from tests.support.projects import decanter_here, write_project

BUCKET = """
from chalice import Chalice
app = Chalice(app_name="pour")

@app.on_s3_event("pictures", prefix="in/")
def added(event):
    pass
"""


def test_a_function_of_an_existing_bucket_is_refused_with_the_ways_out(tmp_path: Path) -> None:
    project = write_project(tmp_path / "p", BUCKET)
    done = decanter_here("package", "--project-dir", project)
    (line,) = done.stderr.splitlines()
    assert done.returncode == 2
    assert line.startswith("decanter: error: @app.on_s3_event of added cannot be packaged")
    for part in ("pictures", "@app.on_cw_event", ".chalice/overrides.json", "chalice deploy"):
        assert part in line
    assert not (project / "build").exists()


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (("--out", "app.py"), "app.py: Not a directory: name another folder with --out\n"),
        (("--out", "app.py/x"), "app.py/x: Not a directory: name another folder with --out\n"),
        (("--region", "eu west"), "'eu west' is not a region: correct --region, AWS_REGION or the"),
    ],
)
def test_a_wrong_option_is_one_line_before_anything_is_built(
    arguments: tuple[str, str], reason: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    project = write_project(tmp_path / "p")
    monkeypatch.chdir(project)
    done = decanter_here("package", *arguments)
    (line,) = done.stderr.splitlines(keepends=True)
    assert done.returncode == 2
    assert reason in line
    assert "compiling" not in done.stdout
    assert not (project / "build").exists()
