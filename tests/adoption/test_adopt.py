"""Follow docs/guides/adopt.md exactly, in an ordinary Chalice project."""

import difflib
import json
import os
import re
import zipfile
from contextlib import closing
from dataclasses import dataclass
from http.client import HTTPConnection
from pathlib import Path
from typing import Any

import pytest

from decanter.runtime.clock import Clock
from tests.docs.snippets import ROOT, Block, load, sections
from tests.support.bare import invoke
from tests.support.environments import built_wheel
from tests.support.events import connect_event, disconnect_event, message_event
from tests.support.gateways import PROJECTS, SECONDS, gateway
from tests.support.management import run_management
from tests.support.projects import decanter_here, files
from tests.support.user_environment import Environment

pytestmark = pytest.mark.usefixtures("kept")

PAGE = sections(ROOT / "docs" / "guides" / "adopt.md")
STEPS = [each for each in PAGE if each.title[:1].isdigit()]
SAID = '{"action": "say", "text": "hello world !"}'
ADDED = {".chalice/resources.json", "chalicelib/connections.py", "tests/test_live.py"}
EDITED = {"app.py", "requirements.txt"}

SNIPPETS = [block for step in STEPS for block in step.code()]

# The positions in app.py that the page names, as patterns.
PLACES = {
    "app.py: below the last import": r"(?<=\nfrom chalicelib import orders, prices\n)",
    "app.py: below the line that makes the app": r'(?<=\napp = Chalice\(app_name="shop"\)\n)',
    "app.py: at the end": r"\Z",
}


def commands(number: int) -> list[str]:
    """Return the commands of a step's shell snippets."""
    blocks = [block for block in STEPS[number - 1].blocks if block.language == "sh"]
    return [line for block in blocks for line in block.text.splitlines()]


def apply(block: Block, project: Path) -> None:
    """Write a snippet to the place named in its first line."""
    head, _, text = block.text.partition("\n")
    place = head.removeprefix("# ")
    if block.file:
        path = project / block.file
        assert not path.exists()
        path.write_text(text)
        return
    app = project / "app.py"
    text = f"\n\n{text}" if "end" in place else text
    changed, times = re.subn(PLACES[place], lambda _: text, app.read_text())
    assert times == 1
    app.write_text(changed)


def write(project: Path, content: dict[str, bytes]) -> None:
    for name, text in content.items():
        path = project / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(text)


@dataclass(frozen=True)
class Shop:
    """The project after the steps that write files, with its developer's environment."""

    folder: Path
    environment: Environment
    before: dict[str, bytes]

    def run(self, *lines: str) -> str:
        return self.environment.run_all(lines, self.folder)


@pytest.fixture(name="shop", scope="module")
def _shop(tmp_path_factory: pytest.TempPathFactory) -> Shop:
    folder = tmp_path_factory.mktemp("adopt")
    environment = Environment.make(folder, built_wheel(tmp_path_factory))
    shop = Shop(folder / "shop", environment, files(PROJECTS / "shop"))
    write(shop.folder, shop.before)
    shop.run(*commands(1))
    for block in SNIPPETS:
        apply(block, shop.folder)
    shop.run(commands(4)[0])
    return shop


def test_there_are_at_most_six_steps() -> None:
    assert [step.title.partition(".")[0] for step in STEPS] == [*"123456"]


def test_only_the_users_lines_change_the_projects_files(
    shop: Shop,
) -> None:
    after = files(shop.folder)
    assert after.keys() - shop.before.keys() == ADDED
    assert {name for name, was in shop.before.items() if after.get(name) != was} == EDITED
    assert after["chalicelib/__init__.py"] == b""
    for name in EDITED:
        old, new = (each[name].decode().splitlines() for each in (shop.before, after))
        assert not [line for line in difflib.ndiff(old, new) if line.startswith("- ")]


def http(origin: str, method: str, path: str, body: Any = None) -> Any:
    headers = {"Content-Type": "application/json"}
    with closing(HTTPConnection(origin.removeprefix("http://"), timeout=SECONDS)) as connection:
        connection.request(method, path, json.dumps(body) if body else None, headers)
        return json.loads(connection.getresponse().read())


