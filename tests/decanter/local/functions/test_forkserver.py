"""The fork server's checks of its imports; `test_forks.py` tests its forks."""

from pathlib import Path

from decanter.local.functions.forkserver import module_names, names_in, stamp


def test_the_modules_of_a_folder(tmp_path: Path) -> None:
    for name in ("one.py", "two.abi3.so", "three.txt", "four.py.bak", "five/__init__.py", "six/a"):
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.touch()
    assert set(module_names(str(tmp_path))) == {"one", "two", "five"}
    assert "six" in names_in(str(tmp_path))


def test_a_replaced_file_has_another_stamp(tmp_path: Path) -> None:
    path = tmp_path / "module.py"
    assert stamp(path) is None
    path.write_text("1")
    before = stamp(path)
    (tmp_path / "new").write_text("2")
    (tmp_path / "new").rename(path)
    assert stamp(path) != before
