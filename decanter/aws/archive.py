"""Create byte code and zip files that depend only on the sources, not on the build time."""

import hashlib
import os
import subprocess
import sys
import zipfile
from collections.abc import Iterable
from pathlib import Path

from decanter.aws.cache import Cache, digest

# The folder into which Lambda unpacks a function's code. Byte code contains the path of its source.
# With a path in this folder, the byte code is equal on every machine and correct on Lambda.
TASK_ROOT = "/var/task"
# The oldest date that a zip file can contain.
_EPOCH = (1980, 1, 1, 0, 0, 0)
_REGULAR_FILE, _PROGRAM = 0o100644 << 16, 0o100755 << 16
_MAY_RUN = 0o100 << 16


def compile_all(root: Path, folder: Path, cache: Cache) -> None:
    """Write byte code next to the sources. Python uses it without checking the sources.

    Without byte code, every cold start compiles all imported modules again, because Lambda's file
    system is read-only. Python usually compares byte code with its source by a timestamp or a hash.
    The zip does not keep the sources' timestamps, and a check of the hash would read each source.

    Lambda unpacks the content of `root` into `/var/task`. `folder` is `root` or a folder in it.
    Files with syntax errors get no byte code.
    """
    missing = {}
    for source in sorted(filter(Path.is_file, folder.rglob("*.py"))):
        name = os.fsencode(source.relative_to(root))
        key = digest(b"byte code", sys.version.encode(), name, source.read_bytes())
        if (code := cache.get(key)) is None:
            missing[source] = key
        else:
            _byte_code(source).parent.mkdir(exist_ok=True)
            _byte_code(source).write_bytes(code)
    _compile(root, missing)
    for source, key in missing.items():
        if _byte_code(source).is_file():
            cache.put(key, _byte_code(source).read_bytes())


def _compile(root: Path, sources: Iterable[Path]) -> None:
    """Compile the sources in a separate process, so that equal sources get equal byte code.

    The output of `marshal` depends on whether other objects refer to a constant. In this process,
    the byte code of a source would therefore depend on other code that has run.
    """
    command = [
        *(sys.executable, "-I", "-m", "compileall", "-q", "-f", "-i", "-"),
        *("--invalidation-mode", "unchecked-hash", "-s", str(root), "-p", TASK_ROOT),
    ]
    lines = "".join(f"{source}\n" for source in sources)
    if lines:
        subprocess.run(command, input=lines, text=True, capture_output=True, check=False)


def _byte_code(source: Path) -> Path:
    return source.parent / "__pycache__" / f"{source.stem}.{sys.implementation.cache_tag}.pyc"


def normalise(path: Path) -> None:
    """Rewrite a zip file with sorted entries, a fixed date and maximum compression.

    Programs get the mode 755, because the app may run them. All other files get the mode 644.
    """
    with zipfile.ZipFile(path) as old:
        contents = {name: old.read(name) for name in old.namelist()}
        programs = {it.filename for it in old.infolist() if it.external_attr & _MAY_RUN}
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as new:
        for name in sorted(contents):
            entry = zipfile.ZipInfo(name, _EPOCH)
            entry.compress_type = zipfile.ZIP_DEFLATED
            entry.external_attr = _PROGRAM if name in programs else _REGULAR_FILE
            new.writestr(entry, contents[name])


def sha256(path: Path) -> str:
    """Return a file's digest, in hexadecimal."""
    return hashlib.sha256(path.read_bytes()).hexdigest()
