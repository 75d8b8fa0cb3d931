"""`provision` and `delete` of a complete stack."""

import copy
from collections.abc import Callable
from typing import Any

import pytest

from decanter.aws.delete import Deletion
from decanter.errors import AWSError
from tests.aws.calls import Wire
from tests.aws.cloud import BUCKET
from tests.aws.operations import FAILURES
from tests.aws.stage import NAME, Stage, with_route

add_route = with_route("whisper")


def test_a_stage_is_created_kept_unchanged_and_deleted_completely(stage: Stage) -> None:
    assert stage.provision() == 0
    url = f"wss://{stage.api_id}.execute-api.us-east-1.amazonaws.com/v1"
    first = stage.lines.index(url)
    assert stage.lines[first + 1] == f"stack {NAME}: CREATE_COMPLETE"
    assert [line.split()[0] for line in stage.lines[-11:-5]] == [
        *("check", "package", "upload", "change", "stack", "total")
    ]
    assert stage.provision() == 0
    assert f"stack {NAME}: nothing to change" in stage.lines
    assert stage.cloud.client("cloudformation").list_change_sets(StackName=NAME)["Summaries"] == []
    assert stage.delete() == 0
    assert stage.cloud.left() == {}
    assert stage.delete() == 0
    assert stage.lines == [f"there is no stack {NAME}"]


def test_a_changed_route_is_live_after_the_next_run(stage: Stage) -> None:
    stage.provision()
    assert stage.routes == {"$connect", "$default"}
    stage.change = add_route
    assert stage.provision() == 0
    assert stage.routes == {"$connect", "$default", "whisper"}
    assert f"stack {NAME}: UPDATE_COMPLETE" in stage.lines


def test_noop_only_reads(stage: Stage) -> None:
    empty, deployed = Wire(), Wire()
    assert stage.provision(empty, noop=True) == 0
    assert stage.cloud.left() == {}
    assert f"stack {NAME} would be created, with" in stage.lines
    assert "  + ConnectionsTable (AWS::DynamoDB::Table)" in stage.lines
    stage.provision()
    assert stage.provision(deployed, noop=True) == 0
    assert stage.lines[-1] == f"nothing to change in stack {NAME}"
    stage.change = add_route
    assert stage.provision(deployed, noop=True) == 0
    assert '+        "RouteKey": "whisper",' in stage.lines
    assert [call for call in empty.calls + deployed.calls if not call.reads] == []
    assert (stage.folder / "build" / "submitted.json").is_file()


def test_a_failed_creation_is_followed_to_its_end_and_repeated_by_the_next_run(
    stage: Stage,
) -> None:
    FAILURES["ConnectionsTable"] = "Table already exists"
    assert stage.provision() == 1
    assert stage.lines[-2:] == [
        f"stack {NAME} failed and is ROLLBACK_COMPLETE:",
        f"  {'CREATE_FAILED':<28} ConnectionsTable (AWS::DynamoDB::Table): Table already exists",
    ]
    FAILURES.clear()
    assert stage.provision() == 0
    assert any("is ROLLBACK_COMPLETE after a failed creation" in line for line in stage.lines)
    assert stage.delete() == 0
    assert stage.cloud.left() == {}


def test_a_failed_update_leaves_the_stage_as_it_was(stage: Stage) -> None:
    stage.provision()
    stage.change = add_route
    FAILURES["RouteWhisper"] = "no such integration"
    assert stage.provision() == 1
    assert "is UPDATE_ROLLBACK_COMPLETE:" in stage.lines[-2]
    assert "RouteWhisper (AWS::ApiGatewayV2::Route): no such integration" in stage.lines[-1]
    assert stage.routes == {"$connect", "$default"}
    FAILURES.clear()
    assert stage.provision() == 0


