"""Read JSON, read templates (JSON or CloudFormation's YAML), and write files atomically."""

import json
import os
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from decanter.errors import ProjectError
from decanter.project.files import writing
from decanter.project.intrinsics import function_name
from decanter.project.template_forms import mistakes


def read_json(path: Path, *, unique: bool = False) -> dict[str, Any]:
    """Read a JSON object.

    With `unique`, an object with a repeated key is refused, because the key's earlier values would
    be ignored.

    Raises:
        ProjectError: the file cannot be read, does not contain a JSON object, or, if `unique`, has
            a repeated key.
    """

    def members(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        found = dict(pairs)
        if unique and len(found) < len(pairs):
            keys = [key for key, _ in pairs]
            twice = next(key for key in keys if keys.count(key) > 1)
            raise ProjectError(f"{path}: an object has the key {twice!r} twice: remove one")
        return found

    try:
        return _object(path, json.loads(_text(path), object_pairs_hook=members))
    except json.JSONDecodeError as error:
        place = f"{path}:{error.lineno}:{error.colno}"
        raise ProjectError(f"{place}: not valid JSON: {error.msg}") from error


def read_template(path: Path) -> dict[str, Any]:
    """Read a template, as YAML or JSON according to the suffix of the file's name.

    Raises:
        ProjectError: the file cannot be read, is not a template, repeats a key, or has a null or a
            value of a wrong form.
    """
    is_yaml = path.suffix.lower() in {".yaml", ".yml"}
    document = _read_yaml(path) if is_yaml else read_json(path, unique=True)
    for section in ("Resources", "Parameters", "Mappings", "Conditions", "Outputs"):
        for name, member in _object(path, document.get(section, {}), section).items():
            _object(path, member, f"{section}.{name}")
    for mistake in mistakes(document):
        raise ProjectError(f"{path}: {mistake}")
    return document


def merged(over: Mapping[str, Any], under: Mapping[str, Any]) -> dict[str, Any]:
    """Merge two templates, like Chalice's `TemplateDeepMerger`. `over` has priority.

    Unlike Chalice, never merge an intrinsic function with other members, because CloudFormation
    refuses an object with two functions, such as `Fn::Sub` and `Fn::GetAtt`.

    The import of Chalice's own class takes a third of a second, because it loads all of Chalice's
    modules for packaging.
    """
    return {**under, **{name: _over(value, under.get(name)) for name, value in over.items()}}


def _over(value: Any, under: Any) -> Any:
    both = isinstance(value, dict) and isinstance(under, dict)
    calls = function_name(value) or function_name(under)
    return merged(value, under) if both and not calls else value


def parse_template(text: str) -> dict[str, Any]:
    """Parse a template's text as a JSON or YAML object. Return an empty dict for any other text."""
    try:
        # JSON is valid YAML, but the YAML parser is slow to import and to run.
        document = json.loads(text) if text.startswith("{") else _parse_yaml(text)
    except ValueError:
        return {}
    return document if isinstance(document, dict) else {}


def write_text(path: Path, text: str) -> None:
    """Write a file completely or not at all.

    Raises:
        ProjectError: the file cannot be written.
    """
    with writing(path):
        if path.exists() and not path.is_file():  # such as /dev/stdout, which cannot be replaced
            path.write_text(text, encoding="utf-8")
        else:
            _replace(path.resolve(), text)


def _replace(path: Path, text: str) -> None:
    """Write a new file in place of the old file, if any. Keep the mode of the old file."""
    mode = path.stat().st_mode if path.is_file() else 0o666 & ~_umask()
    with tempfile.NamedTemporaryFile(
        "w", encoding="utf-8", dir=path.parent, prefix=f".{path.name}.", delete=False
    ) as file:
        temporary = Path(file.name)
        try:
            file.write(text)
            file.close()
            temporary.chmod(mode)
            temporary.replace(path)
        except BaseException:
            temporary.unlink(missing_ok=True)
            raise


def _umask() -> int:
    """Return the process's umask. The only way to read the umask is to set it."""
    umask = os.umask(0o077)
    os.umask(umask)
    return umask


def _read_yaml(path: Path) -> dict[str, Any]:
    text = _text(path)
    try:
        document = _parse_yaml(text, unique=True)
    except ValueError as error:
        problem = " ".join(str(error).split())
        raise ProjectError(f"{path}: not valid YAML: {problem}") from error
    return _object(path, document)


def _parse_yaml(text: str, *, unique: bool = False) -> Any:
    """Parse YAML with CloudFormation's short tags.

    With `unique`, a repeated key is refused. Otherwise, the key's last value is used.

    Raises:
        ValueError: the text is not YAML, has an invalid scalar, such as an impossible date, or, if
            `unique`, has a repeated key.
    """
    import yaml

    from decanter.project.yaml_loader import Loader, UniqueLoader

    try:
        return yaml.load(text, Loader=UniqueLoader if unique else Loader)  # noqa: S506 - it derives from SafeLoader
    except yaml.YAMLError as error:
        raise ValueError(str(error)) from error


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except OSError as error:
        raise ProjectError(f"cannot read {path}: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise ProjectError(f"{path}: not valid UTF-8 at byte {error.start}") from error


def _object(path: Path, value: object, place: str = "") -> dict[str, Any]:
    if not isinstance(value, dict):
        kind = type(value).__name__
        raise ProjectError(f"{path}: {place or 'the content'} must be an object, not {kind}")
    return value
