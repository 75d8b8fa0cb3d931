"""The dependencies in a package, and the Lambda runtime that they are for."""

import copy
import sys
import zipfile
from pathlib import Path

import pytest

from decanter.aws import dependencies as vendor
from decanter.aws.cache import Cache
from decanter.aws.dependencies import Runtime
from decanter.errors import ProjectError
from decanter.project.config import Project
from tests.support.marks import THOROUGH
from tests.support.projects import CONFIG, write_project


def project(folder: Path, architecture: str | None = None) -> Project:
    config = copy.deepcopy(CONFIG)
    if architecture:
        config["stages"]["dev"]["lambda_architecture"] = architecture
    return Project.load(write_project(folder / "p", config=config))


def test_is_that_of_the_interpreter(tmp_path: Path) -> None:
    runtime = Runtime.of(project(tmp_path), (3, 13))
    assert (runtime.name, runtime.architecture) == ("python3.13", "x86_64")


def test_one_that_lambda_does_not_offer_is_refused_with_the_remedy(tmp_path: Path) -> None:
    """Chalice would use the newest one, with wheels that cannot be imported."""
    with pytest.raises(ProjectError) as caught:
        Runtime.of(project(tmp_path), (3, 99))
    message = str(caught.value)
    assert message.startswith(
        "Lambda does not offer python3.99, which runs this command, only up to "
    )
    assert "virtual environment of python3." in message


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


def test_an_unknown_processor_is_a_one_line_error(tmp_path: Path) -> None:
    with pytest.raises(ProjectError, match="'riscv', it must be x86_64 or arm64"):
        Runtime.of(project(tmp_path, "riscv"), (3, 11))


METADATA = "Metadata-Version: 2.1\nName: {}\nVersion: {}\n"
WHEEL = "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n"


def make_wheel(folder: Path, name: str, version: str) -> None:
    """Write a wheel with files of each kind."""
    info = f"{name}-{version}.dist-info"
    files = {
        f"{name}/__init__.py": "",
        f"{name}/fast.c": "",
        f"{name}/__init__.pyi": "",
        f"{name}/tests/test_it.py": "",
        f"{name}/bin/program": "",
        f"{name}-{version}.data/scripts/{name}": "",
        f"{info}/METADATA": METADATA.format(name, version),
        f"{info}/WHEEL": WHEEL,
        f"{info}/LICENSE": "as you like",
        f"{info}/RECORD": "",
    }
    with zipfile.ZipFile(folder / f"{name}-{version}-py3-none-any.whl", "w") as wheel:
        for path, content in files.items():
            wheel.writestr(path, content)


@pytest.fixture(name="project")
def _project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Project:
    """A project that requires a package, and a wheel of that package."""
    wheels = tmp_path / "index"
    wheels.mkdir()
    make_wheel(wheels, "thing", "1.0")
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(wheels))
    project = Project.load(write_project(tmp_path / "p"))
    (project.directory / "requirements.txt").write_text("thing>=1\n")
    return project


def install(project: Project, name: str = "vendor") -> tuple[set[str], list[str]]:
    """Install. Return the files, and the reported lines."""
    folder = project.directory / "build" / name
    said: list[str] = []
    vendor.install(project, Runtime.of(project, sys.version_info[:2]), folder, said.append)
    files = {str(f.relative_to(folder)) for f in folder.rglob("*") if f.is_file()}
    return files, said


def test_unused_files_are_left_out_and_wheels_are_kept_out_of_git(project: Project) -> None:
    """pip runs once. A program inside a package is kept, and pip's command-line script is not."""
    files, said = install(project)
    assert files == {
        "thing/__init__.py",
        "thing/bin/program",
        "thing-1.0.dist-info/METADATA",
        "thing-1.0.dist-info/LICENSE",
    }
    assert len(said) == 1
    assert said[0].startswith("installing requirements.txt for python3.")
    again, said = install(project, "again")
    assert again == files
    assert said[0].startswith("using the dependencies in ")
    lines = (project.directory / "build" / "wheels" / ".gitignore").read_text().splitlines()
    assert "*" in lines


