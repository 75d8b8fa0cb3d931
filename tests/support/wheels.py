"""An index of wheels, made from installed packages, so packaging needs no network."""

import zipfile
from collections.abc import Iterable
from importlib import metadata
from pathlib import Path

from tests.support.environments import closure

SERVICES = (
    *("apigatewaymanagementapi", "cognito-idp", "dynamodb", "s3", "secretsmanager", "sqs", "sts"),
)
"""The services that a smaller botocore contains: those that the applications use."""

_NOTES = ("RECORD", "INSTALLER", "REQUESTED", "direct_url.json")


def index(folder: Path, *requirements: str) -> dict[str, str]:
    """Make wheels of distributions and their requirements.

    Returns:
        The variables that make pip use only these wheels.
    """
    folder.mkdir()
    for name in closure(requirements):
        _write_wheel(folder, metadata.distribution(name))
    return {"PIP_NO_INDEX": "1", "PIP_FIND_LINKS": str(folder)}


def _write_wheel(folder: Path, found: metadata.Distribution) -> None:
    files = [file for file in found.files or () if _ships(file.parts)]
    (info,) = {file.parts[0] for file in files if file.parts[0].endswith(".dist-info")}
    stem = info.removesuffix(".dist-info")
    with zipfile.ZipFile(folder / f"{stem}-py3-none-any.whl", "w") as wheel:
        for file in files:
            wheel.write(str(found.locate_file(file)), str(file))
        wheel.writestr(f"{info}/RECORD", "")


def _ships(parts: tuple[str, ...]) -> bool:
    if {"..", "__pycache__"} & {*parts} or parts[-1] in _NOTES:
        return False
    in_a_service = parts[:2] == ("botocore", "data") and len(parts) > len(("data", "of", "all"))
    return not in_a_service or parts[2] in SERVICES


def requirements_of(projects: Iterable[Path]) -> set[str]:
    """Return the lines of the projects' requirements.txt."""
    texts = [(project / "requirements.txt").read_text() for project in projects]
    lines = {line for text in texts for line in text.splitlines()}
    return {line for line in lines if line and not line.startswith("#")}
