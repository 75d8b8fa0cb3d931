"""The application of this repository in a folder of its own, with what a scenario needs."""

import json
import shutil
from pathlib import Path

from decanter.aws.template import render
from decanter.project.config import TEMPLATE, Project
from decanter.project.describe import describe
from tests.support.gateways import ROOT

EXTRA = '''

from decanter import RateLimit

router.on_message(RateLimit(Connection))


@router.route("grow")
def grow(request: Request) -> None:
    """Broadcast a frame of so many bytes."""
    request.broadcast("x" * request.json["bytes"])
'''


TOKENS = (
    EXTRA
    + '''

from decanter import Hello, WebTokens

check = WebTokens()


@router.authenticate
def stumble(hello: Hello) -> None:
    """Fail with a traceback, once the token is known to be good."""
    check(hello)
    raise RuntimeError
'''
)


def copy_project(
    folder: Path, *, lambda_timeout: int = 28, extra: str = EXTRA, sweeps: bool = False
) -> Path:
    """Make the project.

    Args:
        folder: where.
        lambda_timeout: seconds that a function may run.
        extra: what is added to app.py.
        sweeps: whether the sweep is on; it has no time to run by itself.
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
