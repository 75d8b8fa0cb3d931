"""botocore's service models, parsed once for all sessions of the tests.

Each session parses them again, which takes a quarter of the tests' own time.
"""

from functools import cache
from pathlib import Path
from typing import Any

import botocore
from botocore.loaders import JSONFileLoader

DATA = str(Path(botocore.__file__).with_name("data"))


def parse_once() -> None:
    """Keep the content of botocore's own files, except models that it changes after reading."""
    load = JSONFileLoader.load_file

    @cache
    def kept(path: str) -> Any:
        return load(JSONFileLoader(), path)

    def load_file(loader: JSONFileLoader, path: str) -> Any:
        is_kept = path.startswith(DATA) and not has_extras(path)
        return kept(path) if is_kept else load(loader, path)

    JSONFileLoader.load_file = load_file


@cache
def has_extras(path: str) -> bool:
    """True if botocore merges another file into the content, which changes it in place."""
    file = Path(path)
    return any(file.parent.glob(f"{file.name.partition('.')[0]}.sdk-extras.*"))
