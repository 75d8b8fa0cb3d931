"""Create byte code and zip files that depend only on their content, not on the build's time."""

import hashlib
import subprocess
import sys
import zipfile
from pathlib import Path

# The folder where Lambda unpacks a function's code. Byte code contains the path of its source: with
# this path, byte code is the same wherever it is made, and an import on Lambda corrects nothing.
TASK_ROOT = "/var/task"
# The oldest date that a zip file can hold.
_EPOCH = (1980, 1, 1, 0, 0, 0)
_REGULAR_FILE = 0o100644 << 16


def compile_all(root: Path, *folders: Path) -> None:
    """Write byte code next to the sources. Python uses this byte code without checking the sources.

    Lambda's file system is read-only, so without byte code every cold start compiles every module
    again. The zip does not keep time stamps, and a checked hash would read each source.

    This function runs in its own process, because the output of `marshal` depends on other
    references to a constant.

    Args:
        root: the folder that becomes the task's root on Lambda.
        folders: the folders in `root` to compile; files that do not compile are left unchanged.
    """
    command = [
        *(sys.executable, "-I", "-m", "compileall", "-q", "-f"),
        *("--invalidation-mode", "unchecked-hash", "-s", str(root), "-p", TASK_ROOT),
    ]
    subprocess.run([*command, *map(str, folders)], capture_output=True, check=False)


def normalise(path: Path) -> None:
    """Rewrite a zip file with sorted entries, a fixed date, read rights and maximum compression."""
    with zipfile.ZipFile(path) as old:
        contents = {name: old.read(name) for name in old.namelist()}
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as new:
        for name in sorted(contents):
            entry = zipfile.ZipInfo(name, _EPOCH)
            entry.compress_type = zipfile.ZIP_DEFLATED
            entry.external_attr = _REGULAR_FILE
            new.writestr(entry, contents[name])


def sha256(path: Path) -> str:
    """Return a file's digest, in hexadecimal."""
    return hashlib.sha256(path.read_bytes()).hexdigest()
