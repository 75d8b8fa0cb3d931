"""The licences of all packages in locks/, as docs/reference/licences.md lists them.

    python -m tests.docs.licences

writes the page. A package that is not installed here, because it is for another system, keeps its
line.
"""

import json
import re
from collections.abc import Iterator
from importlib.metadata import PackageNotFoundError, metadata

from tests.support.gateways import ROOT

PAGE = ROOT / "docs" / "reference" / "licences.md"
USES = {"ship": "the package for Lambda", "run": "the tool", "develop": "tests and checks"}
HEAD = """# Licences

Decanter has the Apache License 2.0. This page lists the licences of the packages that Decanter
uses, as the packages state their licences. The folder `locks/` has the versions and hashes of
Python packages, and `tests/support/node` has those of npm packages. An app with `WebTokens` also
ships PyJWT, cryptography, cffi and pycparser. The command `python -m tests.docs.licences` writes
this page.

| Package | Licence | Used by |
|---|---|---|
"""
NODE = ROOT / "tests" / "support" / "node" / "package-lock.json"
_PINNED = re.compile(r"^([a-z0-9.-]+)==", re.MULTILINE)
_LINE = re.compile(r"^\| `([^`]+)` \| (.+) \| (.+) \|$", re.MULTILINE)


def packages() -> dict[str, str]:
    """Return the use of each package: the first that applies."""
    used: dict[str, str] = {}
    for lock, use in USES.items():
        for name in _PINNED.findall((ROOT / "locks" / f"{lock}.txt").read_text()):
            used.setdefault(name, use)
    used |= dict.fromkeys(of_node(), USES["develop"])
    return dict(sorted(used.items()))


def of_node() -> dict[str, str]:
    """Return npm's packages of the tests with their licences."""
    locked = json.loads(NODE.read_text())["packages"]
    return {
        f"npm:{path.rpartition('node_modules/')[2]}": about["license"]
        for path, about in locked.items()
        if path
    }


def licence(name: str) -> str | None:
    """Return the licence that a package states; None if it is not installed."""
    if name.startswith("npm:"):
        return of_node().get(name)
    try:
        about = metadata(name)
    except PackageNotFoundError:
        return None
    if "License-Expression" in about:
        return about["License-Expression"]
    kinds = about.get_all("Classifier") or []
    named = [each.rpartition(" :: ")[2] for each in kinds if each.startswith("License :: ")]
    stated: list[str] = about.get_all("License") or ["not stated"]
    return ", ".join(named) or stated[0].partition("\n")[0]


def listed() -> dict[str, tuple[str, str]]:
    """Return the page's licences and uses."""
    found = _LINE.findall(PAGE.read_text()) if PAGE.exists() else []
    return {name: (stated, use) for name, stated, use in found}


def lines() -> Iterator[str]:
    before = listed()
    for name, use in packages().items():
        stated = licence(name) or before.get(name, ("not read: for another system",))[0]
        yield f"| `{name}` | {stated} | {use} |\n"


if __name__ == "__main__":
    PAGE.write_text(HEAD + "".join(lines()))
