"""Byte code and zip files that follow from their content alone, whenever they are made."""

import hashlib
import subprocess
import sys
import zipfile
from pathlib import Path

# Where Lambda unpacks a function's code. Byte code holds the path of its source: with this one it
# is the same wherever it is made, and an import on Lambda finds nothing to correct.
TASK_ROOT = "/var/task"
# The oldest that a zip file can say.
_EPOCH = (1980, 1, 1, 0, 0, 0)
_REGULAR_FILE = 0o100644 << 16


def compile_all(root: Path, *folders: Path) -> None:
    """Write byte code beside the sources, which Python then takes without looking at them.

    Lambda's file system is read-only: without it, every cold start compiles every module anew. A
    time stamp would not survive the zip; a checked hash would read each source.

    In a process of its own, because `marshal` writes what else refers to a constant into it.

    Args:
        root: what becomes the task's root.
        folders: those under it to compile; what does not compile is left as it is.
    """
    command = [
        *(sys.executable, "-I", "-m", "compileall", "-q", "-f"),
        *("--invalidation-mode", "unchecked-hash", "-s", str(root), "-p", TASK_ROOT),
    ]
    subprocess.run([*command, *map(str, folders)], capture_output=True, check=False)


def normalise(path: Path) -> None:
    """Write a zip file again: sorted, undated, readable by all, compressed as well as it goes."""
    with zipfile.ZipFile(path) as old:
        contents = {name: old.read(name) for name in old.namelist()}
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as new:
        for name in sorted(contents):
            entry = zipfile.ZipInfo(name, _EPOCH)
            entry.compress_type = zipfile.ZIP_DEFLATED
            entry.external_attr = _REGULAR_FILE
            new.writestr(entry, contents[name])


def sha256(path: Path) -> str:
    """A file's digest, in hexadecimal."""
    return hashlib.sha256(path.read_bytes()).hexdigest()
