"""A copy of this repository's application, with additions for scenarios."""

import json
import shutil
from pathlib import Path

from decanter.aws.template import render
from decanter.project.config import Project
from decanter.project.describe import describe
from decanter.project.template import TEMPLATE
from tests.support.gateways import ROOT

EXTRA = '''

from decanter import RateLimit

router.on_message(RateLimit(Connection))


@router.route("grow")
def grow(request: Request) -> None:
    """Broadcast a frame with this number of bytes."""
    request.broadcast("x" * request.json["bytes"])
'''


TOKENS = (
    EXTRA
    + '''

from decanter import Hello, WebTokens

check = WebTokens()


@router.authenticate
def stumble(hello: Hello) -> None:
    """Fail with a traceback after the token was accepted."""
    check(hello)
    raise RuntimeError
'''
)


def copy_project(
    folder: Path, *, lambda_timeout: int = 28, extra: str = EXTRA, sweeps: bool = False
) -> Path:
    """Make the project.

    Args:
        folder: the target folder.
        lambda_timeout: seconds that a function may run.
        extra: code to add to app.py.
        sweeps: True to turn the sweep on; its schedule never fires by itself.
    """
    shutil.copytree(ROOT / ".chalice", folder / ".chalice", ignore=_only_configuration)
    (folder / "app.py").write_text((ROOT / "app.py").read_text() + extra)
    shutil.copytree(ROOT / "chalicelib", folder / "chalicelib")
    model = folder / "chalicelib" / "connections.py"
    model.write_text(
        model.read_text().replace("ConnectionModel", "IdentifiedModel, RateLimitedModel")
    )
    path = folder / ".chalice" / "config.json"
    config = json.loads(path.read_text())
    config["stages"]["dev"]["lambda_timeout"] = lambda_timeout
    if sweeps:
        config["stages"]["dev"]["environment_variables"]["DECANTER_SWEEP_MINUTES"] = "60"
    path.write_text(json.dumps(config))
    if sweeps:
        project = Project.load(folder)
        (folder / TEMPLATE).write_text(render(project, describe(project)))
    return folder


def _only_configuration(folder: str, names: list[str]) -> set[str]:
    return {name for name in names if not name.endswith(".json")}
