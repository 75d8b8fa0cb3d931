"""`provision` and `delete` do not touch a stack of another owner."""

import json
from collections.abc import Callable
from typing import Any

import pytest

from decanter.errors import AWSError
from tests.aws.calls import Wire
from tests.aws.cloud import BUCKET
from tests.aws.operations import FAILURES
from tests.aws.stage import NAME, Stage
from tests.support.projects import table_resource

ORDERS = table_resource("orders")
OBJECT = f"decanter/{NAME}/{'0' * 64}.zip"
UNMARKED = rf"stack {NAME} is unmarked, .* If it belongs to app pour, stage dev .*--adopt {NAME};"
ANOTHERS = (
    f"stack {NAME} belongs to app {{}}, stage {{}}, not to app pour, stage dev: .*--stack-name"
)

MARKS = pytest.mark.parametrize(
    ("metadata", "refusal"),
    [
        ({}, UNMARKED),
        ({"Metadata": {"Decanter": {"Commit": "abc"}}}, UNMARKED),
        ({"Metadata": {"Decanter": {"App": "pour", "Stage": None}}}, UNMARKED),
        ({"Metadata": {"Decanter": "pour"}}, UNMARKED),
        ({"Metadata": []}, UNMARKED),
        ({"Metadata": {"Decanter": {"App": "p", "Stage": "our-dev"}}}, ANOTHERS),
        ({"Metadata": {"Decanter": {"App": "pour", "Stage": "prod"}}}, ANOTHERS),
    ],
    ids=["plain", "0.1", "half", "text", "list", "app", "stage"],
)


def propose(stage: Stage, metadata: dict[str, Any], name: str = "theirs") -> None:
    """Create a foreign change set that creates a stack with our name."""
    template = {"Resources": {"Orders": ORDERS}, **metadata}
    stage.cloud.client("cloudformation").create_change_set(
        StackName=NAME,
        ChangeSetName=name,
        ChangeSetType="CREATE",
        TemplateBody=json.dumps(template),
    )


def make(stage: Stage, metadata: dict[str, Any]) -> None:
    """Create a foreign stack with our name, a row in its table, and code in the bucket."""
    propose(stage, metadata)
    stage.cloud.client("cloudformation").execute_change_set(StackName=NAME, ChangeSetName="theirs")
    if not FAILURES:
        stage.cloud.client("dynamodb").put_item(TableName="orders", Item={"id": {"S": "1"}})
    stage.cloud.client("s3").put_object(Bucket=BUCKET, Key=OBJECT, Body=b"code")


def seen(stage: Stage) -> list[Any]:
    """Return everything about the stack."""
    client = stage.cloud.client("cloudformation")
    (stack,) = client.describe_stacks()["Stacks"]
    change_sets = client.list_change_sets(StackName=NAME)["Summaries"]
    events = client.describe_stack_events(StackName=NAME)["StackEvents"]
    tables = {
        table: stage.cloud.client("dynamodb").scan(TableName=table)["Items"]
        for table in stage.cloud.client("dynamodb").list_tables()["TableNames"]
    }
    whole = client.get_template(StackName=NAME)["TemplateBody"]
    return [stack, change_sets, events, tables, whole, stage.cloud.left()]


def refuses(stage: Stage, message: str, **options: Any) -> None:
    """Check that each command refuses with one line, and only reads."""
    before, wire = seen(stage), Wire()
    commands: list[tuple[Callable[..., int], dict[str, Any]]] = [
        (stage.provision, {}),
        (stage.provision, {"noop": True}),
        (stage.delete, {}),
        (stage.delete, {"keep_tables": True}),
    ]
    for command, more in commands:
        with pytest.raises(AWSError, match=message) as caught:
            command(wire, **options, **more)
        assert "\n" not in str(caught.value)
    assert [call for call in wire.calls if not call.reads] == []
    assert seen(stage) == before


@MARKS
def test_a_foreign_stack_is_not_changed(
    stage: Stage, metadata: dict[str, Any], refusal: str
) -> None:
    make(stage, metadata)
    mark = metadata.get("Metadata")
    owner = mark["Decanter"] if refusal == ANOTHERS and mark else {}
    refuses(stage, refusal.format(owner.get("App"), owner.get("Stage")))


def test_a_stack_marked_by_another_owner_cannot_be_adopted(stage: Stage) -> None:
    make(stage, {"Metadata": {"Decanter": {"App": "p", "Stage": "our-dev"}}})
    refuses(stage, ANOTHERS.format("p", "our-dev"), adopt=NAME)


def test_adopt_needs_the_name_of_the_stack_in_use(stage: Stage) -> None:
    make(stage, {})
    refuses(stage, f"--adopt pour is not the stack in use, {NAME}", adopt="pour")


