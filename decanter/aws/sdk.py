"""Remove the services that an app does not use from the data of botocore and boto3.

botocore has models of over 400 services, but a function needs only a few. These models make up
most of the size of a package, and botocore spends a large part of a cold start on `endpoints.json`.
For a kept service, all files of all API versions are kept: the model, endpoint rules, paginators,
waiters, examples and corrections (`.sdk-extras.json`). Only the documentation is removed. Source:
botocore's `loaders.py`, `session.py` and `regions.py`.
"""

import gzip
import json
import shutil
import zlib
from collections.abc import Callable, Iterable
from itertools import product
from pathlib import Path
from typing import Any

from decanter.errors import ProjectError

DATA = ("botocore/data", "boto3/data")
"""The folders with a folder for each service, relative to the folder of the packages."""

_Document = dict[str, Any]


def names(data: Path) -> set[str]:
    """Return the names of the services in botocore's `data` folder."""
    return {model.parent.parent.name for model in data.glob("*/*/service-2.json*")}


def add(vendor: Path, installed: Path, services: Iterable[str]) -> None:
    """Add services of installed packages to the same packages in `vendor`. Existing files stay."""

    def copy(source: str, target: str) -> None:
        if not Path(target).exists():
            shutil.copy2(source, target)

    places = [each for each in DATA if (vendor / each).is_dir()]
    for place, name in product(places, services):
        source = installed / place / name
        if source.is_dir():
            target = vendor / place / name
            shutil.copytree(source, target, copy_function=copy, dirs_exist_ok=True)


def remove(data: Path, services: Iterable[str]) -> None:
    """Remove services from a `data` folder of botocore or boto3."""
    for name in services:
        shutil.rmtree(data / name, ignore_errors=True)


def compact(data: Path) -> None:
    """Remove documentation from all services in botocore's `data` folder.

    Raises:
        ProjectError: botocore cannot read a file.
    """
    for file in sorted(data.glob("*/*/*.json*")):
        if file.suffix == ".gz" and file.with_suffix("").is_file():
            file.unlink()  # botocore prefers the plain file
        else:
            # The new file is plain, because the package is compressed and Lambda unpacks it.
            _rewrite(file, file.with_suffix("") if file.suffix == ".gz" else file, _undocumented)


def prune_endpoints(data: Path) -> None:
    """Remove the endpoints of services that are not in botocore's `data` folder.

    Raises:
        ProjectError: botocore cannot read `endpoints.json` or the model of a service.
    """
    endpoints = data / "endpoints.json"
    if endpoints.is_file():
        prefixes = names(data).union(*map(_endpoint_prefix, data.glob("*/*/service-2.json*")))
        _rewrite(endpoints, endpoints, lambda document: _of_prefixes(document, prefixes))


def compressed_bytes(data: Path, services: Iterable[str]) -> int:
    """Return the approximate size in bytes of these services in a zip."""
    files = (file for name in services for file in (data / name).rglob("*") if file.is_file())
    return sum(len(zlib.compress(file.read_bytes())) for file in files)


def _endpoint_prefix(model: Path) -> set[str]:
    """Return the name that a service has in `endpoints.json`."""
    try:
        return {_read(model)["metadata"]["endpointPrefix"]}
    except (KeyError, TypeError) as error:
        raise _unreadable(model, error) from error


def _of_prefixes(endpoints: _Document, prefixes: set[str]) -> _Document:
    """Return the endpoints of these services and of related ones, such as `s3-object-lambda`."""
    for partition in endpoints["partitions"]:
        partition["services"] = {
            name: service
            for name, service in partition["services"].items()
            if name.startswith(tuple(prefixes))
        }
    return endpoints


def _undocumented(document: _Document) -> _Document:
    """Return a model without documentation, except for the texts that botocore reads."""
    kept = {key: document[key] for key in ("clientContextParams",) if key in document}
    return {**_without_texts(document), **kept}


def _without_texts(value: Any) -> Any:
    """Return a value without texts under `documentation`. A shape's member of this name is kept."""
    if isinstance(value, list):
        return [_without_texts(item) for item in value]
    if not isinstance(value, dict):
        return value
    return {
        key: _without_texts(item)
        for key, item in value.items()
        if not (key == "documentation" and isinstance(item, str))
    }


def _rewrite(file: Path, new: Path, change: Callable[[_Document], _Document]) -> None:
    document = _read(file)
    try:
        document = change(document)
    except (AttributeError, KeyError, TypeError) as error:
        raise _unreadable(file, error) from error
    file.unlink()
    new.write_text(json.dumps(document, separators=(",", ":")), encoding="utf-8")


def _read(file: Path) -> _Document:
    try:
        content = file.read_bytes()
        document = json.loads(gzip.decompress(content) if file.suffix == ".gz" else content)
    except (OSError, EOFError, ValueError, zlib.error) as error:
        raise _unreadable(file, error) from error
    if not isinstance(document, dict):
        raise _unreadable(file, "not an object")
    return document


def _unreadable(file: Path, why: object) -> ProjectError:
    return ProjectError(
        f"botocore cannot read {file} ({why}): delete build/wheels, and install botocore again "
        "or fix it in vendor/"
    )
