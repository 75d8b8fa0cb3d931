"""`.chalice/generated.json`: the digests of the policy files that Decanter wrote.

A digest is made from the parsed content, so line endings and layout do not change it.
"""

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path

RECORD = "generated.json"


def digest(document: object) -> str:
    """Return the digest of a document's content."""
    return hashlib.sha256(canonical(document).encode()).hexdigest()


def canonical(document: object) -> str:
    """Return a document as text. Equal documents have equal texts."""
    return json.dumps(document, sort_keys=True)


def record(texts: Mapping[Path, str]) -> str:
    """Return the text of `.chalice/generated.json` for these policy files and their texts."""
    digests = {path.name: digest(json.loads(text)) for path, text in texts.items()}
    return json.dumps(digests, indent=2, sort_keys=True) + "\n"