@pytest.mark.parametrize(
    ("source", "ships"),
    [
        ("import boto3", True),
        ("import s3transfer.processpool", True),
        ('importlib.import_module("boto3")', True),
        ("import botocore", False),
    ],
)
def test_boto3_is_packaged_only_if_it_is_imported(source: str, ships: bool, tmp_path: Path) -> None:
    folder, code = tmp_path / "vendor", tmp_path / "code"
    for name in ("boto3", "s3transfer", "botocore"):
        (folder / name).mkdir(parents=True)
        (folder / name / "__init__.py").write_text("import boto3\n")
    (folder / "boto3-1.0.dist-info").mkdir()
    code.mkdir()
    (code / "app.py").write_text(source)
    said: list[str] = []
    vendor.leave_out_boto3(folder, code, said.append)
    assert (folder / "botocore").is_dir()
    assert [(folder / name).exists() for name in ("boto3", "boto3-1.0.dist-info")] == [ships] * 2
    assert bool(said) is not ships


SERVICES = {"apigatewaymanagementapi", "dynamodb", "s3", "sqs", "sts"}


def prune(code: Path, files: dict[str, str]) -> tuple[set[str], str]:
    """Return the services left in both SDKs for some source files, and the reported line."""
    for name, source in files.items():
        (code / name).parent.mkdir(parents=True, exist_ok=True)
        (code / name).write_text(source)
    boto3 = code / "vendor" / "boto3" / "data"
    botocore = code / "vendor" / "botocore" / "data"
    for service in SERVICES:
        (boto3 / service).mkdir(parents=True)
        model = botocore / service / "2020-01-01" / "service-2.json"
        model.parent.mkdir(parents=True)
        model.write_text('{"metadata":{"endpointPrefix":"it"},"documentation":"long"}')
    said: list[str] = []
    vendor.prune_sdk(code / "vendor", code, None, Cache(), said.append)
    left = {folder.name for folder in botocore.iterdir()}
    assert {folder.name for folder in boto3.iterdir()} == left
    assert not any("documentation" in file.read_text() for file in botocore.rglob("*.json"))
    return left, said[0]


@pytest.mark.parametrize(
    ("files", "kept"),
    [
        ({"app.py": "import boto3"}, set()),
        ({"app.py": 'boto3.client("s3")'}, {"s3"}),
        ({"chalicelib/a.py": 'boto3.client("s3")'}, {"s3"}),
        ({"vendor/pynamodb/a.py": 'NAME = "dynamodb"\nx.create_client(NAME)'}, {"dynamodb"}),
        ({"vendor/aiobotocore/a.py": "x.create_client(name)"}, set()),
        ({"vendor/s3transfer/a.py": 'client(name, "s3")'}, {"s3"}),
    ],
)
def test_services_that_the_code_names_are_kept(
    files: dict[str, str], kept: set[str], tmp_path: Path
) -> None:
    """The services that Chalice's runtime and botocore use are kept too."""
    left, said = prune(tmp_path, files)
    assert left == kept | {"apigatewaymanagementapi", "sts"}
    assert said == f"botocore keeps these services: {', '.join(sorted(left))}"


def test_models_of_kept_services_are_added_from_the_installed_packages(tmp_path: Path) -> None:
    """Files of the project's own vendor/ stay."""
    installed, folder = tmp_path / "wheels", tmp_path / "vendor"
    for root, place, name in (
        (installed, "botocore/data", "service-2"),
        (installed, "boto3/data", "resources-1"),
        (folder, "botocore/data", "paginators-1"),
    ):
        for service in ("s3", "sts", "sqs"):
            file = root / place / service / "2020-01-01" / f"{name}.json"
            file.parent.mkdir(parents=True)
            file.write_text('{"metadata":{"endpointPrefix":"it"}}')
    own = folder / "botocore/data/s3/2020-01-01/service-2.json"
    own.write_text('{"metadata":{"endpointPrefix":"own"}}')
    (folder / "a.py").write_text('boto3.client("s3")')
    vendor.prune_sdk(folder, tmp_path / "code", installed, Cache(), print)
    data = folder / "botocore/data"
    assert {file.relative_to(data).as_posix() for file in data.rglob("*.json")} == {
        f"{service}/2020-01-01/{name}.json"
        for service in ("s3", "sts")
        for name in ("paginators-1", "service-2")
    }
    assert "own" in own.read_text()
    assert not (folder / "boto3").exists()


def test_without_botocore_there_is_nothing_to_prune(tmp_path: Path) -> None:
    said: list[str] = []
    vendor.prune_sdk(tmp_path / "vendor", tmp_path, None, Cache(), said.append)
    assert said == []


