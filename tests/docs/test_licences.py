"""Each package in locks/ is pinned by hashes, and its licence is listed."""

import json
import re
import tomllib
from importlib.metadata import PackageNotFoundError, version

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from tests.docs.licences import NODE, USES, licence, listed, packages
from tests.support.gateways import ROOT

FREE = re.compile(r"Apache|MIT|BSD|ISC|PSF|Python Software|Mozilla|MPL|Unlicense|0BSD|Zlib|CC0")


def pinned(lock: str) -> dict[str, set[str]]:
    """Return the versions of each package; some differ between versions of Python."""
    found: dict[str, set[str]] = {}
    for name, exact in re.findall(
        r"^([a-z0-9.-]+)==(\S+)", (ROOT / "locks" / f"{lock}.txt").read_text(), re.MULTILINE
    ):
        found.setdefault(name, set()).add(exact)
    return found


def installed(name: str) -> str | None:
    """Return the installed version, which differs where the lock is not used."""
    try:
        return version(name)
    except PackageNotFoundError:
        return None


def required(file: str) -> list[Requirement]:
    texts = [line.partition("  #")[0] for line in (ROOT / file).read_text().splitlines()]
    return [Requirement(text) for text in texts if text and text[0] not in "#-"]


@pytest.mark.parametrize("lock", USES)
def test_every_version_has_hashes_and_no_lock_names_a_machine(lock: str) -> None:
    text = (ROOT / "locks" / f"{lock}.txt").read_text()
    entries = re.split(r"\n(?! )", text.strip())
    assert all(re.search(r"--hash=sha256:[0-9a-f]{64}", entry) for entry in entries)
    assert not re.search(r"://|file:|^-|/", text, re.MULTILINE)


def test_npms_lock_has_exact_versions_with_hashes_and_names_no_registry() -> None:
    wanted = json.loads(NODE.with_name("package.json").read_text())["dependencies"]
    own, *locked = json.loads(NODE.read_text())["packages"].values()
    assert own["dependencies"] == wanted
    assert all(re.fullmatch(r"\d+\.\d+\.\d+", exact) for exact in wanted.values())
    assert all(each["integrity"].startswith("sha512-") for each in locked)
    assert not re.search(r"://|resolved", NODE.read_text())


def test_the_locks_agree() -> None:
    develop = pinned("develop")
    for lock in ("ship", "run"):
        for name, versions in pinned(lock).items():
            assert versions <= develop[name], name


@pytest.mark.parametrize(
    ("lock", "file"), [("ship", "requirements.txt"), ("develop", "requirements-dev.txt")]
)
def test_a_lock_has_what_the_requirements_ask_for(lock: str, file: str) -> None:
    versions = pinned(lock)
    for requirement in required(file):
        found = versions[canonicalize_name(requirement.name)]
        assert all(requirement.specifier.contains(each) for each in found), requirement


def test_the_lock_to_run_has_the_tools_dependencies() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    versions = pinned("run")
    for text in [*project["dependencies"], *project["optional-dependencies"]["local"]]:
        requirement = Requirement(text)
        found = versions[canonicalize_name(requirement.name)]
        assert all(requirement.specifier.contains(each) for each in found), text


def test_every_package_has_its_licence_and_its_use() -> None:
    """`python -m tests.docs.licences` writes the page again."""
    shown = listed()
    assert {name: use for name, (_, use) in shown.items()} == packages()
    for name, (stated, _) in shown.items():
        if name.startswith("npm:") or installed(name) in pinned("develop")[name]:
            assert licence(name) == stated, name


def test_everything_that_ships_has_a_permissive_licence() -> None:
    shipped = {name: stated for name, (stated, use) in listed().items() if use == USES["ship"]}
    assert {name for name, stated in shipped.items() if not FREE.search(stated)} == set()