def test_it_runs_on_the_users_machine(shop: Shop) -> None:
    _, local, make_table, client = commands(4)
    assert (local, client) == ("decanter local", "decanter client ws://127.0.0.1:8000/api")
    started = gateway(shop.folder, "--no-reload", python=shop.environment.python, cwd=shop.folder)
    with started as running, running.connect() as alice, running.connect() as bob:
        alice.send(SAID)
        assert [each.recv(timeout=SECONDS) for each in (alice, bob)] == ['"hello world !"'] * 2
        assert running.banner("Schedule") == "report: rate(1 day)"

        order = {"items": ["tea", "scone"]}
        missing = http(running.origin, "PUT", "/api/orders/7", order)
        assert missing["Code"] == "InternalServerError"
        running.wait_for_line(r"no table 'shop-dev-orders' in the embedded DynamoDB: create it")
        address = running.banner("DynamoDB").split()[0]
        _, _, script = make_table.partition("AWS_ENDPOINT_URL_DYNAMODB=http://127.0.0.1:44317 ")
        shop.run(credentials(script, address))
        put = http(running.origin, "PUT", "/api/orders/7", order)
        assert put == {"number": "7", "cents": 570}
        assert http(running.origin, "GET", "/api/orders/7") == order | {"cents": 570}


def credentials(script: str, dynamodb: str) -> str:
    """Return the page's line for a script, with the settings of a user's own configuration."""
    own = "AWS_DEFAULT_REGION=eu-west-1 AWS_ACCESS_KEY_ID=test AWS_SECRET_ACCESS_KEY=test"
    return f"{own} AWS_ENDPOINT_URL_DYNAMODB={dynamodb} {script}"


def test_the_page_shows_the_messages_of_its_clients() -> None:
    (sent,) = (block for block in STEPS[3].blocks if block.language == "json")
    (received,) = (block for block in STEPS[3].blocks if block.language == "text")
    assert (sent.text, received.text) == (f"{SAID}\n", '"hello world !"\n')


def test_the_old_tests_and_the_new_one_pass(shop: Shop) -> None:
    (pytest_line,) = commands(5)
    assert "2 passed" in shop.run(f"{pytest_line} -p no:cacheprovider")


@pytest.fixture(name="package", scope="module")
def _package(shop: Shop) -> Path:
    """The result of `decanter package`, with this project's cache of dependencies for Lambda."""
    (ROOT / "build" / "wheels").mkdir(parents=True, exist_ok=True)
    (shop.folder / "build").mkdir()
    (shop.folder / "build" / "wheels").symlink_to(ROOT / "build" / "wheels")
    before = files(shop.folder)
    shop.run(*commands(6))
    assert files(shop.folder) == before
    return shop.folder / "build" / "package" / "dev" / "result"


def test_each_function_of_the_package_has_its_rights(shop: Shop, package: Path) -> None:
    resources = json.loads((package / "sam.json").read_text())["Resources"]
    functions = {
        name: each["Properties"]["Role"]["Fn::GetAtt"][0]
        for name, each in resources.items()
        if each["Type"] == "AWS::Serverless::Function"
    }
    assert functions == {
        "APIHandler": "ApiHandlerRole",
        "Report": "ReportRole",
        "WebsocketConnect": "WebsocketConnectRole",
        "WebsocketDisconnect": "WebsocketDisconnectRole",
        "WebsocketMessage": "WebsocketMessageRole",
    }
    own = json.loads(shop.before[".chalice/policy-dev.json"])
    for role in ("ApiHandlerRole", "ReportRole"):
        (policy,) = resources[role]["Properties"]["Policies"]
        connections, *kept, logs = policy["PolicyDocument"]["Statement"]
        assert (connections["Sid"], logs["Sid"]) == ("ConnectionsTable", "Logs")
        assert kept == own["Statement"]


