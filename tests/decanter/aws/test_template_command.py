"""`decanter template`, as it is typed."""

import copy
import json
from pathlib import Path

import pytest

from tests.support.declarations import NEEDY_TABLE
from tests.support.projects import APP, CONFIG, ROOT, TABLE, decanter, decanter_here, write_project


@pytest.fixture(name="project")
def _project(tmp_path: Path) -> Path:
    return write_project(tmp_path / "p")


def test_writes_the_projects_file_and_then_finds_nothing_to_say(project: Path) -> None:
    path = project / ".chalice" / "resources.json"
    written = decanter("template", "--project-dir", project)
    checked = decanter("template", "--project-dir", project, "--check")
    assert (written.returncode, written.stdout) == (0, f"wrote {path}\n")
    assert (checked.returncode, checked.stdout) == (0, f"{path} is what the app declares\n")
    assert path.read_text().endswith("}\n")


def test_writes_to_standard_output_nothing_but_the_template(project: Path) -> None:
    done = decanter_here("template", "--project-dir", project, "--output", "-")
    assert "ConnectionsTable" in json.loads(done.stdout)["Resources"]
    assert not (project / ".chalice" / "resources.json").exists()


def test_check_shows_how_a_file_differs(project: Path) -> None:
    path = project / "other.json"
    decanter_here("template", "--project-dir", project, "--output", path)
    path.write_text(path.read_text().replace("expires_at", "expires"))
    done = decanter_here("template", "--project-dir", project, "--output", path, "--check")
    assert done.returncode == 1
    assert '-          "AttributeName": "expires",\n' in done.stdout
    assert '+          "AttributeName": "expires_at",\n' in done.stdout
    assert done.stderr == f"{path} is not what the app declares: run `decanter template`\n"


def test_check_of_a_missing_file_is_a_difference(project: Path) -> None:
    done = decanter_here("template", "--project-dir", project, "--check")
    assert done.returncode == 1
    assert "+++ what the app declares" in done.stdout


def test_a_file_that_cannot_be_written_is_one_line(project: Path) -> None:
    path = project / "none" / "t.json"
    done = decanter_here("template", "--project-dir", project, "--output", path)
    expected = f"decanter: error: cannot write {path}: No such file or directory\n"
    assert (done.returncode, done.stderr) == (2, expected)


def test_the_repositorys_own_files_are_what_its_app_declares() -> None:
    """The template, and a policy for each function at each stage."""
    done = decanter_here("template", "--project-dir", ROOT, "--check")
    assert (done.returncode, done.stderr) == (0, ""), done.stdout
    assert done.stdout.count(" is what the app declares\n") == 8


def test_a_schedule_that_only_one_stage_has_gets_its_policy_there(tmp_path: Path) -> None:
    config = copy.deepcopy(CONFIG)
    for stage, configuration in config["stages"].items():
        name = f"policy-{stage}-sweep.json"
        configuration["lambda_functions"] = {"sweep": {"iam_policy_file": name}}
    config["stages"]["prod"]["environment_variables"]["SWEEPS"] = "yes"
    app = APP.replace(repr(TABLE), repr(NEEDY_TABLE)) + SWEEPS
    folder = write_project(tmp_path / "p", app, config)
    done = decanter_here("template", "--project-dir", folder)
    assert done.returncode == 0, done.stderr
    assert [path.name for path in folder.glob(".chalice/policy-*")] == ["policy-prod-sweep.json"]


SWEEPS = """
import os

if os.environ.get("SWEEPS"):
    app.schedule("rate(5 minutes)", name="sweep")(lambda event: None)
"""


def test_the_policies_of_every_stage_are_written(tmp_path: Path) -> None:
    config = copy.deepcopy(CONFIG)
    for stage, configuration in config["stages"].items():
        name = f"policy-{stage}-websocket_message.json"
        configuration["lambda_functions"] = {"websocket_message": {"iam_policy_file": name}}
    app = APP.replace(repr(TABLE), repr(NEEDY_TABLE))
    folder = write_project(tmp_path / "p", app, config)
    decanter_here("template", "--project-dir", folder)
    record = json.loads((folder / ".chalice" / "generated.json").read_text())
    assert set(record) == {f"policy-{stage}-websocket_message.json" for stage in ("dev", "prod")}
    for stage in ("dev", "prod"):
        policy = folder / ".chalice" / f"policy-{stage}-websocket_message.json"
        assert f"table/pour-{stage}-connections" in policy.read_text()
        policy.write_text("{}")
    checked = decanter_here("template", "--project-dir", folder, "--check")
    assert checked.returncode == 1
    assert checked.stderr.count("is not what the app declares") == 2


def test_a_template_of_the_users_own_is_left_alone(project: Path) -> None:
    """One line names the file and the way out, and no file is written."""
    path = project / ".chalice" / "resources.json"
    own = {"Resources": {"Orders": {"Type": "AWS::DynamoDB::Table"}}}
    path.write_text(json.dumps(own))
    done = decanter_here("template", "--project-dir", project)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == (
        f"decanter: error: {path} was not written by `decanter template`, or was changed since: "
        "move what is yours to .chalice/overrides.json and delete the file, or give --force to "
        "overwrite it\n"
    )
    assert json.loads(path.read_text()) == own
    assert decanter_here("template", "--project-dir", project, "--force").returncode == 0
    assert json.loads(path.read_text())["Metadata"]["Decanter"]["App"] == "pour"


def test_check_does_not_show_values_of_variables(project: Path) -> None:
    variables = {"API_KEY": "canary-1"}
    path = project / ".chalice" / "resources.json"
    overrides = {"Globals": {"Function": {"Environment": {"Variables": variables}}}}
    (project / ".chalice" / "overrides.json").write_text(json.dumps(overrides))
    decanter_here("template", "--project-dir", project)
    assert "canary-1" in path.read_text()
    path.write_text(path.read_text().replace("canary-1", "canary-2"))
    done = decanter_here("template", "--project-dir", project, "--check")
    assert done.returncode == 1
    assert '"API_KEY": "(hidden, changed)"' in done.stdout
    assert "canary" not in done.stdout + done.stderr


def test_check_shows_nothing_of_a_file_that_is_no_template(project: Path) -> None:
    path = project / ".chalice" / "resources.json"
    path.write_text("canary")
    done = decanter_here("template", "--project-dir", project, "--check")
    assert done.returncode == 1
    assert done.stdout == f"{path} is not a JSON object, so its content is not shown\n"
