"""Which Python of Lambda's the package is for."""

import copy
from pathlib import Path

import pytest

from decanter.aws.runtime import Runtime
from decanter.errors import ProjectError
from decanter.project import Project
from tests.decanter.projects import CONFIG, write_project


def project(folder: Path, architecture: str | None = None) -> Project:
    config = copy.deepcopy(CONFIG)
    if architecture:
        config["stages"]["dev"]["lambda_architecture"] = architecture
    return Project.load(write_project(folder / "p", config=config))


def test_is_that_of_the_interpreter(tmp_path: Path) -> None:
    runtime = Runtime.of(project(tmp_path), (3, 13))
    assert (runtime.name, runtime.architecture) == ("python3.13", "x86_64")


def test_one_that_lambda_does_not_offer_is_refused_with_the_remedy(tmp_path: Path) -> None:
    """Chalice would take its newest and package wheels that cannot be imported."""
    with pytest.raises(ProjectError) as caught:
        Runtime.of(project(tmp_path), (3, 99))
    message = str(caught.value)
    assert message.startswith("Lambda offers no python3.99, which runs this command, only up to ")
    assert "`make package PYTHON=python3." in message


@pytest.mark.parametrize(
    ("version", "architecture", "newest"),
    [
        ((3, 11), "x86_64", "--platform=manylinux_2_26_x86_64"),
        ((3, 12), "x86_64", "--platform=manylinux_2_34_x86_64"),
        ((3, 13), "arm64", "--platform=manylinux_2_34_aarch64"),
    ],
)
def test_wheels_are_for_lambdas_machine_not_for_this_one(
    version: tuple[int, int], architecture: str, newest: str, tmp_path: Path
) -> None:
    arguments = Runtime.of(project(tmp_path, architecture), version).pip_arguments()
    platforms = [each for each in arguments if each.startswith("--platform=")]
    machine = newest.rpartition("_2_")[2].partition("_")[2]
    assert platforms[0] == newest
    assert platforms[-1] == f"--platform=manylinux2014_{machine}"
    assert f"--python-version=3.{version[1]}" in arguments


def test_an_unknown_processor_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(ProjectError, match="'riscv', it has to be x86_64 or arm64"):
        Runtime.of(project(tmp_path, "riscv"), (3, 11))
