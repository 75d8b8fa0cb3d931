"""Install an app's dependencies as wheels for Lambda's platform, without unused parts.

The zip contains the packages in requirements.txt and their dependencies. If the versions that are
installed on this machine match requirements.txt, the zip has these versions, so Lambda runs the
tested versions. The unpacked wheels are kept in `build/wheels/`. pip runs again if the
requirements, the installed versions or the runtime change, or if requirements.txt contains a path,
a URL without a commit or a digest, or an option other than `-r` and `-c`.
"""

import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path

from botocore.loaders import Loader

from decanter.aws import sdk
from decanter.aws.cache import Cache
from decanter.aws.requirements import Requirements
from decanter.aws.services import imports, services_of
from decanter.errors import ProjectError
from decanter.project.config import Project
from decanter.project.files import copy_folder, writing
from decanter.project.framework import REQUIRES, copy_framework

# The last Python version that Lambda runs on Amazon Linux 2. Newer versions run on Amazon Linux
# 2023, which has another version of glibc (Lambda Developer Guide, "Lambda runtimes").
_LAST_ON_AMAZON_LINUX_2 = (3, 11)
_GLIBC_MINOR_OF_2 = 26
_GLIBC_MINOR_OF_2023 = 34
_OLDEST_GLIBC_MINOR = 17
_MACHINES = {"x86_64": "x86_64", "arm64": "aarch64"}


@dataclass(frozen=True)
class Runtime:
    """A Lambda runtime, such as Python `(3, 13)` on the architecture `x86_64` or `arm64`."""

    version: tuple[int, int]
    architecture: str

    @classmethod
    def of(
        cls, project: Project, version: tuple[int, int] = (sys.version_info[0], sys.version_info[1])
    ) -> "Runtime":
        """Return the runtime that Chalice chooses if it runs in this version of Python.

        Raises:
            ProjectError: Lambda does not offer this version, or the configured architecture is not
                known. Chalice itself does not refuse such a version.
        """
        runtime = cls(version, project.config.lambda_architecture)
        offered = Loader().load_service_model("lambda", "service-2")["shapes"]["Runtime"]["enum"]
        if runtime.name not in offered:
            pythons = [name for name in offered if name.startswith("python3.")]
            raise ProjectError(
                f"Lambda does not offer {runtime.name}, which runs this command, only up to "
                f"{max(pythons, key=_minor)}: run it in a virtual environment of "
                f"{max(pythons, key=_minor)}"
            )
        if runtime.architecture not in _MACHINES:
            raise ProjectError(
                f"{project.config_path}: lambda_architecture is {runtime.architecture!r}, "
                f"it must be {' or '.join(_MACHINES)}"
            )
        return runtime

    @property
    def name(self) -> str:
        """Return Lambda's name for the runtime, such as `python3.13`."""
        return f"python{self.version[0]}.{self.version[1]}"

    @property
    def _is_old(self) -> bool:
        return self.version <= _LAST_ON_AMAZON_LINUX_2

    @property
    def warning(self) -> str | None:
        """The reason why this runtime should not be used, in one line, or None."""
        if not self._is_old:
            return None
        return (
            f"warning: Lambda runs {self.name} on Amazon Linux 2, whose support ended on 30 June "
            "2026. The runtime is that of the interpreter that runs this command: run it in a "
            "virtual environment of Python 3.12 or newer"
        )

    def pip_arguments(self) -> list[str]:
        """Return pip's options that select wheels for this runtime, on any machine."""
        machine = _MACHINES[self.architecture]
        newest = _GLIBC_MINOR_OF_2 if self._is_old else _GLIBC_MINOR_OF_2023
        # The newest platform comes first, because pip prefers the first one.
        minors = range(newest, _OLDEST_GLIBC_MINOR - 1, -1)
        platforms = [f"manylinux_2_{minor}_{machine}" for minor in minors]
        return [
            "--only-binary=:all:",
            "--implementation=cp",
            f"--python-version={self.version[0]}.{self.version[1]}",
            *(f"--platform={platform}" for platform in (*platforms, f"manylinux2014_{machine}")),
        ]


def _minor(runtime: str) -> int:
    return int(runtime.rpartition(".")[2])


Report = Callable[[str], None]

