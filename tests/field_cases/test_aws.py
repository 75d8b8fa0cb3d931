"""On AWS, nothing of another owner is changed, and nothing secret is shown."""

import copy
import json
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from tests.aws.cloud import BUCKET, Cloud, cloud
from tests.field_cases.apps import PLAIN, Done, packaged, run, stage, variables
from tests.support.apps import NO_DATABASE
from tests.support.gateways import Running, gateway
from tests.support.projects import (
    APP,
    CONFIG,
    ROOT,
    clean_environment,
    table_resource,
    write_project,
)

pytestmark = pytest.mark.usefixtures("kept")

ORDERS = table_resource("orders")
ORDER = {"id": {"S": "1"}, "of": {"S": "ann"}}


@pytest.fixture(name="running", scope="module")
def _running() -> Iterator[Cloud]:
    with cloud() as it:
        yield it


@pytest.fixture(name="aws")
def _aws(running: Cloud, monkeypatch: pytest.MonkeyPatch) -> Cloud:
    """An empty account, which the commands of this process use."""
    running.reset()
    use(running.environment(), monkeypatch)
    return running


def use(environment: Mapping[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in {**clean_environment(), **environment}.items():
        monkeypatch.setenv(name, value)


@pytest.fixture(name="project")
def _project(tmp_path: Path) -> Path:
    return with_orders(tmp_path / "p")


def with_orders(folder: Path) -> Path:
    """Write a project whose stack has a table in addition to the one that app.py declares."""
    write_project(folder)
    overrides = json.dumps({"Resources": {"Orders": ORDERS}})
    (folder / ".chalice" / "overrides.json").write_text(overrides)
    return folder


@pytest.fixture(name="made", scope="module")
def _made(tmp_path_factory: pytest.TempPathFactory) -> str:
    """The template that `decanter package` makes of the project."""
    template = packaged(with_orders(tmp_path_factory.mktemp("made") / "p"))
    for resource in template["Resources"].values():
        if resource["Type"] == "AWS::Serverless::Function":
            resource["Properties"]["CodeUri"] = f"s3://{BUCKET}/code.zip"
    return json.dumps(template)


def provision(project: Path, *arguments: str) -> Done:
    return run("provision", "--project-dir", project, "--s3-bucket", BUCKET, *arguments)


def create_stack(aws: Cloud, name: str, template: Mapping[str, Any]) -> None:
    """Create a stack with CloudFormation only."""
    client = aws.client("cloudformation")
    change = {"StackName": name, "ChangeSetName": "first"}
    body, capabilities = json.dumps(template), ["CAPABILITY_IAM"]
    aws.client("s3").put_object(Bucket=BUCKET, Key="code.zip", Body=b"PK\5\6" + bytes(18))
    client.create_change_set(
        **change, ChangeSetType="CREATE", TemplateBody=body, Capabilities=capabilities
    )
    client.execute_change_set(**change)


def state(aws: Cloud, stack: str) -> tuple[Any, ...]:
    """Return the state of a stack with a table of orders that must not change."""
    template = aws.client("cloudformation").get_template(StackName=stack)["TemplateBody"]
    tables = aws.client("dynamodb").list_tables()["TableNames"]
    rows = [aws.client("dynamodb").scan(TableName=name)["Items"] for name in tables]
    return template, tables, rows, aws.left()


@pytest.fixture(name="foreign")
def _foreign(aws: Cloud) -> Cloud:
    """A stack of another owner with a row in its table, named like stage dev of app pour."""
    create_stack(aws, "pour-dev", {"Resources": {"Orders": ORDERS}})
    aws.client("dynamodb").put_item(TableName="orders", Item=ORDER)
    return aws


@pytest.mark.row("A1")
@pytest.mark.parametrize("command", ["provision", "delete"])
def test_a_stack_of_another_owner_stays_unchanged(
    command: str, foreign: Cloud, project: Path
) -> None:
    before = state(foreign, "pour-dev")
    done = (
        provision(project)
        if command == "provision"
        else run("delete", "--project-dir", project, "--yes")
    )
    assert done.refused
    assert "pour-dev" in done.err
    assert state(foreign, "pour-dev") == before


@pytest.mark.row("A1")
def test_a_stack_of_another_decanter_application_stays_unchanged(
    aws: Cloud, tmp_path: Path
) -> None:
    """Stage eu-dev of app chat, and stage dev of app chat-eu."""
    stage = CONFIG["stages"]["dev"]
    first, second = (
        write_project(
            tmp_path / name,
            APP.replace('app_name="pour"', f'app_name="{name}"'),
            {"version": "2.0", "app_name": name, "stages": {stage_name: stage}},
        )
        for name, stage_name in (("chat", "eu-dev"), ("chat-eu", "dev"))
    )
    assert provision(first, "--stage", "eu-dev").status == 0
    before = state(aws, "chat-eu-dev")
    done = provision(second)
    assert done.refused
    assert "--stack-name" in done.err
    assert state(aws, "chat-eu-dev") == before


@pytest.mark.row("A1")
def test_an_own_stack_without_a_mark_is_adopted_by_name(
    aws: Cloud, project: Path, made: str
) -> None:
    """Version 0.1 made such stacks."""
    template = json.loads(made)
    template.pop("Metadata", None)
    create_stack(aws, "pour-dev", template)
    done = provision(project)
    assert done.refused
    assert "--adopt pour-dev" in done.err
    assert provision(project, "--adopt", "pour-dev").status == 0
    assert provision(project).status == 0


@pytest.mark.row("A1")
@pytest.mark.parametrize("change", ["removes", "replaces"])
def test_a_table_is_not_removed_or_replaced_without_confirmation(
    change: str, aws: Cloud, project: Path, made: str
) -> None:
    create_stack(aws, "pour-dev", json.loads(made))
    aws.client("dynamodb").put_item(TableName="orders", Item=ORDER)
    before = state(aws, "pour-dev")
    overrides = project / ".chalice" / "overrides.json"
    overrides.write_text(overrides.read_text().replace('"orders"', '"orders-2"'))
    if change == "removes":
        overrides.unlink()
    done = provision(project)
    assert done.status != 0
    assert "Orders" in done.err
    assert state(aws, "pour-dev")[1:3] == before[1:3]


@pytest.mark.row("A2")
def test_table_delete_asks(aws: Cloud, project: Path) -> None:
    assert run("table", "create", "--project-dir", project).status == 0
    done = run("table", "delete", "--project-dir", project)
    assert done.refused
    assert "pour-dev-connections" in done.output or "--yes" in done.err
    assert aws.client("dynamodb").list_tables()["TableNames"] == ["pour-dev-connections"]


@pytest.mark.row("A2")
def test_table_delete_leaves_a_table_with_another_key(aws: Cloud, project: Path) -> None:
    aws.client("dynamodb").create_table(
        **ORDERS["Properties"] | {"TableName": "pour-dev-connections"}
    )
    done = run("table", "delete", "--project-dir", project, "--yes")
    assert done.refused
    assert "pour-dev-connections" in done.err
    assert aws.client("dynamodb").list_tables()["TableNames"] == ["pour-dev-connections"]


@pytest.mark.row("A3")
def test_values_of_variables_are_not_printed(aws: Cloud, project: Path, made: str) -> None:
    template = json.loads(made)
    for _, values in variables(template["Resources"]):
        values["PAYMENT_KEY"] = "old-secret"
    create_stack(aws, "pour-dev", template)
    config = copy.deepcopy(CONFIG)
    config["stages"]["dev"]["environment_variables"]["PAYMENT_KEY"] = "new-secret"
    (project / ".chalice" / "config.json").write_text(json.dumps(config))
    done = provision(project, "--noop")
    assert done.status == 0
    assert "PAYMENT_KEY" in done.out
    assert "secret" not in done.output


@pytest.mark.row("A3")
def test_the_deployment_guide_says_where_secrets_go() -> None:
    text = (ROOT / "docs" / "guides" / "deploy.md").read_text()
    assert re.search(r"Secrets Manager|\{\{resolve:", text)


@pytest.mark.row("A3")
@pytest.mark.parametrize("command", ["template", "package", "provision"])
def test_a_secret_in_plain_text_is_named_and_not_printed(
    command: str, aws: Cloud, project: Path
) -> None:
    config = copy.deepcopy(CONFIG)
    config["stages"]["dev"]["environment_variables"] |= {
        "API_TOKEN": "hunter2-and-more",
        "SIGNING_KEY": "{{resolve:secretsmanager:pour/signing}}",
    }
    (project / ".chalice" / "config.json").write_text(json.dumps(config))
    arguments = ("--s3-bucket", BUCKET, "--noop") if command == "provision" else ()
    done = run(command, "--project-dir", project, *arguments)
    (line,) = [line for line in done.output.splitlines() if "secret in plain text" in line]
    assert "API_TOKEN in .chalice/config.json" in line
    assert "{{resolve:secretsmanager:" in line
    assert "hunter2" not in done.output
    assert done.status == 0


GUARDED = f"""{PLAIN}

@app.on_ws_connect()
def connect(event):
    said = event.to_dict()
    headers = {{name.lower(): value for name, value in said["headers"].items()}}
    chosen = headers.get("sec-websocket-protocol")
    if chosen == "chat.v1":
        return {{"statusCode": 200, "headers": {{"Sec-WebSocket-Protocol": chosen}}}}
    known = "x-key" in headers or said.get("queryStringParameters")
    return {{"statusCode": 200 if known else 403}}


@app.on_ws_message()
def message(event):
    app.websocket_api.send(event.connection_id, event.body)
"""


@pytest.fixture(name="guarding", scope="module")
def _guarding(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """An echo app that requires a query, a header or a subprotocol, and whose stage has secrets."""
    secrets = {name: f"{{{{resolve:ssm:/pour/{name}}}}}" for name in ("API_KEY", "OWN_KEY")}
    folder = tmp_path_factory.mktemp("guarded") / "p"
    project = write_project(folder, GUARDED, stage(**secrets))
    own = {"OWN_KEY": "mine"}
    with gateway(project, "--no-reload", *NO_DATABASE, environment=own) as running:
        yield running


@pytest.fixture(name="guarded")
def _guarded(guarding: Running) -> str:
    return guarding.url


@pytest.mark.row("A3")
def test_a_secret_that_is_not_resolved_locally_is_named_at_start(guarding: Running) -> None:
    """The shell's own variable replaces a reference."""
    guarding.wait_for_line(r"^Connect ")
    (line,) = [line for line in guarding.lines if "resolve:" in line]
    assert "API_KEY: only CloudFormation resolves {{resolve:…}}" in line
    assert "`API_KEY=… decanter local`" in line
    assert "OWN_KEY" not in line


def verify(*arguments: str) -> Done:
    return run("verify", "--timeout", "1", *arguments)


@pytest.mark.row("A4")
def test_an_app_without_a_broadcast_is_verified(guarded: str) -> None:
    assert verify("--url", f"{guarded}?key=1").status == 0


@pytest.mark.row("A4")
@pytest.mark.parametrize(
    "arguments",
    [("--header", "X-Key: 1"), ("--subprotocol", "chat.v1"), ("--token", "1")],
    ids=" ".join,
)
def test_verify_connects_as_the_app_requires(arguments: tuple[str, str], guarded: str) -> None:
    assert verify("--url", guarded, *arguments).status == 0


@pytest.mark.row("A5")
@pytest.mark.parametrize(
    ("command", "region"),
    [
        (("provision", "--s3-bucket", BUCKET), "us-east-1"),
        (("provision", "--s3-bucket", BUCKET), ""),
        (("delete", "--yes"), "us-east-1"),
        (("status",), "us-east-1"),
        (("table", "delete", "--yes"), "us-east-1"),
    ],
)
def test_a_broken_network_names_options_that_the_command_has(
    command: tuple[str, ...], region: str, project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A missing region has the same effect."""
    nowhere = {"AWS_ENDPOINT_URL": "http://127.0.0.1:1", "AWS_MAX_ATTEMPTS": "1"}
    keys = {"AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test"}
    use(nowhere | keys | {"AWS_REGION": region, "AWS_DEFAULT_REGION": region}, monkeypatch)
    done = run(*command, "--project-dir", project)
    assert done.refused
    assert "cannot" in done.err
    assert options(done.err) <= options(run(command[0], "--help").out)


def options(text: str) -> set[str]:
    return set(re.findall(r"--[a-z][a-z0-9-]+", text))
