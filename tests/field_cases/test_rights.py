"""Rights: what works on this machine works on AWS."""

import copy
import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from decanter.aws.package import CHALICE
from decanter.new import create
from decanter.testing import WebSocketClient
from tests.docs.snippets import Block, load, sections
from tests.field_cases.apps import (
    framework_project,
    granted,
    packaged,
    resources_of,
    run,
    variables,
)
from tests.support.apps import FRAMEWORK
from tests.support.projects import CONFIG, ROOT, clean_environment

SCORES = f"""{FRAMEWORK}

from pynamodb.attributes import NumberAttribute, TTLAttribute
from pynamodb.indexes import AllProjection, GlobalSecondaryIndex
from pynamodb.models import Model

from decanter import table


class ByPlayer(GlobalSecondaryIndex):
    class Meta:
        index_name = "by_player"
        projection = AllProjection()

    player = UnicodeAttribute(hash_key=True)


@table(env="SCORES_TABLE")
class Score(Model):
    game = UnicodeAttribute(hash_key=True)
    points = NumberAttribute(range_key=True)
    player = UnicodeAttribute()
    expires_at = TTLAttribute(null=True)
    by_player = ByPlayer()


@router.route("score")
def score(request):
    Score("chess", 3, player="ann").save()
    request.reply([int(each.points) for each in Score.by_player.query("ann")])
"""


def docs_app(hook: str) -> str:
    """Return the app of the guides with the section that shows a hook."""
    guides = (ROOT / "docs" / "guides" / f"{name}.md" for name in ("routes", "authenticate"))
    app, *rest = [each for page in guides for each in sections(page) if each.code()]
    section = next(each for each in rest if any(hook in block.text for block in each.code()))
    return "\n\n".join(block.text for part in (app, section) for block in part.code())


@pytest.mark.row("R1")
def test_a_disconnect_hook_may_broadcast(tmp_path: Path) -> None:
    project = framework_project(tmp_path / "p", docs_app("@router.on_disconnect"))
    rights = granted(resources_of(project), "websocket_disconnect")
    assert rights >= {"dynamodb:Scan", "dynamodb:DeleteItem", "execute-api:ManageConnections"}


@pytest.mark.row("R2")
def test_allow_may_read_the_senders_row(tmp_path: Path) -> None:
    project = framework_project(tmp_path / "p", docs_app("allow=is_editor"))
    assert "dynamodb:GetItem" in granted(resources_of(project), "websocket_message")


COUNTING = f"""{FRAMEWORK}

@router.on_connect
def welcome(handshake):
    handshake.attributes["nickname"] = str(Connection.count())


@router.route("rename")
def rename(request):
    Connection.get(request.connection_id).update([Connection.nickname.set("ann")])
"""


