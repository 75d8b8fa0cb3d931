"""Package a stage for Lambda: a small zip, and the SAM template that refers to it.

`chalice package` builds the package in a build folder. This folder contains the app, its
dependencies in `vendor/`, an empty requirements.txt and a new template.
"""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import chalice

from decanter.aws import archive, cache, chalice_answers, dependencies
from decanter.aws.build_config import PLACEHOLDER, PLACEHOLDER_POLICY, build_config
from decanter.aws.cache import Cache
from decanter.aws.dependencies import MARK, Runtime
from decanter.aws.overrides import described, variables, warn_of_root_template
from decanter.aws.references import refuse_dangling
from decanter.aws.settings import stage_warnings
from decanter.aws.template import render, warn_of_own_template
from decanter.errors import ProjectError
from decanter.project.config import Project
from decanter.project.credentials import DEFAULT_REGION, checked_region
from decanter.project.declaration import Declaration
from decanter.project.document import read_json
from decanter.project.files import copy_folder
from decanter.project.framework import framework_in_use
from decanter.project.template import OVERRIDES, TEMPLATE

# The module's name. An import would take half a second, because it loads Chalice's commands.
_CHALICE_PROCESS = "decanter.aws.chalice_process"
CHALICE = "import sys; from chalice.cli import main; sys.exit(main())"
# The files that Chalice adds to each package.
_CHALICES_OWN = ("__init__.py", "app.py")


@dataclass(frozen=True)
class Package:
    """The result of `package`.

    The SAM template is JSON, and its `CodeUri` is the zip's path, `./NAME.zip`. `sha256` is the
    zip's digest in hexadecimal; equal content results in an equal digest. `runtime` is Lambda's
    name for the Python version, such as `python3.13`. `bytes` is the size of the zip.
    """

    zip_path: Path
    template_path: Path
    sha256: str
    runtime: str
    bytes: int


def package(
    project: Project, out: Path, *, region: str | None = None, report: Callable[[str], None]
) -> Package:
    """Build the package in `out`. The default of `region` is AWS_REGION or `DEFAULT_REGION`.

    Raises:
        ProjectError: Lambda does not offer this Python version, the app cannot be packaged, the
            template has a dangling reference, or `out` contains files that Decanter did not write.
    """
    where = checked_region(region or os.environ.get("AWS_REGION") or DEFAULT_REGION)
    runtime = _runtime(project, report)
    declaration = described(project)
    if not declaration.refusal:  # otherwise, `render` raises the error
        _refuse_buckets(declaration)
    source, result = _folders(out.resolve())
    _copy_app(project, declaration, source, report)
    with cache.opened() as kept:
        _fill_vendor(project, runtime, source, kept, report)
        report("compiling")
        _compile(source, kept)
    report("running `chalice package`")
    _run_chalice(project, source, result, where)
    refuse_dangling(read_json(result / "sam.json"), project.chalice_stage)
    zip_path = result / "deployment.zip"
    archive.normalise(zip_path)
    made = Package(
        zip_path=zip_path,
        template_path=result / "sam.json",
        sha256=archive.sha256(zip_path),
        runtime=runtime.name,
        bytes=zip_path.stat().st_size,
    )
    report(f"made {zip_path}: {made.bytes / 1e6:.2f} MB, sha256 {made.sha256[:16]}…")
    return made


def _runtime(project: Project, report: Callable[[str], None]) -> Runtime:
    runtime = Runtime.of(project)
    report(
        f"packaging for {runtime.name}, the version of {sys.executable}, on {runtime.architecture}"
    )
    if runtime.warning:
        report(runtime.warning)
    return runtime


def _refuse_buckets(declaration: Declaration) -> None:
    """Raise a ProjectError for functions that existing buckets invoke, before Chalice runs."""
    for function in declaration.lambdas.values():
        if function.kind == "s3":
            raise ProjectError(
                f"@app.on_s3_event of {function.name} cannot be packaged, because CloudFormation "
                f"does not change the notifications of an existing bucket, {function.source}: turn "
                "on the bucket's notifications to EventBridge and use @app.on_cw_event; or create "
                f"the bucket in {OVERRIDES}, and give a @app.lambda_function its event there; or "
                "deploy with `chalice deploy`"
            )


