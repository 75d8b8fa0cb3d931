"""This repository's packaged template as a stack on AWS."""

import ast
import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from tests.aws.cloud import BUCKET, REGION, Cloud
from tests.aws.own import Swept, copy, packaged
from tests.support.projects import decanter_here

FUNCTIONS = ("Connect", "Disconnect", "Message")

ROUTE = '\n\n@router.route("shout")\ndef shout(request: Request) -> None:\n    request.reply("!")\n'


@pytest.fixture(name="project", scope="module")
def _project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return copy(tmp_path_factory.mktemp("stack") / "decanter")


@pytest.fixture(name="template", scope="module")
def _template(project: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    return packaged(project, tmp_path_factory.mktemp("out"))


@pytest.fixture(name="stack", scope="module")
def _stack(template: dict[str, Any], running: Cloud) -> Cloud:
    """The stack, created; its tests only read it."""
    running.reset()
    create(running, template)
    return running


@pytest.fixture(name="outputs", scope="module")
def _outputs(stack: Cloud) -> dict[str, str]:
    (it,) = stack.client("cloudformation").describe_stacks()["Stacks"]
    assert it["StackStatus"] == "CREATE_COMPLETE"
    return {output["OutputKey"]: output["OutputValue"] for output in it["Outputs"]}


def create(aws: Cloud, template: dict[str, Any]) -> None:
    aws.client("s3").put_object(Bucket=BUCKET, Key="code.zip", Body=b"PK\5\6" + bytes(18))
    deploy(aws, template, "CREATE")


def deploy(aws: Cloud, template: dict[str, Any], kind: str) -> None:
    client = aws.client("cloudformation")
    names = {"StackName": "decanter-dev", "ChangeSetName": kind.lower()}
    client.create_change_set(
        **names,
        ChangeSetType=kind,
        TemplateBody=json.dumps(template),
        Capabilities=["CAPABILITY_IAM"],
    )
    client.execute_change_set(**names)


class TestCreated:
    """The created stack's resources: read from AWS, not from the template."""

    def test_the_url_is_an_output(self, outputs: dict[str, str]) -> None:
        api_id = outputs["WebsocketAPIId"]
        url = f"wss://{api_id}.execute-api.{REGION}.amazonaws.com/v1"
        assert outputs["APIGatewayURL"] == url
        assert outputs["ConnectionsTableArn"].endswith(f"table/{outputs['ConnectionsTableName']}")

    def test_the_stage_serves_every_route(self, outputs: dict[str, str], stack: Cloud) -> None:
        live = stack.live(outputs["WebsocketAPIId"], "v1")
        assert live["expression"] == "$request.body.message"
        assert {key: route["operation"] for key, route in live["routes"].items()} == {
            "$connect": "ConnectRoute",
            "$default": "DefaultRoute",
            "$disconnect": "DisconnectRoute",
            "sendmessage": "SendRoute",
        }
        assert live["routes"]["sendmessage"]["uri"] == live["routes"]["$default"]["uri"]

    def test_there_is_one_deployment(self, outputs: dict[str, str], stack: Cloud) -> None:
        """Chalice's deployment is not created."""
        client = stack.client("apigatewayv2")
        deployments = client.get_deployments(ApiId=outputs["WebsocketAPIId"])["Items"]
        assert len(deployments) == 1

    def test_the_table(
        self, outputs: dict[str, str], stack: Cloud, template: dict[str, Any]
    ) -> None:
        """Expiry and encryption are read in the template: moto's CloudFormation drops them."""
        name = outputs["ConnectionsTableName"]
        table = stack.client("dynamodb").describe_table(TableName=name)["Table"]
        assert table["KeySchema"] == [{"AttributeName": "connectionID", "KeyType": "HASH"}]
        assert table["ProvisionedThroughput"]["ReadCapacityUnits"] == 5
        properties = template["Resources"]["ConnectionsTable"]["Properties"]
        ttl = {"AttributeName": "expires_at", "Enabled": True}
        assert properties["TimeToLiveSpecification"] == ttl
        assert properties["SSESpecification"] == {"SSEEnabled": True}

    def test_functions_have_the_table_and_the_endpoint(
        self, outputs: dict[str, str], stack: Cloud
    ) -> None:
        functions = stack.client("lambda").list_functions()["Functions"]
        variables = {
            function["Handler"]: function["Environment"]["Variables"] for function in functions
        }
        table = {"CONNECTIONS_TABLE": outputs["ConnectionsTableName"]}
        where = outputs["APIGatewayURL"].replace("wss:", "https:")
        assert variables == {
            "app.connect": table,
            "app.disconnect": table,
            "app.message": {**table, "DECANTER_MANAGEMENT_ENDPOINT": where},
        }

    def test_policies_name_only_this_stacks_resources(
        self, outputs: dict[str, str], stack: Cloud
    ) -> None:
        iam = stack.client("iam")
        resources = {}
        for role in iam.list_roles()["Roles"]:
            (name,) = iam.list_role_policies(RoleName=role["RoleName"])["PolicyNames"]
            policy = iam.get_role_policy(RoleName=role["RoleName"], PolicyName=name)
            # moto's CloudFormation stores the document in Python's notation.
            for statement in ast.literal_eval(policy["PolicyDocument"])["Statement"]:
                resources[statement["Sid"]] = statement["Resource"]
        account = f"{REGION}:123456789012"
        api = f"arn:aws:execute-api:{account}:{outputs['WebsocketAPIId']}"
        assert resources["ConnectionsTable"] == [outputs["ConnectionsTableArn"]]
        assert resources["Connections"] == [f"{api}/v1/POST/@connections/*"]
        assert "*" not in json.dumps(resources).replace("/@connections/*", "").replace(":*", "")

    def test_each_function_has_its_log(self, outputs: dict[str, str], stack: Cloud) -> None:
        groups = stack.client("logs").describe_log_groups()["logGroups"]
        assert {group["logGroupName"]: group["retentionInDays"] for group in groups} == {
            f"/aws/lambda/decanter-dev/websocket_{name.lower()}": 30 for name in FUNCTIONS
        }


SCORES = """
from pynamodb.attributes import UnicodeAttribute
from pynamodb.models import Model
from decanter import table

@table(env="SCORES_TABLE")
class Score(Model):
    player = UnicodeAttribute(hash_key=True)
"""


def test_a_stage_of_0_1_keeps_its_table(aws: Cloud, tmp_path: Path) -> None:
    """The change set of the upgrade, listed; the app has a new table too."""
    project = copy(tmp_path / "decanter")
    older = Path(__file__).with_name("resources_0_1_1.json")
    shutil.copy(older, project / ".chalice" / "resources.json")
    create(aws, packaged(project, tmp_path / "out"))
    model = project / "chalicelib" / "connections.py"
    model.write_text(model.read_text() + SCORES)
    (project / ".chalice" / "resources.json").unlink()
    done = decanter_here("template", "--project-dir", project)
    assert done.returncode == 0, done.stderr
    client = aws.client("cloudformation")
    names = {"StackName": "decanter-dev", "ChangeSetName": "upgrade"}
    body = json.dumps(packaged(project, tmp_path / "new"))
    client.create_change_set(**names, ChangeSetType="UPDATE", TemplateBody=body)
    changes = [it["ResourceChange"] for it in client.describe_change_set(**names)["Changes"]]
    assert {it["LogicalResourceId"]: [it["Action"], it.get("Replacement")] for it in changes} == {
        "ScoresTable": ["Add", None],
        "WebsocketConnect": ["Modify", "False"],
        "WebsocketDisconnect": ["Modify", "False"],
        "WebsocketMessage": ["Modify", "False"],
    }


def test_a_sweep_has_its_schedule_the_table_and_the_endpoint(aws: Cloud, swept: Swept) -> None:
    create(aws, swept.template)
    (rule,) = aws.client("events").list_rules()["Rules"]
    assert rule["ScheduleExpression"] == "rate(5 minutes)"
    (target,) = aws.client("events").list_targets_by_rule(Rule=rule["Name"])["Targets"]
    function = aws.client("lambda").get_function(FunctionName=target["Arn"])["Configuration"]
    assert (function["Handler"], function["Timeout"]) == ("app.sweep", 28)
    (stack,) = aws.client("cloudformation").describe_stacks()["Stacks"]
    outputs = {each["OutputKey"]: each["OutputValue"] for each in stack["Outputs"]}
    assert function["Environment"]["Variables"] == {
        "CONNECTIONS_TABLE": outputs["ConnectionsTableName"],
        "DECANTER_MANAGEMENT_ENDPOINT": outputs["APIGatewayURL"].replace("wss:", "https:"),
        "DECANTER_SWEEP_MINUTES": "5",
    }


def test_a_route_added_to_the_app_goes_live(
    template: dict[str, Any], aws: Cloud, project: Path, tmp_path: Path
) -> None:
    changed = tmp_path / "changed"
    shutil.copytree(project, changed)
    (changed / "app.py").write_text((changed / "app.py").read_text() + ROUTE)
    assert decanter_here("template", "--project-dir", changed).returncode == 0
    create(aws, template)
    deploy(aws, packaged(changed, tmp_path / "out"), "UPDATE")
    (api,) = aws.client("apigatewayv2").get_apis()["Items"]
    assert "shout" in aws.live(api["ApiId"], "v1")["routes"]


def test_an_unchanged_app_keeps_its_deployment(
    project: Path, template: dict[str, Any], tmp_path: Path
) -> None:
    (project / "app.py").write_text((project / "app.py").read_text() + "\n# a comment\n")
    assert decanter_here("template", "--project-dir", project).returncode == 0
    again = packaged(project, tmp_path / "out")
    stages = [each["Resources"]["WebsocketAPIStage"] for each in (template, again)]
    assert stages[0] == stages[1]
