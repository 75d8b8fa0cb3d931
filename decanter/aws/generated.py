"""Recognize the files that `decanter template` wrote and may overwrite.

A template contains the digest of its content in `Metadata.Decanter`. An IAM policy has no place for
a digest, so the digests of policies are in `.chalice/generated.json`.
"""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from decanter.aws.ownership import mark_of
from decanter.errors import ProjectError
from decanter.project.record import RECORD, canonical, digest

DIGEST = "Sha256"

Document = Mapping[str, Any]


def signed(template: Document) -> dict[str, Any]:
    """Return a template whose mark contains the digest of the template's content."""
    mark = {**mark_of(template), DIGEST: digest(_unsigned(template))}
    return {**template, "Metadata": {**template.get("Metadata", {}), "Decanter": mark}}


def refuse_foreign(path: Path, text: str) -> None:
    """Raise a ProjectError if the user wrote the file, or changed what Decanter wrote."""
    if path.is_file() and not is_generated(path, text):
        raise ProjectError(
            f"{path} was not written by `decanter template`, or was changed since: {_way_out(path)}"
            ", or use --force to overwrite it"
        )


def is_generated(path: Path, text: str) -> bool:
    """True if `decanter template` wrote the whole content of a file.

    `text` is the text to write. A file that differs from this text only in the mark also counts,
    because Decanter 0.1 wrote no digests.
    """
    found = _read(path)
    if found is None:
        return False
    if path.name == RECORD:
        return all(isinstance(value, str) for value in found.values())
    noted = _read(path.with_name(RECORD)) or {}
    return (
        canonical(_unmarked(found)) == canonical(_unmarked(json.loads(text)))
        or digest(_unsigned(found)) == mark_of(found).get(DIGEST)
        or digest(found) == noted.get(path.name)
    )


def _way_out(path: Path) -> str:
    if path.name.startswith("policy-"):
        return "keep it under another name, in iam_policy_file of .chalice/config.json"
    return "move your own parts to .chalice/overrides.json and delete the file"


def _unsigned(template: Document) -> dict[str, Any]:
    """Return a template whose mark does not contain the digest."""
    mark = {key: value for key, value in mark_of(template).items() if key != DIGEST}
    return _with_mark(template, mark)


def _unmarked(template: Document) -> dict[str, Any]:
    return _with_mark(template, {})


def _with_mark(template: Document, mark: Document) -> dict[str, Any]:
    """Return a template with another mark, and without empty metadata."""
    if not mark_of(template):
        return dict(template)
    others = {key: value for key, value in template["Metadata"].items() if key != "Decanter"}
    metadata = {**others, **({"Decanter": mark} if mark else {})}
    rest = {key: value for key, value in template.items() if key != "Metadata"}
    return {**rest, **({"Metadata": metadata} if metadata else {})}


def _read(path: Path) -> dict[str, Any] | None:
    """Return the JSON object in a file; None if the file is missing or has no JSON object."""
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    return document if isinstance(document, dict) else None