def _folders(out: Path) -> tuple[Path, Path]:
    """Return an empty build folder, and the path of the folder for the result.

    Raises:
        ProjectError: `out` contains files that `decanter package` did not write, or no folder can
            be created there.
    """
    try:
        return _emptied(out)
    except OSError as error:
        raise ProjectError(
            f"cannot make a folder at {out}: {error.strerror}: name another folder with --out"
        ) from error


def _emptied(out: Path) -> tuple[Path, Path]:
    mark = out / ".gitignore"
    is_ours = mark.is_file() and mark.read_text(encoding="utf-8") == MARK
    if out.exists() and not is_ours and any(out.iterdir()):
        raise ProjectError(
            f"{out} has files that `decanter package` did not make: name an empty folder with --out"
        )
    source, result = out / "source", out / "result"
    for folder in (source, result):
        shutil.rmtree(folder, ignore_errors=True)
    source.mkdir(parents=True)
    mark.write_text(MARK, encoding="utf-8")
    return source, result


def _copy_app(
    project: Project, declaration: Declaration, source: Path, report: Callable[[str], None]
) -> None:
    """Copy the app's own files, and write the current template and the build configuration."""
    directory = project.directory
    if framework := framework_in_use(directory, declaration.framework):
        report(f"the framework is {framework}")
    shutil.copy(directory / "app.py", source)
    if (directory / "chalicelib").is_dir():
        ignored = shutil.ignore_patterns("__pycache__", "*.pyc")
        copy_folder(directory / "chalicelib", source / "chalicelib", ignored)
    (source / ".chalice").mkdir()
    for name, document in (
        ("config.json", build_config(project, declaration)),
        (PLACEHOLDER, PLACEHOLDER_POLICY),
    ):
        (source / ".chalice" / name).write_text(json.dumps(document), encoding="utf-8")
    template = render(project, declaration)
    for warning in stage_warnings(project, declaration):
        report(warning)
    warn_of_own_template(project, template, report)
    warn_of_root_template(project, report)
    (source / TEMPLATE).write_text(template, encoding="utf-8")
    (source / "requirements.txt").touch()


def _fill_vendor(
    project: Project, runtime: Runtime, source: Path, kept: Cache, report: Callable[[str], None]
) -> None:
    """Add the dependencies and the framework to `vendor/`, without unused parts."""
    if project.config.automatic_layer:
        report("automatic_layer: the dependencies are in the zip, not in a layer of their own")
    vendor = source / "vendor"
    installed = dependencies.install(project, runtime, vendor, report)
    dependencies.add_framework(vendor, source, report)
    dependencies.leave_out_boto3(vendor, source, report)
    dependencies.prune_sdk(vendor, source, installed, kept, report)


def _compile(source: Path, kept: Cache) -> None:
    """Add the byte code of all files that will be in the zip.

    Chalice adds app.py and two files of its own without byte code, and puts the content of
    `vendor/` into the root of the zip. Therefore, the byte code of these three files is added
    to `vendor/`. The sources are copied there only to compile them.
    """
    root = source / "vendor"
    (root / "chalice").mkdir(exist_ok=True)
    shutil.copy(source / "app.py", root)
    own = [root / "app.py"]
    for name in _CHALICES_OWN:
        shutil.copy(Path(chalice.__file__).with_name(name), root / "chalice")
        own.append(root / "chalice" / name)
    archive.compile_all(root, root, kept)
    for file in own:
        file.unlink()
    if (source / "chalicelib").is_dir():
        archive.compile_all(source, source / "chalicelib", kept)


def _run_chalice(project: Project, source: Path, result: Path, region: str) -> None:
    """Run `chalice package` in the build folder.

    Raises:
        ProjectError: the command failed. The error has Chalice's reason in one line or, without a
            reason, the output's last line and the whole output.
    """
    own = {"AWS_REGION": region, "AWS_DEFAULT_REGION": region, "PYTHONDONTWRITEBYTECODE": "1"}
    done = subprocess.run(
        [sys.executable, "-m", _CHALICE_PROCESS, project.chalice_stage, str(result)],
        cwd=source,
        env=os.environ | variables(project) | own,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode or not (result / "sam.json").is_file():
        text = (done.stdout + done.stderr).strip()
        last = (text.splitlines() or ["it printed nothing"])[-1]
        explained = done.returncode == chalice_answers.REFUSED
        raise ProjectError(f"`chalice package` failed: {last}", detail="" if explained else text)