@pytest.mark.parametrize(
    ("files", "places"),
    [
        ({"app.py": "def aws(x):\n    return boto3.client(x)"}, "app.py:2"),
        ({"chalicelib/a.py": "boto3.client(x)"}, "chalicelib/a.py:1"),
        ({"vendor/a/b.py": "boto3.client(x)"}, "vendor/a/b.py:1"),
        ({"vendor/a/b.so": "boto3"}, "vendor/a/b.so"),
        ({"app.py": "boto3.client(x)\n" * 5}, "app.py:1, app.py:2, app.py:3 and 2 more"),
    ],
)
def test_all_services_are_kept_if_one_is_not_clear(
    files: dict[str, str], places: str, tmp_path: Path
) -> None:
    left, said = prune(tmp_path, files)
    assert left == SERVICES
    assert said == (
        "botocore keeps all services, 0.0 MB more: the service is not clear at "
        f"{places}; write the name there, as in client('s3')"
    )


def test_the_projects_own_vendor_folder_is_packaged(project: Project) -> None:
    (project.directory / "requirements.txt").unlink()
    own = project.directory / "vendor" / "own"
    own.mkdir(parents=True)
    (own / "__init__.py").touch()
    program = project.directory / "vendor" / "bin" / "program"
    program.parent.mkdir()
    program.touch()
    assert install(project) == ({"own/__init__.py", "bin/program"}, [])


BACKEND = f"""
import zipfile

METADATA = {METADATA.format("lib", "1.0")!r}
WHEEL = {WHEEL!r}


def build_wheel(folder, settings=None, metadata=None, files=("lib/__init__.py",)):
    with zipfile.ZipFile(folder + "/lib-1.0-py3-none-any.whl", "w") as wheel:
        for name in files:
            wheel.write(name)
        wheel.writestr("lib-1.0.dist-info/METADATA", METADATA)
        wheel.writestr("lib-1.0.dist-info/WHEEL", WHEEL)
        wheel.writestr("lib-1.0.dist-info/RECORD", "")
    return "lib-1.0-py3-none-any.whl"

def build_editable(folder, settings=None, metadata=None):
    return build_wheel(folder, files=())
"""
BUILD_SYSTEM = """
[build-system]
requires = []
build-backend = "backend"
backend-path = ["."]
"""


@pytest.mark.parametrize("line", ["-e shared/lib", pytest.param("shared/lib", marks=THOROUGH)])
def test_a_package_in_a_folder_is_installed_again_if_its_code_changes(
    line: str, project: Project
) -> None:
    folder = project.directory / "shared" / "lib"
    (folder / "lib").mkdir(parents=True)
    (folder / "backend.py").write_text(BACKEND)
    (folder / "pyproject.toml").write_text(BUILD_SYSTEM)
    (project.directory / "requirements.txt").write_text(f"{line}\n")
    for number in range(2):
        (folder / "lib" / "__init__.py").write_text(f"number = {number}")
        install(project, f"vendor{number}")
        installed = project.directory / "build" / f"vendor{number}" / "lib" / "__init__.py"
        assert installed.read_text() == f"number = {number}"


@pytest.mark.parametrize(
    ("line", "is_fixed"),
    [
        ("thing>=1", True),
        ("thing[a] ==1 ; python_version < '3'", True),
        ("thing @ git+https://h/thing@main", False),
        (f"thing @ git+https://h/thing@{'a' * 40}", True),
        ("thing @ https://h/thing.zip", False),
        ("thing @ https://h/thing.zip#sha256=c0ffee", True),
        ("https://h/thing.zip --hash=sha256:c0ffee", True),
        ("thing @ file:///thing", False),
        ("./thing", False),
        ("libs/thing[a]", False),
        ("thing-1.0-py3-none-any.whl", False),
        ("--index-url https://h", False),
    ],
)
def test_content_that_may_change_without_a_new_line_is_installed_each_time(
    line: str, is_fixed: bool
) -> None:
    assert (vendor.ELSEWHERE.search(line) is None) is is_fixed


def test_a_folder_that_cannot_be_written_is_an_error(project: Project) -> None:
    (project.directory / "build").touch()
    with pytest.raises(ProjectError, match=r"^cannot write .*/build/wheels/\w+: .*make the folder"):
        install(project)