def test_a_missing_stack_cannot_be_adopted(stage: Stage) -> None:
    with pytest.raises(AWSError, match=f"there is no stack {NAME} to adopt"):
        stage.provision(adopt=NAME)
    assert stage.cloud.left() == {}


def test_the_remains_of_a_foreign_failed_creation_are_not_deleted(stage: Stage) -> None:
    FAILURES["Orders"] = "Table already exists"
    make(stage, {})
    refuses(stage, UNMARKED)


def test_a_foreign_pending_creation_is_not_changed(stage: Stage) -> None:
    propose(stage, {})
    before, wire = stage.cloud.left(), Wire()
    for command in (stage.provision, stage.delete):
        with pytest.raises(AWSError, match=r"is being created by another tool, change set \w+"):
            command(wire, adopt=NAME)
    assert [call for call in wire.calls if not call.reads] == []
    assert stage.cloud.left() == before


def test_an_interrupted_creation_of_an_older_version_is_adopted(stage: Stage) -> None:
    propose(stage, {}, "decanter-change")
    with pytest.raises(AWSError, match=UNMARKED):
        stage.provision()
    assert stage.provision(adopt=NAME) == 0
    assert stage.provision() == 0


def test_a_stack_without_any_change_set_has_no_owner(stage: Stage) -> None:
    propose(stage, {})
    client = stage.cloud.client("cloudformation")
    (change_set,) = client.list_change_sets(StackName=NAME)["Summaries"]
    client.delete_change_set(ChangeSetName=change_set["ChangeSetId"])
    assert stage.provision() == 0


def test_an_adopted_stack_is_marked_by_its_next_change(stage: Stage) -> None:
    make(stage, {"Metadata": {"Decanter": {"Commit": "abc"}}})
    before = seen(stage)
    with pytest.raises(AWSError, match=r"Orders \(AWS::DynamoDB::Table: removed; orders is del"):
        stage.provision(adopt=NAME)
    assert (seen(stage)[:5], seen(stage)[1]) == (before[:5], [])
    assert stage.provision(adopt=NAME, allow_loss=("Orders",)) == 0
    assert "still unmarked" not in stage.output
    assert stage.provision() == 0
    assert stage.delete() == 0
    assert stage.cloud.left() == {}


def test_adopting_without_a_change_reports_the_missing_mark(stage: Stage) -> None:
    def unmark(body: str) -> str:
        template = json.loads(body)
        del template["Metadata"]
        return json.dumps(template)

    stage.provision()
    stage.cloud.edit(NAME, unmark)
    with pytest.raises(AWSError, match=UNMARKED):
        stage.provision()
    assert stage.provision(adopt=NAME) == 0
    assert f"stack {NAME} is still unmarked, as nothing changed: use --adopt" in stage.output
    assert stage.delete(adopt=NAME) == 0
    assert stage.cloud.left() == {}


def test_uploads_of_another_stage_with_the_same_name_are_kept(stage: Stage) -> None:
    """The last deleted stack belonged to another stage."""
    function = {
        "Type": "AWS::Serverless::Function",
        "Properties": {
            "CodeUri": f"s3://{BUCKET}/{OBJECT}",
            "Handler": "app.app",
            "Runtime": "python3.13",
        },
    }
    template = {
        "Transform": "AWS::Serverless-2016-10-31",
        "Metadata": {"Decanter": {"App": "p", "Stage": "our-dev"}},
        "Resources": {"F": function},
    }
    client = stage.cloud.client("cloudformation")
    stage.cloud.client("s3").put_object(Bucket=BUCKET, Key=OBJECT, Body=b"PK\5\6" + bytes(18))
    names = {"StackName": NAME, "ChangeSetName": "theirs"}
    body = json.dumps(template)
    client.create_change_set(**names, ChangeSetType="CREATE", TemplateBody=body)
    client.execute_change_set(**names)
    client.delete_stack(StackName=NAME)
    assert stage.delete() == 0
    assert stage.lines[-1].endswith("that name are kept: it belonged to app p, stage our-dev")
    assert stage.cloud.objects() == [OBJECT]


def test_only_the_stacks_own_uploads_are_deleted_with_it(stage: Stage) -> None:
    others = [f"decanter/{NAME}/notes.txt", f"decanter/{NAME}/{'0' * 64}.zip.bak", "decanter/x.zip"]
    for key in others:
        stage.cloud.client("s3").put_object(Bucket=BUCKET, Key=key, Body=b"mine")
    stage.provision()
    assert stage.delete() == 0
    assert stage.cloud.left() == {"objects": sorted(others)}


def test_table_create_ignores_a_foreign_stack_of_the_same_name(stage: Stage) -> None:
    make(stage, {"Metadata": {"Decanter": {"App": "p", "Stage": "our-dev"}}})
    assert stage.table("create") == 0
    assert stage.table("delete") == 0