@pytest.fixture(name="counting", scope="module")
def _counting(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """The resources of the template of an app whose hook and route read and change rows."""
    return resources_of(framework_project(tmp_path_factory.mktemp("counting") / "p", COUNTING))


@pytest.mark.row("R2")
@pytest.mark.parametrize(
    ("function", "action"),
    [
        ("websocket_connect", "dynamodb:Scan"),
        ("websocket_message", "dynamodb:GetItem"),
        ("websocket_message", "dynamodb:UpdateItem"),
    ],
)
def test_hooks_and_routes_may_use_the_model(
    function: str, action: str, counting: dict[str, Any]
) -> None:
    assert action in granted(counting, function)


LOOKING = f"""{FRAMEWORK}

@router.route("look")
def look(request):
    request.reply(Connection.describe_table()["TableStatus"])
"""


@pytest.mark.row("R2")
def test_a_missing_right_is_refused_in_a_test(app_of: Any) -> None:
    with WebSocketClient(app_of(LOOKING)) as client:
        alice = client.connect()
        alice.send_json({"action": "look"})
        assert "internal" in alice.receive()


FUNCTIONS = f"""{FRAMEWORK}

@app.route("/online")
def online():
    return {{"online": Connection.count()}}


@app.schedule("rate(1 hour)")
def hourly(event):
    router.sweep()


@app.on_sqs_message(queue="orders")
def ordered(event):
    return Connection.count()
"""


@pytest.fixture(name="functions", scope="module")
def _functions(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """The resources of a package whose app has functions of every kind."""
    project = framework_project(tmp_path_factory.mktemp("functions") / "p", FUNCTIONS)
    resources: dict[str, Any] = packaged(project)["Resources"]
    return resources


@pytest.mark.row("R3")
@pytest.mark.parametrize(
    "function",
    ["api_handler", "hourly", "ordered"],
)
def test_a_function_that_has_the_tables_name_has_rights_on_it(
    function: str, functions: dict[str, Any]
) -> None:
    assert granted(functions, function) >= {"dynamodb:Scan", "dynamodb:GetItem"}


@pytest.mark.row("R3")
def test_a_tables_name_is_a_reference_to_the_table(functions: dict[str, Any]) -> None:
    named = {name: values["CONNECTIONS_TABLE"] for name, values in variables(functions)}
    assert len(named) == 6
    assert named == {name: {"Ref": "ConnectionsTable"} for name in named}


@pytest.fixture(name="scores", scope="module")
def _scores(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """The resources of the template of an app with its own table."""
    config = copy.deepcopy(CONFIG)
    config["stages"]["dev"]["environment_variables"]["SCORES_TABLE"] = "pour-dev-scores"
    folder = tmp_path_factory.mktemp("scores") / "p"
    return resources_of(framework_project(folder, SCORES, config))


@pytest.mark.row("R4")
def test_a_table_class_declares_keys_indexes_and_expiry(scores: dict[str, Any]) -> None:
    assert "ScoresTable" in scores
    properties = scores["ScoresTable"]["Properties"]
    assert properties["KeySchema"] == [
        {"AttributeName": "game", "KeyType": "HASH"},
        {"AttributeName": "points", "KeyType": "RANGE"},
    ]
    assert [index["IndexName"] for index in properties["GlobalSecondaryIndexes"]] == ["by_player"]
    assert properties["TimeToLiveSpecification"]["AttributeName"] == "expires_at"


@pytest.mark.row("R4")
def test_functions_may_read_and_write_a_declared_table(scores: dict[str, Any]) -> None:
    policies = scores["WebsocketMessageRole"]["Properties"]["Policies"]
    statements = [it for each in policies for it in each["PolicyDocument"]["Statement"]]
    of_table = [it for it in statements if "ScoresTable" in json.dumps(it["Resource"])]
    rights = {action for statement in of_table for action in statement["Action"]}
    assert rights >= {"dynamodb:PutItem", "dynamodb:Query"}


@pytest.mark.row("R4")
def test_a_test_has_the_declared_table(app_of: Any) -> None:
    with WebSocketClient(app_of(SCORES)) as client:
        alice = client.connect()
        alice.send_json({"action": "score"})
        assert alice.receive_json() == [3]


@pytest.mark.row("R5")
def test_chalice_gives_a_new_projects_functions_their_rights(tmp_path: Path) -> None:
    """`chalice package` makes the same policies as `chalice deploy`."""
    project = create("hello", tmp_path)
    (project / "requirements.txt").write_text("")  # Chalice would download them
    done = subprocess.run(
        [sys.executable, "-c", CHALICE, "package", "out"],
        cwd=project,
        env=clean_environment() | {"AWS_DEFAULT_REGION": "eu-west-1"},
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode == 0:
        policies = (project / "out" / "sam.json").read_text()
        assert "dynamodb:PutItem" in policies
        assert "execute-api:ManageConnections" in policies
    else:
        assert "decanter" in done.stderr


@pytest.fixture(name="drawn", scope="module")
def _drawn(tmp_path_factory: pytest.TempPathFactory) -> str:
    """The output of `decanter describe` for an app with all kinds of functions."""
    project = framework_project(tmp_path_factory.mktemp("drawn") / "p", FUNCTIONS)
    statement = {"Effect": "Allow", "Action": ["s3:GetObject"], "Resource": "arn:aws:s3:::pics/*"}
    properties = {
        "PolicyName": "pictures",
        "Roles": [{"Ref": "WebsocketMessageRole"}],
        "PolicyDocument": {"Version": "2012-10-17", "Statement": [statement]},
    }
    policy = {"Type": "AWS::IAM::Policy", "Properties": properties}
    overrides = {"Resources": {"PicturesPolicy": policy}}
    (project / ".chalice" / "overrides.json").write_text(json.dumps(overrides))
    assert run("template", "--project-dir", project).status == 0
    done = run("describe", "--project-dir", project)
    assert done.status == 0
    return done.out


@pytest.mark.row("R6")
@pytest.mark.parametrize("text", ["orders", "arn:aws:s3:::pics/*", "/online"])
def test_describe_draws_every_function(text: str, drawn: str) -> None:
    assert text in drawn


@pytest.mark.row("R6")
def test_describe_draws_the_rights_of_the_routes_function(drawn: str) -> None:
    assert "api_handler -->" in drawn


@pytest.fixture(name="app_of")
def _app_of(request: pytest.FixtureRequest) -> Iterator[Any]:
    """Make an app in this process from its source."""
    name = f"field_case_{request.node.name}"

    def make(source: str) -> Any:
        return load(name, [Block("python", source)]).app

    yield make
    sys.modules.pop(name, None)