def test_a_deletion_that_fails_says_why_and_can_be_repeated(stage: Stage) -> None:
    stage.provision()
    FAILURES["ConnectionsTable"] = "deletion protection is on"
    assert stage.delete() == 1
    assert stage.lines[-2] == f"stack {NAME} is DELETE_FAILED:"
    assert stage.lines[-1].endswith("deletion protection is on")
    FAILURES.clear()
    with pytest.raises(AWSError, match="DELETE_FAILED: delete it with `decanter delete`"):
        stage.provision()
    assert stage.delete() == 0
    assert stage.cloud.left() == {}


def test_delete_can_keep_the_table(stage: Stage) -> None:
    stage.provision()
    (table,) = stage.cloud.client("dynamodb").list_tables()["TableNames"]
    assert stage.delete(keep_tables=True) == 0
    command = f"aws dynamodb delete-table --table-name {table}"
    assert f"keeping table {table}: `{command}` deletes it" in stage.lines
    assert stage.cloud.left() == {"tables": [table]}


def test_delete_names_the_tables_that_stay(stage: Stage) -> None:
    """A table with data that its template retains, and one that the stack does not own."""

    def retain(template: dict[str, Any]) -> None:
        template["Resources"]["ConnectionsTable"]["DeletionPolicy"] = "Retain"
        template["Metadata"]["Decanter"]["Existing"] = ["orders"]

    stage.change = retain
    stage.provision()
    (table,) = stage.cloud.client("dynamodb").list_tables()["TableNames"]
    deletion = Deletion(stage.aws(None), stage.project, NAME, stage.lines.append)
    stack = deletion.find()
    assert stack is not None
    question = f"Delete stack {NAME} and everything in it, but not {table}?"
    assert deletion.question(stack, keep=False) == question
    assert stage.delete() == 0
    command = f"aws dynamodb delete-table --table-name {table}"
    assert stage.lines[:2] == [
        f"keeping table {table}: `{command}` deletes it",
        "table orders is not the stack's and stays (existing=)",
    ]
    assert stage.cloud.left() == {"tables": [table]}


def test_a_removed_table_with_data_stays_and_the_command_says_how_to_delete_it(
    stage: Stage,
) -> None:
    def add(template: dict[str, Any]) -> None:
        scores = copy.deepcopy(template["Resources"]["ConnectionsTable"])
        template["Resources"]["ScoresTable"] = {**scores, "DeletionPolicy": "Retain"}

    stage.change = add
    stage.provision()
    tables = stage.cloud.left()["tables"]
    (scores,) = (name for name in tables if "ScoresTable" in name)
    stage.change = lambda template: None
    text = f"removed; {scores} is left on AWS, outside the stack, and `aws dynamodb delete-table "
    with pytest.raises(AWSError, match="--allow-loss ScoresTable") as refused:
        stage.provision()
    assert text in str(refused.value)
    assert stage.provision(allow_loss=("ScoresTable",)) == 0
    assert text in stage.output
    assert stage.cloud.left()["tables"] == tables


def test_no_wait_returns_after_the_start(stage: Stage) -> None:
    assert stage.provision(wait=False) == 0
    assert stage.lines[-1] == "started; follow it with `decanter status --stage dev`"


def test_parameters_that_were_set_are_kept_and_others_follow_the_template(stage: Stage) -> None:
    stage.provision(parameters=("TableBillingMode=PAY_PER_REQUEST",))

    def keep_for_a_week(template: dict[str, Any]) -> None:
        template["Parameters"]["LogRetentionInDays"]["Default"] = 7

    stage.change = keep_for_a_week
    assert stage.provision() == 0
    stack = stage.cloud.client("cloudformation").describe_stacks(StackName=NAME)["Stacks"][0]
    values = {it["ParameterKey"]: it["ParameterValue"] for it in stack["Parameters"]}
    assert values["TableBillingMode"] == "PAY_PER_REQUEST"
    assert values["LogRetentionInDays"] == "7"


