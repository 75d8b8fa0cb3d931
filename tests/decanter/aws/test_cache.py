"""The cache of packages: a second package is the same and takes less time."""

import subprocess
import time
from pathlib import Path
from typing import Any

import pytest

from decanter.aws import archive, cache
from decanter.aws.cache import Cache
from decanter.aws.services import services_of

KEY, OTHER = cache.digest(b"one"), cache.digest(b"two")


@pytest.fixture(name="path")
def _path(tmp_path: Path) -> Path:
    return tmp_path / "cache" / "package.sqlite3"


def keep(path: Path, key: bytes, value: bytes) -> None:
    with cache.opened(path) as opened:
        opened.put(key, value)


def found(path: Path, key: bytes) -> bytes | None:
    with cache.opened(path) as opened:
        return opened.get(key)


def test_a_value_is_found_later_by_its_key_only(path: Path) -> None:
    keep(path, KEY, b"value")
    assert (found(path, KEY), found(path, OTHER)) == (b"value", None)


def test_a_key_depends_on_where_a_part_ends() -> None:
    assert cache.digest(b"ab", b"c") != cache.digest(b"a", b"bc")


def test_nothing_is_kept_after_a_failure(path: Path) -> None:
    package = cache.opened(path)
    package.__enter__().put(KEY, b"value")
    package.__exit__(ValueError, ValueError(), None)
    assert found(path, KEY) is None


def test_two_commands_may_write_in_parallel(path: Path) -> None:
    with cache.opened(path) as one, cache.opened(path) as two:
        one.put(KEY, b"value")
        two.put(KEY, b"value")
        two.put(OTHER, b"other")
    assert (found(path, KEY), found(path, OTHER)) == (b"value", b"other")


def test_a_value_that_is_not_used_is_deleted(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    keep(path, KEY, b"value")
    keep(path, OTHER, b"other")
    now = time.time()
    for days in (60, 120):
        monkeypatch.setattr(time, "time", lambda days=days: now + days * 24 * 3600)
        assert found(path, KEY) == b"value"
    assert found(path, OTHER) is None


@pytest.mark.parametrize("obstacle", ["a folder", "another file", "no folder"])
def test_without_a_usable_file_nothing_is_kept(obstacle: str, path: Path) -> None:
    if obstacle == "no folder":
        path.parent.write_text("a file")
    else:
        path.parent.mkdir()
        path.mkdir() if obstacle == "a folder" else path.write_bytes(b"not a database" * 100)
    keep(path, KEY, b"value")
    assert found(path, KEY) is None


def test_it_is_in_the_users_cache_folder(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", "/home/ann")
    for given, folder in (
        ("/caches", "/caches"),
        ("", "/home/ann/.cache"),
        ("x", "/home/ann/.cache"),
    ):
        monkeypatch.setenv("XDG_CACHE_HOME", given)
        assert cache.default_path() == Path(folder, "decanter", "package.sqlite3")


SOURCES = {
    "app.py": 'import boto3\nfrom names import NAME\nboto3.client(NAME)\nboto3.client("sqs")\n',
    "names.py": 'NAME = "s3"\n',
    "broken.py": "def\n",
    "warns.py": 'boto3.client("\\d")\nboto3.client(other)\n',
}


def write(folder: Path, **changed: str) -> list[Path]:
    folder.mkdir()
    for name, source in (SOURCES | changed).items():
        (folder / name).write_text(source)
    return sorted(folder.glob("*.py"))


def test_the_services_are_those_of_a_run_without_a_cache(tmp_path: Path, path: Path) -> None:
    known = ["s3", "sqs", "sns"]
    files = write(tmp_path / "first")
    expected = services_of(files, known, Cache())
    assert expected.unclear == (f"{tmp_path / 'first' / 'warns.py'}:2",)
    for _ in range(2):
        with cache.opened(path) as opened:
            assert services_of(files, known, opened) == expected
    files = write(tmp_path / "second", **{"names.py": "NAME = input()\n"})
    with cache.opened(path) as opened:
        changed = services_of(files, known, opened)
    assert changed == services_of(files, known, Cache())
    assert f"{tmp_path / 'second' / 'app.py'}:3" in changed.unclear


def byte_code(folder: Path) -> dict[str, bytes]:
    return {file.name: file.read_bytes() for file in folder.glob("__pycache__/*.pyc")}


def test_byte_code_is_that_of_a_run_without_a_cache_and_not_made_again(
    tmp_path: Path, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made: list[str] = []
    run: Any = subprocess.run

    def recorded(*args: Any, **options: Any) -> Any:
        made.append(options["input"])
        return run(*args, **options)

    monkeypatch.setattr(subprocess, "run", recorded)
    folders = [tmp_path / name for name in ("plain", "first", "second", "changed")]
    for folder in folders:
        write(folder, **({"app.py": "1 + 1\n"} if folder.name == "changed" else {}))
    archive.compile_all(folders[0], folders[0], Cache())
    for folder in folders[1:]:
        with cache.opened(path) as opened:
            archive.compile_all(folder, folder, opened)
    assert byte_code(folders[0]) == byte_code(folders[1]) == byte_code(folders[2]) != {}
    assert byte_code(folders[3]).keys() == byte_code(folders[0]).keys()
    assert byte_code(folders[3]) != byte_code(folders[0])
    names = [[Path(line).name for line in lines.split()] for lines in made]
    assert names[1:] == [sorted(SOURCES), ["broken.py"], ["app.py", "broken.py"]]