@pytest.mark.parametrize("text", [None, "", "# nothing\n"])
def test_without_requirements_pip_does_not_run(text: str | None, project: Project) -> None:
    path = project.directory / "requirements.txt"
    path.unlink() if text is None else path.write_text(text)
    assert install(project) == (set(), [])


def test_versions_are_the_installed_ones_unless_the_file_says_otherwise(
    project: Project, tmp_path: Path
) -> None:
    """The package contains what was tested."""
    for version in ("0.1", "0.2"):
        make_wheel(tmp_path / "index", "pytest", version)
    (project.directory / "requirements.txt").write_text("pytest<1\n")
    files, said = install(project)
    assert "pytest-0.2.dist-info/METADATA" in files
    assert said[1].startswith("the installed versions do not match requirements.txt")


def test_a_package_without_a_wheel_is_a_one_line_error(project: Project) -> None:
    (project.directory / "requirements.txt").write_text("nothing-of-this-name\n")
    with pytest.raises(ProjectError) as caught:
        install(project)
    assert "No matching distribution found for nothing-of-this-name" in str(caught.value)
    assert str(caught.value).endswith(
        "use a version that has a wheel, or put the package into vendor/"
    )
    assert caught.value.detail


def framework(folder: Path, files: dict[str, str]) -> tuple[set[str], list[str]]:
    """Return the files that `add_framework` adds to `vendor/`, and the reported lines."""
    for name, source in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(source)
    said: list[str] = []
    vendor.add_framework(folder / "vendor", folder, said.append)
    return {each.name for each in (folder / "vendor").iterdir()}, said


@pytest.mark.parametrize(
    "files",
    [
        {"app.py": "from decanter import Router"},
        {"app.py": "", "chalicelib/late.py": "def f():\n    import decanter\n"},
        {"app.py": "", "vendor/plugin.py": "import decanter.runtime"},
    ],
)
def test_the_framework_is_packaged_if_it_is_imported(files: dict[str, str], tmp_path: Path) -> None:
    stale = {
        "vendor/decanter/old.py": "",
        "vendor/chalice_decanter-0.1.dist-info/METADATA": "",
        "vendor/botocore/__init__.py": "",
        "vendor/pynamodb/__init__.py": "",
    }
    names, said = framework(tmp_path, stale | files)
    assert names - {"plugin.py"} == {"botocore", "decanter", "pynamodb"}
    parts = {each.name for each in (tmp_path / "vendor" / "decanter").iterdir()}
    assert parts == {"__init__.py", "runtime"}
    assert said == []


def test_the_framework_is_not_packaged_if_it_is_not_imported(tmp_path: Path) -> None:
    files = {"app.py": "import chalice", "vendor/decanter/runtime/__init__.py": "import decanter"}
    assert framework(tmp_path, files) == (set(), [])


def test_a_missing_requirement_of_the_framework_is_reported(tmp_path: Path) -> None:
    files = {"app.py": "import decanter", "vendor/botocore/__init__.py": ""}
    names, said = framework(tmp_path, files)
    assert names == {"botocore", "decanter"}
    (line,) = said
    assert line.startswith("warning: the framework imports pynamodb, which is not in the package: ")
    assert line.endswith("add pynamodb>=6.1,<7 to requirements.txt")


def test_the_origin_of_an_installed_package_is_not_packaged(project: Project) -> None:
    """It contains a path of this machine."""
    wheel = project.directory / "wheels"
    wheel.mkdir()
    make_wheel(wheel, "mine", "1.0")
    (project.directory / "requirements.txt").write_text("./wheels/mine-1.0-py3-none-any.whl\n")
    files, _ = install(project)
    assert "mine-1.0.dist-info/METADATA" in files
    assert "mine-1.0.dist-info/direct_url.json" not in files
    again, said = install(project, "again")
    assert (again, said[0][:10]) == (files, "installing")


@pytest.mark.parametrize(("minor", "warned"), [(10, True), (11, True), (12, False), (13, False)])
def test_a_runtime_on_amazon_linux_2_is_warned_about(
    minor: int, warned: bool, tmp_path: Path
) -> None:
    warning = Runtime.of(project(tmp_path), (3, minor)).warning
    assert (warning is not None) == warned
    if warning:
        assert f"python3.{minor} on Amazon Linux 2" in warning
        assert warning.endswith("virtual environment of Python 3.12 or newer")