# No function needs these files: tests of packages, type stubs, C sources, and byte code. Decanter
# writes the byte code again.
_IDLE = shutil.ignore_patterns(
    "__pycache__", "tests", "*.pyc", "*.pyi", "*.pyx", "*.pxd", "*.c", "*.h"
)
# The folder of pip's command-line scripts. Other folders with this name contain programs that the
# app or a package runs.
_SCRIPTS = "bin"
# These files of a `.dist-info` folder are omitted. The other files are read by `importlib.metadata`
# or required by licences. `direct_url.json` is omitted, because it contains the path of a package
# that was installed from a folder.
_INSTALLERS = shutil.ignore_patterns(
    "RECORD", "INSTALLER", "REQUESTED", "WHEEL", "direct_url.json", "sboms"
)
# The callers of these packages name the service. The last three packages also create a few clients
# themselves.
_SDK = ("boto3", "botocore", "s3transfer", "aioboto3", "aiobotocore")
_SDK_BY_ITSELF = _SDK[2:]
# Chalice's runtime creates a client of `apigatewaymanagementapi`, for `app.websocket_api`. botocore
# creates clients of the other services to get credentials, if the environment or a profile requires
# it.
_IMPLIED = {"apigatewaymanagementapi", "sts", "sso", "sso-oidc", "signin"}
# The framework creates clients of these services.
_OF_FRAMEWORK = {"apigatewaymanagementapi", "dynamodb", "sqs"}
# These packages create no other clients, but they contain words that are also names of services,
# such as `connect`.
_WITHOUT_CLIENTS = ("decanter", "urllib3", "jmespath", "dateutil")
# A requirement whose content may change while the line stays the same: an option, such as an index;
# a path; or a URL without a commit or a digest.
ELSEWHERE = re.compile(
    r"^[-./]|\bfile:|^[^\s:;@]*(?:/|\.(?:whl|zip|tar\.\w+)$)"
    r"|://(?!.*(?:@[0-9a-f]{40}\b|\bsha256[=:]))"
)
# The content of `.gitignore` in folders that Decanter creates. Git ignores the whole folder.
MARK = "# made by `decanter package`\n*\n"
# The maximum number of unclear places that the report names.
_SHOWN = 3


def install(project: Project, runtime: Runtime, vendor: Path, report: Report) -> Path | None:
    """Fill a folder with the project's dependencies and the content of its `vendor/`.

    The folder must not exist yet. The models of the SDK's services are left out: `prune_sdk` copies
    those that the code may use.

    Returns:
        The folder into which pip installed the packages, with the models of all services; None
        without requirements.

    Raises:
        ProjectError: pip cannot install the dependencies, `requirements.txt` includes a file that
            does not exist, or a folder cannot be copied or written.
    """
    wheels = _wheels(project, runtime, report)
    if wheels is not None:
        data = {str(wheels / place) for place in sdk.DATA}

        def ignored(folder: str, names: list[str]) -> set[str]:
            models = names if folder in data else ()
            found = {name for name in models if Path(folder, name).is_dir()}
            scripts = {_SCRIPTS} if folder == str(wheels) else set()
            return found | scripts | _ignored(folder, names)

        shutil.copytree(wheels, vendor, ignore=ignored)
    own = project.directory / "vendor"
    if own.is_dir():
        copy_folder(own, vendor, _ignored)
    vendor.mkdir(parents=True, exist_ok=True)
    return wheels


def add_framework(vendor: Path, code: Path, report: Report) -> None:
    """Replace any framework from requirements.txt or `vendor/` with the installed framework.

    The installed framework is the one that the user has tested. No other part of Decanter is
    packaged. If no code imports the framework, the framework is not packaged either.
    """
    for folder in (vendor / "decanter", *vendor.glob("chalice_decanter-*.dist-info")):
        shutil.rmtree(folder, ignore_errors=True)
    if not any(imports(file, "decanter") for file in _sources(vendor, code, without=_SDK)):
        return
    copy_framework(vendor / "decanter")
    for requirement in REQUIRES[""]:
        name = re.split(r"\W", requirement, maxsplit=1)[0]
        if not (vendor / name).is_dir():
            report(
                f"warning: the framework imports {name}, which is not in the package: "
                f"add {requirement} to requirements.txt"
            )


def leave_out_boto3(vendor: Path, code: Path, report: Report) -> None:
    """Remove boto3 and s3transfer if no code imports either. The framework needs only botocore.

    If the code computes the name `boto3` at run time, it imports the boto3 that Lambda provides.
    """
    left_out = ("boto3", "s3transfer")
    sources = _sources(vendor, code, without=(*left_out, "botocore"))
    if not (vendor / "boto3").is_dir() or any(
        imports(file, name) for file in sources for name in left_out
    ):
        return
    for name in left_out:
        for folder in (vendor / name, *vendor.glob(f"{name}-*.dist-info")):
            shutil.rmtree(folder, ignore_errors=True)
    report("boto3 is left out: it is not imported")


def prune_sdk(
    vendor: Path, code: Path, installed: Path | None, cache: Cache, report: Report
) -> None:
    """Keep only those services of the SDK that the code may use, without documentation.

    `installed` is the result of `install`. The app's folder, `code`, may contain `vendor`. The
    report lists the kept services, or gives the reason to keep all services.

    Raises:
        ProjectError: botocore cannot read a file of a kept service, or `endpoints.json`.
    """
    data = vendor / "botocore" / "data"
    if not data.is_dir():
        return
    known = sdk.names(data) | (sdk.names(installed / sdk.DATA[0]) if installed else set())
    services = services_of(_sources(vendor, code, without=(*_SDK, *_WITHOUT_CLIENTS)), known, cache)
    own = (file for name in _SDK_BY_ITSELF for file in (vendor / name).rglob("*.py"))
    framework = _OF_FRAMEWORK if (vendor / "decanter").is_dir() else set()
    found = services.names | services_of(own, known, cache).names
    kept = known & (found | _IMPLIED | framework)
    if installed is not None:
        sdk.add(vendor, installed, known if services.unclear else kept)
    if services.unclear:
        sdk.compact(data)
        more = sdk.compressed_bytes(data, known - kept) / 1e6
        report(
            f"botocore keeps all services, {more:.1f} MB more: the service is not clear "
            f"at {_first(services.unclear, code)}; write the name there, as in client('s3')"
        )
        return
    sdk.remove(data, known - kept)
    sdk.remove(vendor / "boto3" / "data", known - kept)
    sdk.compact(data)
    sdk.prune_endpoints(data)
    report(f"botocore keeps these services: {', '.join(sorted(kept)) or 'none'}")


