"""Values of config.json that Chalice accepts, but that cannot work."""

from pathlib import Path
from typing import Any

import pytest

from decanter.errors import ProjectError
from decanter.project.config import Project
from tests.support.projects import write_project


def load(folder: Path, **values: Any) -> Project:
    return Project.load(write_project(folder / "p", config={"app_name": "pour", **values}), "dev")


@pytest.mark.parametrize(
    ("values", "message"),
    [
        (
            {"lambda_timeout": "30"},
            '"lambda_timeout" must be a whole number from 1 to 900, not "30"',
        ),
        ({"lambda_timeout": 901}, "from 1 to 900, not 901"),
        ({"lambda_memory_size": True}, "from 128 to 10240, not true"),
        ({"environment_variables": ["A=1"]}, '"environment_variables" must be an object, as in {"'),
        ({"api_gateway_stage": 5}, '"api_gateway_stage" must be text of letters, digits, - and _'),
        ({"api_gateway_stage": "a/b"}, 'and _, not "a/b"'),
        ({"stages": None}, '"stages" must be an object of objects'),
        ({"lambda_functions": []}, '"lambda_functions" must be an object of objects'),
    ],
)
def test_a_value_that_cannot_work_is_one_line(
    values: dict[str, Any], message: str, tmp_path: Path
) -> None:
    with pytest.raises(ProjectError) as caught:
        load(tmp_path, **values)
    assert message in str(caught.value)
    assert str(caught.value).startswith(f"{tmp_path}/p/.chalice/config.json: ")


def test_the_stage_and_its_functions_are_named(tmp_path: Path) -> None:
    with pytest.raises(ProjectError, match='"lambda_timeout" of stage dev must be'):
        load(tmp_path / "stage", stages={"dev": {"lambda_timeout": 0}})
    functions: list[Any] = [None, [], {"lambda_memory_size": "256"}]
    for function in functions:
        stages = {"dev": {"lambda_functions": {"websocket_message": function}}}
        with pytest.raises(ProjectError, match=r"of (stage dev|websocket_message) must be"):
            load(tmp_path / str(function), stages=stages)


def test_other_stages_are_not_checked(tmp_path: Path) -> None:
    stages = {"dev": {"lambda_timeout": 900}, "prod": {"lambda_timeout": "30"}}
    assert load(tmp_path, stages=stages).timeout("websocket_message") == 900