def test_code_is_uploaded_once(stage: Stage) -> None:
    stage.provision()
    wire = Wire()
    stage.provision(wire)
    assert [call.operation for call in wire.calls if call.operation == "PutObject"] == []
    assert all(key.startswith(f"decanter/{NAME}/") for key in stage.cloud.objects())
    assert len(stage.cloud.objects()) == 2
    assert stage.cloud.client("s3").head_bucket(Bucket=BUCKET)


BUCKET_KEPT = {
    "Type": "AWS::S3::Bucket",
    "DeletionPolicy": "Retain",
    "UpdateReplacePolicy": "Retain",
    "Properties": {"BucketName": "pour-uploads"},
}
KEY = [{"AttributeName": "id", "KeyType": "HASH"}]


def replace_table(template: dict[str, Any]) -> None:
    properties = template["Resources"]["ConnectionsTable"]["Properties"]
    properties["KeySchema"] = KEY
    properties["AttributeDefinitions"] = [{"AttributeName": "id", "AttributeType": "S"}]


def replace_table_perhaps(template: dict[str, Any]) -> None:
    properties = template["Resources"]["ConnectionsTable"]["Properties"]
    properties["AttributeDefinitions"].append({"AttributeName": "at", "AttributeType": "N"})


def add(name: str, resource: dict[str, Any]) -> Callable[[dict[str, Any]], None]:
    def change(template: dict[str, Any]) -> None:
        template["Resources"][name] = resource

    return change


def unchanged(template: dict[str, Any]) -> None: ...


@pytest.mark.parametrize(
    ("first", "second", "lost", "words"),
    [
        (unchanged, replace_table, "ConnectionsTable", "replaced by an empty one; .* is deleted"),
        (unchanged, replace_table_perhaps, "ConnectionsTable", "possibly replaced by an empty one"),
        (add("Uploads", BUCKET_KEPT), unchanged, "Uploads", "removed; pour-uploads is left on AWS"),
        (
            add("Uploads", BUCKET_KEPT),
            add("Uploads", {**BUCKET_KEPT, "Properties": {"BucketName": "pour-new"}}),
            "Uploads",
            "replaced by an empty one; pour-uploads is left on AWS",
        ),
        (add("Jobs", {"Type": "AWS::SQS::Queue"}), unchanged, "Jobs", "removed; .* is deleted"),
    ],
    ids=["table replaced", "table possibly replaced", "bucket", "bucket replaced", "queue"],
)
def test_data_is_only_lost_if_named(
    stage: Stage, first: Any, second: Any, lost: str, words: str
) -> None:
    client = stage.cloud.client("cloudformation")
    stage.change = first
    stage.provision()
    before = stage.cloud.left() | {"objects": []}
    stage.change = second
    for allowed in ((), ("Other",)):
        with pytest.raises(AWSError, match=words) as caught:
            stage.provision(allow_loss=allowed)
        assert str(caught.value).endswith(f"; to accept this, use --allow-loss {lost}")
        assert client.list_change_sets(StackName=NAME)["Summaries"] == []
    assert stage.cloud.left() | {"objects": []} == before
    assert stage.provision(allow_loss=("Other", lost)) == 0
    assert f"stack {NAME}: UPDATE_COMPLETE" in stage.lines


def test_the_replaced_table_is_new_and_empty(stage: Stage) -> None:
    client = stage.cloud.client("dynamodb")
    stage.provision()
    (old,) = client.list_tables()["TableNames"]
    stage.change = replace_table
    stage.provision(allow_loss=("ConnectionsTable",))
    (new,) = client.list_tables()["TableNames"]
    assert new != old
    assert client.describe_table(TableName=new)["Table"]["KeySchema"] == KEY


def test_noop_reports_what_would_be_removed(stage: Stage) -> None:
    stage.change = add("Uploads", BUCKET_KEPT)
    stage.provision()
    stage.change = unchanged
    assert stage.provision(noop=True) == 0
    assert stage.lines[-1] == (
        "data would be lost: "
        "Uploads (AWS::S3::Bucket: removed); to accept this, use --allow-loss Uploads"
    )