def _first(places: Sequence[str], code: Path) -> str:
    shown = ", ".join(place.removeprefix(f"{code}/") for place in places[:_SHOWN])
    return f"{shown} and {len(places) - _SHOWN} more" if len(places) > _SHOWN else shown


def _sources(vendor: Path, code: Path, without: Sequence[str]) -> list[Path]:
    """Return the Python sources and compiled modules of the code and of the dependencies."""
    left_out = {str(vendor), *(str(vendor / name) for name in without)}  # vendor may be in `code`
    files: list[Path] = []
    for top in (vendor, code):
        for folder, folders, names in os.walk(top):
            folders[:] = [name for name in folders if f"{folder}/{name}" not in left_out]
            files += [Path(folder, name) for name in names if name.endswith((".py", ".so"))]
    return sorted(file for file in files if file.is_file())


def _ignored(folder: str, names: list[str]) -> set[str]:
    ignore = _INSTALLERS if folder.endswith(".dist-info") else _IDLE
    return ignore(folder, names)


def _wheels(project: Project, runtime: Runtime, report: Report) -> Path | None:
    """Return the folder with the unpacked wheels; None if the app has no dependencies."""
    requirements = Requirements.of(project.directory)
    if not requirements.lines:
        return None
    installed = _installed()
    arguments = runtime.pip_arguments()
    texts = (requirements.lines, requirements.constraints, installed, arguments)
    key = hashlib.sha256(json.dumps(texts).encode()).hexdigest()[:16]
    wheels = project.directory / "build" / "wheels" / key
    # A requirement from a folder or an index may have new content with the same key.
    if wheels.is_dir() and not any(map(ELSEWHERE.search, requirements.lines)):
        report(f"using the dependencies in {wheels}")
        return wheels
    report(f"installing requirements.txt for {runtime.name} on {runtime.architecture}")
    with writing(wheels, "make the folder writable, because it keeps the dependencies"):
        wheels.parent.mkdir(parents=True, exist_ok=True)
        (wheels.parent / ".gitignore").write_text(MARK, encoding="utf-8")
        with tempfile.TemporaryDirectory(prefix=f"{wheels.name}-", dir=wheels.parent) as folder:
            _install(project, requirements, installed, arguments, Path(folder), report)
            shutil.rmtree(wheels, ignore_errors=True)
            (Path(folder) / "target").rename(wheels)
    return wheels


def _install(
    project: Project,
    requirements: Requirements,
    installed: list[str],
    arguments: list[str],
    folder: Path,
    report: Report,
) -> None:
    """Run pip to install into `folder/target`. Write pip's requirements files into `folder`."""
    files = (("requirement", requirements.lines), ("constraint", requirements.constraints))
    command = [
        *(sys.executable, "-m", "pip", "--disable-pip-version-check", "--quiet", "install"),
        *("--no-compile", "--target", str(folder / "target"), *arguments),
        *(f"--{kind}={_write(folder / kind, lines)}" for kind, lines in files),
    ]
    done = _pip(project, [*command, f"--constraint={_write(folder / 'installed', installed)}"])
    if done.returncode:
        report("the installed versions do not match requirements.txt: taking the newest that match")
        done = _pip(project, command)
    if done.returncode:
        errors = [line for line in done.stderr.splitlines() if line.startswith("ERROR:")]
        raise ProjectError(
            f"pip cannot install {project.directory / 'requirements.txt'} for Lambda: "
            f"{errors[-1].removeprefix('ERROR: ') if errors else 'see above'}: use a version that "
            "has a wheel, or put the package into vendor/",
            detail=done.stderr,
        )


def _write(path: Path, lines: list[str]) -> Path:
    path.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
    return path


def _pip(project: Project, command: list[str]) -> subprocess.CompletedProcess[str]:
    """Run pip in the project's folder, because requirements may contain paths relative to it."""
    return subprocess.run(
        command, cwd=project.directory, capture_output=True, text=True, check=False
    )


def _installed() -> list[str]:
    """Return the installed versions as constraints. Omit local versions: PyPI has none."""
    headers = [each.metadata for each in metadata.distributions()]  # each access reads a file
    versions = {
        (name.lower().replace("_", "-"), each["Version"])
        for each in headers
        if (name := each["Name"]) and "+" not in each["Version"]
    }
    return [f"{name}=={version}" for name, version in sorted(versions)]
