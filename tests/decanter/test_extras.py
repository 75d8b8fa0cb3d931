"""The tables of requirements match pyproject.toml."""

import tomllib
from importlib import metadata

import pytest
from packaging.requirements import Requirement

from decanter.extras import LOCAL_MODULES, missing_extra
from decanter.project.framework import REQUIRES
from tests.support.projects import ROOT

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
EXTRAS = PROJECT["optional-dependencies"]


def test_the_frameworks_requirements_are_the_distributions() -> None:
    assert {"": tuple(PROJECT["dependencies"]), "jwt": tuple(EXTRAS["jwt"])} == REQUIRES


def test_the_extra_installs_its_modules() -> None:
    names = {Requirement(each).name.lower() for each in EXTRAS["local"]}
    providers = metadata.packages_distributions()
    assert names == {provider.lower() for each in LOCAL_MODULES for provider in providers[each]}


@pytest.mark.parametrize("name", ["boto3", "app", None])
def test_other_modules_do_not_belong_to_the_extra(name: str | None) -> None:
    assert missing_extra(ModuleNotFoundError("no", name=name)) is None
