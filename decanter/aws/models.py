"""botocore's data without the services that the app does not use.

It holds the models of some 400 services, of which a function needs a handful: most of a plain
package's size, and parsing `endpoints.json` is a good part of a cold start. What stays is what
botocore reads, less the documentation in it.
Source: botocore's `loaders.py`, `session.py` and `regions.py`.
"""

import gzip
import json
import shutil
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

SERVICE = "service-2"
# Which files botocore reads of a service; paginators and waiters where the code asks for them.
_PARTS = (SERVICE, "endpoint-rule-set-1", "paginators-1", "waiters-2")


def names(data: Path) -> list[str]:
    """The services in a `data` folder."""
    return sorted(folder.name for folder in data.iterdir() if folder.is_dir())


def prune(data: Path, services: Iterable[str]) -> None:
    """Leave a `data` folder of botocore's with some services alone.

    Args:
        data: changed in place.
        services: botocore's names of them.
    """
    kept = set(services)
    for name in names(data):
        if name not in kept:
            shutil.rmtree(data / name)
    prefixes = set(kept)
    for name in names(data):
        prefixes |= set(_prune_service(data / name))
    endpoints = data / "endpoints.json"
    if endpoints.is_file():
        _write(endpoints, _pruned_endpoints(_read(endpoints), prefixes))


def prune_resources(data: Path, services: Iterable[str]) -> None:
    """The same for boto3's `data` folder, which has resources by service."""
    for name in set(names(data)) - set(services):
        shutil.rmtree(data / name)


def _prune_service(service: Path) -> Iterator[str]:
    """Leave the newest version of one service; give the names that endpoints have for it."""
    versions = sorted(version for version in service.iterdir() if version.is_dir())
    modelled = [version for version in versions if any(version.glob(f"{SERVICE}.json*"))]
    for version in versions:
        if version != modelled[-1]:
            shutil.rmtree(version)
    for file in sorted(modelled[-1].iterdir()):
        part = file.name.partition(".")[0]
        if part not in _PARTS:
            file.unlink()
            continue
        content = _read(file)
        file.unlink()
        # Plain instead of gzip: the package is compressed as a whole, and unpacked by Lambda.
        _write(file.with_name(f"{part}.json"), _undocumented(content))
        if part == SERVICE:
            yield content["metadata"]["endpointPrefix"]


def _undocumented(value: Any) -> Any:
    """The same without documentation; a member of that name has no text for its value."""
    if isinstance(value, list):
        return [_undocumented(item) for item in value]
    if not isinstance(value, dict):
        return value
    return {
        key: _undocumented(item)
        for key, item in value.items()
        if not (key == "documentation" and isinstance(item, str))
    }


def _pruned_endpoints(endpoints: dict[str, Any], prefixes: set[str]) -> dict[str, Any]:
    partitions = [
        partition
        | {
            "services": {
                name: service for name, service in partition["services"].items() if name in prefixes
            }
        }
        for partition in endpoints["partitions"]
    ]
    return endpoints | {"partitions": partitions}


def _read(file: Path) -> dict[str, Any]:
    content = file.read_bytes()
    document: dict[str, Any] = json.loads(
        gzip.decompress(content) if file.suffix == ".gz" else content
    )
    return document


def _write(file: Path, document: dict[str, Any]) -> None:
    file.write_text(json.dumps(document, separators=(",", ":")), encoding="utf-8")
