"""Each way to deploy, if it has no permission to check for the other."""

from decanter.aws.conflicts import refuse_chalices_stage, refuse_provisioned_stage
from tests.aws.calls import Wire
from tests.aws.stage import Stage, describe_once


def test_table_create_continues_without_permission_to_check_for_a_stack(stage: Stage) -> None:
    refuse_provisioned_stage(stage.project, stage.aws(Wire(deny=0)), stage.lines.append)
    (line,) = stage.lines
    assert line.startswith("note: cannot describe stack pour-dev: AccessDenied: not authorized to")
    assert line.endswith("continuing as if stack pour-dev did not exist")


def test_provision_continues_without_permission_to_check_for_a_table(stage: Stage) -> None:
    declaration = describe_once(stage.project)
    aws = stage.aws(Wire(deny=0))
    refuse_chalices_stage(stage.project, declaration, aws, stage.lines.append)
    (line,) = stage.lines
    assert line.startswith("note: cannot check if table pour-dev-connections exists: AccessD")
    assert line.endswith("continuing as if the table did not exist")


def test_an_empty_account_has_neither(stage: Stage) -> None:
    refuse_provisioned_stage(stage.project, stage.aws(), stage.lines.append)
    refuse_chalices_stage(
        stage.project, describe_once(stage.project), stage.aws(), stage.lines.append
    )
    assert stage.lines == []
