"""Read requirements.txt as one list. The framework's requirements replace Decanter in it.

The package contains the installed framework. From a line with Decanter's name, pip would also
install the tool, or it would fail if no index has this name. So pip never reads such a line.
"""

import codecs
import json
import re
import shlex
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass, field
from importlib import metadata
from pathlib import Path
from urllib.parse import urlsplit
from urllib.request import url2pathname

from decanter.errors import ProjectError
from decanter.project.framework import DISTRIBUTION, REQUIRES

_COMMENT = re.compile(r"(^|\s+)#.*$")
_EDITABLE = re.compile(r"^(?:-e\s*|--editable[=\s]\s*)")
_FILE = re.compile(r"(-r|--requirement|-c|--constraint|-f|--find-links)[=\s]*(\S.*)")
_NAMED = re.compile(r"([A-Za-z0-9][\w.-]*)\s*(?:\[([^\]]*)\])?\s*(?:[<>=!~;@(\s].*)?")
_PLACE = re.compile(r"(.*?)(?:\[([^\]]*)\])?(?:#(\S*))?(?:\s+;.*|\s+--.*)?")


@dataclass(frozen=True)
class Requirements:
    """The requirements that pip installs, without Decanter.

    Attributes:
        lines: the lines of requirements.txt and of the files that it includes.
        constraints: the lines of the constraints files that requirements.txt names.
        files: the paths of all files that were read.
    """

    lines: list[str] = field(default_factory=list)
    constraints: list[str] = field(default_factory=list)
    files: set[Path] = field(default_factory=set)

    @classmethod
    def of(cls, project: Path) -> "Requirements":
        """Return the requirements of a project; empty without a requirements.txt.

        Raises:
            ProjectError: requirements.txt includes a file that does not exist.
        """
        found = cls()
        path = project / "requirements.txt"
        if path.is_file():
            found._read(path, found.lines, project)
        return found

    def _read(self, path: Path, lines: list[str], project: Path) -> None:
        self.files.add(path.resolve())
        for line in _logical_lines(path):
            option = _FILE.fullmatch(line)
            extras = extras_of_decanter(line, project)
            if option and "://" not in option[2]:
                self._follow(option[1], path, option[2], lines, project)
            elif extras is None:
                lines.append(_copied(line))
            elif lines is self.lines and "--hash" not in line:  # with hashes, every line needs one
                lines += [
                    each for extra in ("", *sorted(extras)) for each in REQUIRES.get(extra, ())
                ]

    def _follow(self, option: str, path: Path, name: str, lines: list[str], project: Path) -> None:
        """Read a file that a line of `path` names, or keep the line if it is `--find-links`."""
        other = path.parent / name
        if option in ("-f", "--find-links"):
            lines.append(f"--find-links {other.resolve().as_uri() if other.exists() else name}")
        elif not other.is_file():
            raise ProjectError(f"{path} names {other}, which does not exist")
        elif other.resolve() not in self.files:
            included = option in ("-r", "--requirement")
            self._read(other, lines if included else self.constraints, project)


def _copied(line: str) -> str:
    """Return a line without `-e`, because an editable install only refers to the package."""
    text = _EDITABLE.sub("", line)
    try:
        words = shlex.split(text)  # as pip reads the value of an option
    except ValueError:
        return line  # pip explains it
    if text == line or not words:
        return line
    is_clear = words[0].startswith((".", "/")) or "://" in words[0]
    return words[0] if is_clear else f"./{words[0]}"  # pip takes a bare word for a package's name


def extras_of_decanter(line: str, project: Path) -> frozenset[str] | None:
    """Return the extras of Decanter in a line; None if the line requires another package.

    The line has no comment. Relative paths in it start at the folder `project`.
    """
    text = _EDITABLE.sub("", line).strip("'\"")
    named = _NAMED.fullmatch(text)
    if named and not (text != line and (project / named[1]).is_dir()):
        return _extras(named[2]) if _canonical(named[1]) == DISTRIBUTION else None
    place = _PLACE.fullmatch(text)
    assert place is not None  # the pattern always matches the first part
    egg = _NAMED.match((place[3] or "").rpartition("egg=")[2])
    if egg and _canonical(egg[1]) == DISTRIBUTION:
        return _extras(place[2] or egg[2])
    return _extras(place[2]) if _is_decanter(place[1], project) else None


def _is_decanter(place: str, project: Path) -> bool:
    """True for a checkout, an archive or a repository of this distribution."""
    url = urlsplit(place)
    if url.scheme in ("", "file") and not url.netloc:
        folder = project / (url2pathname(url.path) if url.scheme else place)
        if (folder / "pyproject.toml").is_file():
            return _project_name(folder / "pyproject.toml") == DISTRIBUTION
    repository = re.sub(r"^\w+\+|@[^/@]+$", "", place).removesuffix(".git")
    names = [_canonical(part) for part in urlsplit(repository).path.split("/")]
    if re.match(rf"{DISTRIBUTION}-v?\d", names[-1]):
        return True
    if url.netloc and not names[-1].endswith("-whl"):  # such as host/owner/NAME/archive/main.zip
        return DISTRIBUTION in names or repository in _origins()
    return False


def _origins() -> set[str]:
    """Return the URLs from which pip installed Decanter. pip records them (PEP 610)."""
    notes = (
        each.read_text("direct_url.json") for each in metadata.distributions(name=DISTRIBUTION)
    )
    return {json.loads(note)["url"].removesuffix(".git") for note in notes if note}


def _project_name(pyproject: Path) -> str:
    try:
        document = tomllib.loads(pyproject.read_text(encoding="utf-8"))
    except ValueError:
        return ""
    return _canonical(str(document.get("project", {}).get("name", "")))


def _logical_lines(path: Path) -> Iterator[str]:
    """Yield the lines as pip reads them, joined at backslashes and without comments."""
    text = re.sub(r"(?m)^\s*#.*$", "", _text(path))
    for line in re.sub(r"\\\r?\n", " ", text).splitlines():
        if stripped := _COMMENT.sub("", line).strip():
            yield stripped


def _text(path: Path) -> str:
    """Return a file's text. PowerShell writes UTF-16, and pip reads that too.

    Raises:
        ProjectError: the file has another encoding.
    """
    content = path.read_bytes()
    is_wide = content.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE))
    try:
        return content.decode("utf-16" if is_wide else "utf-8-sig")
    except UnicodeDecodeError as error:
        raise ProjectError(
            f"{path}: not valid UTF-8 at byte {error.start}: save the file as UTF-8"
        ) from error


def _extras(text: str | None) -> frozenset[str]:
    return frozenset(_canonical(each.strip()) for each in (text or "").split(",") if each.strip())


def _canonical(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()
