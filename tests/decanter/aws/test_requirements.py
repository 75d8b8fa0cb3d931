"""pip's input from requirements.txt: never a line that names Decanter."""

from pathlib import Path

import pytest

from decanter.aws.requirements import Requirements, extras_of_decanter
from decanter.errors import ProjectError
from decanter.project.framework import REQUIRES
from tests.support.gateways import ROOT

NAMED = [
    "chalice-decanter",
    "Chalice_Decanter==0.1",
    "chalice.decanter ~= 0.2",
    "chalice-decanter>=0.1,<1; python_version > '3'",
    "chalice-decanter @ git+https://example.com/it@c0ffee",
    "chalice-decanter@file:///nowhere/it",
    "git+https://example.com/it.git@v1#egg=chalice-decanter",
    "-e git+ssh://git@example.com/it#egg=chalice_decanter&subdirectory=a",
    "git+https://user@example.com/them/chalice-decanter.git@main",
    "https://example.com/them/chalice-decanter/archive/main.zip",
    "https://example.com/chalice_decanter-0.2.0-py3-none-any.whl",
    "./wheels/chalice_decanter-0.2.0.tar.gz",
    "../checkout",
    "-e ../checkout",
    "-e '../checkout'",
    "--editable=../checkout",
    "-e checkout-here",
]
OTHERS = [
    "chalice",
    "decanter",
    "chalice-decanter-extras==1",
    "other @ git+https://example.com/chalice-decanter",
    "https://example.com/them/chalice-decanter/releases/other-1.0-py3-none-any.whl",
    "./wheels/chalice_decanter_extras-1.0.tar.gz",
    "git+https://example.com/it.git@v1",
    "../other",
    "../damaged",
    "-e .",
    "--index-url https://example.com/chalice-decanter",
]


@pytest.fixture(name="project", scope="module")
def _project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("it")
    texts = {
        "checkout": '[project]\nname = "Chalice_Decanter"\n',
        "project/checkout-here": '[project]\nname = "chalice-decanter"\n',
        "project": '[project]\nname = "mine"\n',
        "other": "[tool]\n",
        "damaged": "[",
    }
    for name, text in texts.items():
        (folder / name).mkdir(parents=True, exist_ok=True)
        (folder / name / "pyproject.toml").write_text(text)
    return folder / "project"


@pytest.mark.parametrize("line", NAMED)
def test_a_line_that_names_decanter_is_recognised_in_any_spelling(line: str, project: Path) -> None:
    assert extras_of_decanter(line, project) == frozenset()


@pytest.mark.parametrize("line", OTHERS)
def test_a_line_that_names_something_else_is_not(line: str, project: Path) -> None:
    assert extras_of_decanter(line, project) is None


@pytest.mark.parametrize(
    "line",
    [
        "chalice-decanter[jwt, Local]>=0.1",
        "chalice-decanter [local,jwt] @ file:///nowhere",
        "../checkout[jwt,local]",
        "-e ../checkout[jwt,local] ; python_version > '3'",
        "git+https://example.com/it#egg=chalice-decanter[jwt,local]",
    ],
)
def test_its_extras_are_read(line: str, project: Path) -> None:
    assert extras_of_decanter(line, project) == frozenset(("jwt", "local"))


def test_the_installed_folder_is_recognised_by_its_path(project: Path) -> None:
    assert extras_of_decanter(str(ROOT), project) == frozenset()
    assert extras_of_decanter(ROOT.as_uri(), project) == frozenset()


def write(project: Path, **files: str) -> Requirements:
    for name, text in files.items():
        (project / f"{name}.txt").write_text(text)
    return Requirements.of(project)


def test_the_frameworks_requirements_replace_the_line(tmp_path: Path) -> None:
    found = write(tmp_path, requirements="# ships\nthing>=1  # this\nchalice-decanter[local]\n")
    assert found.lines == ["thing>=1", *REQUIRES[""]]


def test_a_packaged_extra_adds_its_requirements(tmp_path: Path) -> None:
    found = write(tmp_path, requirements="chalice-decanter[jwt]~=0.1  # tokens\n")
    assert found.lines == [*REQUIRES[""], *REQUIRES["jwt"]]


def test_included_files_are_read_once_each(tmp_path: Path) -> None:
    (tmp_path / "more").mkdir()
    (tmp_path / "more" / "base.txt").write_text(
        "-r ../requirements.txt\nchalice-decanter\n-f wheels\n--find-links=https://h/wheels\n"
    )
    (tmp_path / "more" / "wheels").mkdir()
    found = write(
        tmp_path,
        requirements="-rmore/base.txt\n--constraint=limits.txt\n-r https://h/r.txt\n-f elsewhere\n",
        limits="chalice-decanter[jwt]==0.1\nthing<2\n",
    )
    assert found.lines == [
        *REQUIRES[""],
        f"--find-links {(tmp_path / 'more' / 'wheels').as_uri()}",
        "--find-links=https://h/wheels",
        "-r https://h/r.txt",
        "--find-links elsewhere",
    ]
    assert found.constraints == ["thing<2"]


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("-e ../other", "../other"),
        ("-e../other[a]", "../other[a]"),
        ("--editable=lib", "./lib"),
        ("-e 'my lib'", "./my lib"),
        ("-e ./lib ; python_version > '3'", "./lib"),  # pip ignores this condition too
        ("-e git+https://example.com/it@main#egg=it", "git+https://example.com/it@main#egg=it"),
        ("-e 'lib", "-e 'lib"),
        ("type-e ==1", "type-e ==1"),
    ],
)
def test_an_editable_requirement_is_installed_as_a_copy(
    line: str, expected: str, tmp_path: Path
) -> None:
    """An editable install in the package would only contain a path of this machine."""
    assert write(tmp_path, requirements=f"{line}\n").lines == [expected]


def test_a_folder_of_wheels_may_have_spaces_in_its_path(tmp_path: Path) -> None:
    project = tmp_path / "my project"
    (project / "wheels").mkdir(parents=True)
    (line,) = write(project, requirements="-f wheels\n").lines
    assert line == f"--find-links {tmp_path.as_uri()}/my%20project/wheels"


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
def test_the_encodings_that_pip_reads_are_read(encoding: str, tmp_path: Path) -> None:
    """PowerShell's `pip freeze > requirements.txt` writes UTF-16."""
    text = "# für alle\r\nthing \\\r\n==1\r\n"
    (tmp_path / "requirements.txt").write_bytes(text.encode(encoding))
    assert Requirements.of(tmp_path).lines == ["thing  ==1"]


def test_another_encoding_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "requirements.txt").write_bytes(b"# f\xfcr\n")
    with pytest.raises(ProjectError, match=r"requirements.txt: not valid UTF-8 at byte 3: save"):
        Requirements.of(tmp_path)


def test_lines_are_joined_and_comments_removed_as_in_pip(tmp_path: Path) -> None:
    text = "# a comment \\\nthing \\\n  >=1\nchalice-decanter==0.1 \\\n  --hash=sha256:0\n"
    assert write(tmp_path, requirements=text).lines == ["thing    >=1"]


def test_a_missing_file_is_a_one_line_error(tmp_path: Path) -> None:
    with pytest.raises(ProjectError, match=r"requirements\.txt names .*base\.txt"):
        write(tmp_path, requirements="-r base.txt\n")


def test_without_a_file_the_result_is_empty(tmp_path: Path) -> None:
    assert Requirements.of(tmp_path).lines == []
