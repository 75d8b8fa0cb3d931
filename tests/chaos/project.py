"""The application of this repository in a folder of its own, with what a scenario needs."""

import json
import os
import shutil
from pathlib import Path

from tests.gateways import ROOT

SOURCE = Path(os.environ.get("CHAOS_CHALICELIB", ROOT / "chalicelib"))
"""The framework under test; the mutation check names its own."""

EXTRA = '''

from chalicelib import AllowedOrigins, Pacing

router.on_connect(AllowedOrigins())
router.middleware(Pacing(Connection))


@router.route("grow")
def grow(request: Request) -> None:
    """Broadcast a frame of so many bytes."""
    request.broadcast("x" * request.json["bytes"])
'''


def copy_project(folder: Path, *, lambda_timeout: int = 28, extra: str = EXTRA) -> Path:
    """Make the project; seconds that a function may run, and what is added to app.py."""
    shutil.copytree(ROOT / ".chalice", folder / ".chalice", ignore=_only_configuration)
    source = (ROOT / "app.py").read_text().replace("ConnectionModel", "PacedModel")
    (folder / "app.py").write_text(source + extra)
    (folder / "chalicelib").symlink_to(SOURCE, target_is_directory=True)
    path = folder / ".chalice" / "config.json"
    config = json.loads(path.read_text())
    config["stages"]["dev"]["lambda_timeout"] = lambda_timeout
    path.write_text(json.dumps(config))
    return folder


def _only_configuration(folder: str, names: list[str]) -> set[str]:
    return {name for name in names if not name.endswith(".json")}