def test_the_package_runs_with_only_its_own_modules(
    shop: Shop,
    package: Path,
    aws_environment: None,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    with zipfile.ZipFile(package / "deployment.zip") as archive:
        archive.extractall(tmp_path)
    monkeypatch.setenv("CONNECTIONS_TABLE", "adopted-connections")
    (table,) = STEPS[1].code()
    load("adopted", [Block("python", table.text.partition("\n")[2])]).Connection.create_table()
    shop.run(credentials("python createtable.py", os.environ["AWS_ENDPOINT_URL_DYNAMODB"]))
    with run_management() as management:
        results = invoke(
            tmp_path,
            ("app.connect", connect_event(connectedAt=Clock().time_ms())),
            ("app.message", message_event(SAID)),
            ("app.disconnect", disconnect_event()),
            ("app.app", http_event("PUT", "/orders/{number}", '{"items": ["tea"]}', number="7")),
            ("app.report", schedule_event()),
            CONNECTIONS_TABLE="adopted-connections",
            ORDERS_TABLE="shop-dev-orders",
            DECANTER_MANAGEMENT_ENDPOINT=management.endpoint,
        )
    assert [each["statusCode"] for each in results[:4]] == [200] * 4
    assert management.received == {"Sender0000DoECA=": [b'"hello world !"']}
    assert json.loads(results[3]["body"]) == {"number": "7", "cents": 250}
    assert results[4] == {"prices": 2}


def http_event(method: str, path: str, body: str, **parameters: str) -> dict[str, Any]:
    """Return a REST API event with the members that Chalice reads."""
    return {
        "requestContext": {"httpMethod": method, "resourcePath": path, "identity": {}},
        "headers": {"content-type": "application/json"},
        "multiValueQueryStringParameters": None,
        "pathParameters": parameters,
        "stageVariables": None,
        "body": body,
        "isBase64Encoded": False,
    }


def schedule_event() -> dict[str, Any]:
    """Return an EventBridge event with the members that Chalice reads."""
    names = ("version", "id", "source", "account", "time", "region", "detail-type")
    return dict.fromkeys(names, "x") | {"resources": [], "detail": {}}


# ------------------------------------------------------------------- other projects and mistakes


@pytest.fixture(name="project")
def _project(tmp_path: Path) -> Path:
    """The project after the user's manual steps."""
    write(tmp_path, files(PROJECTS / "shop"))
    for block in SNIPPETS:
        apply(block, tmp_path)
    return tmp_path


def in_one_line(*arguments: str | Path) -> str:
    """Run a command that fails. Return its one line on standard error."""
    done = decanter_here(*arguments)
    assert done.returncode == 2, done.stdout + done.stderr
    assert done.stderr.count("\n") == 1
    return done.stderr


@pytest.mark.parametrize("command", ["template", "package"])
def test_a_missing_flag_is_refused_with_its_line_before_a_file_is_written(
    project: Path, command: str
) -> None:
    flag = 'app.experimental_feature_flags.update(["WEBSOCKETS"])'
    app = project / "app.py"
    app.write_text(app.read_text().replace(f"{flag}\n", ""))
    before = files(project)
    assert f"add the line {flag}" in in_one_line(command, "--project-dir", project)
    assert files(project) == before
    assert not (project / "build" / "wheels").exists()


def test_the_gateway_runs_before_the_template_is_written_and_says_so(project: Path) -> None:
    with gateway(project, "--no-reload") as running, running.connect() as alice:
        alice.send(SAID)
        assert alice.recv(timeout=SECONDS) == '"hello world !"'
        assert "`decanter template`" in running.banner("Template")


def test_the_users_own_template_is_kept_as_overrides(project: Path) -> None:
    own = project / ".chalice" / "resources.json"
    own.write_text(json.dumps({"Resources": {"Queue": {"Type": "AWS::SQS::Queue"}}}))
    refusal = in_one_line("template", "--project-dir", project)
    assert "move your own parts to .chalice/overrides.json" in refusal
    own.rename(own.with_name("overrides.json"))
    assert decanter_here("template", "--project-dir", project).returncode == 0
    assert {"ConnectionsTable", "Queue"} <= json.loads(own.read_text())["Resources"].keys()


def test_each_stage_has_its_own_template(project: Path) -> None:
    arguments = ("--project-dir", project, "--output", "-")
    for stage, api_stage in (("dev", "api"), ("prod", "prod")):
        done = decanter_here("template", "--stage", stage, *arguments)
        assert json.loads(done.stdout)["Metadata"]["Decanter"]["Stage"] == stage
        assert f"/{api_stage}/POST/@connections/*" in done.stdout


def test_a_stage_of_chalice_deploy_gets_a_copy_and_policies(project: Path) -> None:
    (section,) = (each for each in PAGE if "chalice deploy" in each.title)
    (added,) = (json.loads(each.text) for each in section.blocks if each.language == "json")
    config = project / ".chalice" / "config.json"
    whole = json.loads(config.read_text())
    stage = whole["stages"]["dev"]
    added["environment_variables"] |= stage["environment_variables"]
    stage |= added
    config.write_text(json.dumps(whole))
    before = files(project)

    (lines,) = (each.text.splitlines() for each in section.blocks if each.language == "sh")
    assert lines[:2] == ["decanter vendor", "decanter template"]
    for line in lines[:2]:
        done = decanter_here(*line.split()[1:], "--project-dir", project)
        assert done.returncode == 0, done.stderr

    after = files(project)
    assert before == {name: after[name] for name in before}
    made = {name for name in after.keys() - before.keys() if not name.startswith("vendor/")}
    policies = {
        f".chalice/{each['iam_policy_file']}" for each in added["lambda_functions"].values()
    }
    assert made == {".chalice/generated.json", ".chalice/resources.json", *policies}
    message = after[".chalice/policy-dev-websocket_message.json"].decode()
    assert "table/shop-dev-connections" in message
    assert {name.split("/")[2] for name in after if name.startswith("vendor/")} == {
        "__init__.py",
        "runtime",
    }
