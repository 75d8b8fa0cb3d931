"""Hide the values of environment variables and of NoEcho parameters in the output.

In a template, the structure shows which values are secret. An error of AWS may quote a value, so
known values are replaced in AWS's texts. The output shows the name of a hidden value, and whether
the value has changed.
"""

import json
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from decanter.aws.steps import Report
from decanter.errors import DecanterError

HIDDEN = "(hidden)"
CHANGED = "(hidden, changed)"

# In these sections, anywhere in a template, each leaf is the value of a variable.
_VARIABLES = {"Environment", "EnvironmentVariables", "Variables", "StageVariables"}
_SECRET = re.compile(r"(?i)secret|passw|token|credential|api_?key|private_?key")
# The members of a parameter that do not contain its value.
_SHOWN = {"Type", "NoEcho", "Description"}
# The arguments of these functions are names.
_NAMING = {"Ref", "Condition", "Fn::GetAtt", "Fn::FindInMap", "Fn::ImportValue"}
_REFERENCE = re.compile(r"\$\{[^}]*\}")
_YES = {"true", "1", "yes"}

Path = tuple[str | int, ...]
Template = Mapping[str, Any]


def redacted(old: Template, new: Template) -> tuple[Template, Template]:
    """Return two templates without secrets, for a comparison. The new one marks changed secrets."""
    names = secret_names(old) | secret_names(new)
    before, after = (dict(_secrets(it, names)) for it in (old, new))
    differs = {path for path in after if path in before and before[path] != after[path]}
    return (
        _masked(old, dict.fromkeys(before, HIDDEN)),
        _masked(new, {path: CHANGED if path in differs else HIDDEN for path in after}),
    )


def secret_names(template: Template) -> set[str]:
    """Return the names of the parameters and mappings that have secret values.

    A value is secret if its parameter is NoEcho, if its name looks like the name of a secret, or if
    a secret refers to it.
    """
    parameters = _section(template, "Parameters")
    referring = json.dumps([value for _, value in _secrets(template, set())], default=str)
    return {
        name
        for name, declared in (parameters | _section(template, "Mappings")).items()
        if _SECRET.search(name) or _no_echo(declared) or name in referring
    }


class Secrets:
    """The known values that must not be printed.

    `config` is the content of `.chalice/config.json`. `public` contains the names of the
    variables without secrets, such as a variable with a table's name.
    """

    def __init__(self, config: Mapping[str, Any], public: frozenset[str] = frozenset()) -> None:
        self._public = public
        self._values: set[str] = set()
        self._outputs: set[str] = set()
        for path, value in _leaves(config):
            if "environment_variables" in path and path[-1] not in public:
                self._add(value)

    def learn(self, template: Template) -> None:
        """Add the secrets in a template to the known values."""
        names = secret_names(template)
        self._outputs |= {k for k, v in _section(template, "Outputs").items() if _cites(v, names)}
        for path, value in _secrets(template, names):
            if not (_NAMING | self._public) & set(path) and path[-2:] != ("Fn::If", 0):
                self._add(value)

    def learn_parameters(self, template: Template, values: Mapping[str, str]) -> None:
        """Add the values of a template's secret parameters to the known values."""
        for name in secret_names(template) & set(values):
            self._add(values[name])

    def hide(self, text: str) -> str:
        """Return the text without the known values."""
        for value in sorted(self._values, key=len, reverse=True):
            text = text.replace(value, HIDDEN)
        return text

    def output(self, name: str, value: str) -> str:
        """Return the value of a stack's output. Hide it if the output refers to a secret."""
        return HIDDEN if name in self._outputs else self.hide(value)

    def hiding(self, report: Report) -> Report:
        """Return a function that reports each line without the known values."""
        return lambda line: report(self.hide(line))

    @contextmanager
    def hidden(self) -> Iterator[None]:
        """Replace a DecanterError from the block with the same error without the known values."""
        try:
            yield
        except DecanterError as error:
            detail = self.hide(error.detail)
            raise type(error)(self.hide(str(error)), detail=detail) from error.__cause__

    def _add(self, value: object) -> None:
        """Add the forms in which a text may contain a value."""
        text = str(value)
        parts = _REFERENCE.split(text)
        forms = [text, " ".join(text.split()), json.dumps(text)[1:-1], *parts, *text.splitlines()]
        self._values |= {form for form in forms if _is_telling(form)}


def _is_telling(text: str) -> bool:
    """True if a text can be a secret. Short texts, such as `true` or `5`, occur everywhere."""
    return len(text.strip()) >= 8 or (len(text.strip()) >= 4 and not text.strip().isalpha())


def _secrets(template: Template, names: set[str]) -> Iterator[tuple[Path, object]]:
    """Yield the path and the value of each secret leaf in a template."""
    for path, value in _leaves(template):
        if _is_secret(path, names):
            yield path, value


def _is_secret(path: Path, names: set[str]) -> bool:
    section, name, *rest = (*path, "", "")
    if section in {"Parameters", "Mappings"}:
        return name in names and not (section == "Parameters" and rest and rest[0] in _SHOWN)
    properties = path[2:] if section == "Resources" else path
    return any(
        part in _VARIABLES or (section == "Resources" and _SECRET.search(part))
        for part in properties
        if isinstance(part, str)
    )


def _leaves(node: object, path: Path = ()) -> Iterator[tuple[Path, object]]:
    """Yield the path and the value of each leaf in a document."""
    if isinstance(node, Mapping):
        for key, value in node.items():
            yield from _leaves(value, (*path, key))
    elif isinstance(node, list):
        for number, value in enumerate(node):
            yield from _leaves(value, (*path, number))
    else:
        yield path, node


def _masked(node: Any, words: Mapping[Path, str], path: Path = ()) -> Any:
    """Return a document in which words replace the values at these paths."""
    if isinstance(node, Mapping):
        return {key: _masked(value, words, (*path, key)) for key, value in node.items()}
    if isinstance(node, list):
        return [_masked(value, words, (*path, number)) for number, value in enumerate(node)]
    return words.get(path, node)


def _cites(output: object, names: set[str]) -> bool:
    """True if an output refers to one of these names."""
    text = json.dumps(output, default=str)
    return any(f'"{name}"' in text or f"${{{name}}}" in text for name in names)


def _section(template: Template, name: str) -> dict[str, Any]:
    section = template.get(name)
    return section if isinstance(section, dict) else {}


def _no_echo(declared: object) -> bool:
    return isinstance(declared, dict) and str(declared.get("NoEcho")).lower() in _YES
