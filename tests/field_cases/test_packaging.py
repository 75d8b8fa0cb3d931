"""Packaging: ordinary applications become packages that run on Lambda."""

import copy
import json
import re
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import Any

import botocore
import pytest
from botocore.session import Session

from tests.field_cases.apps import HANDLERS, PLAIN, Done, framework_project, run
from tests.support.apps import FRAMEWORK, NO_DATABASE
from tests.support.gateways import gateway
from tests.support.marks import THOROUGH
from tests.support.projects import CONFIG, ROOT, clean_environment, write_project

pytestmark = pytest.mark.usefixtures("kept")

SITE = Path(botocore.__file__).parent.parent
SDK = ("boto3", "dateutil", "jmespath", "s3transfer", "six.py", "urllib3")
CLIENTS = ("lambda", "logs", "s3", "secretsmanager")
SERVICES = (*CLIENTS, "apigatewaymanagementapi", "dynamodb", "sqs")

# Runs in the unpacked package: prints each client's paginators and waiters.
LOOK = """
import json, sys
sys.path.insert(0, sys.argv[1])
import boto3
session = boto3.Session("a", "b", region_name="eu-west-1")
found = {}
for name in sys.argv[2:]:
    client = session.client(name)
    operations = [each for each in client.meta.method_to_api_mapping if client.can_paginate(each)]
    keys = {each: client.get_paginator(each).result_keys for each in operations}
    found[name] = [{key: str(value) for key, value in keys.items()}, client.waiter_names]
print(json.dumps(found))
"""

IMPORT = "import sys; sys.path.insert(0, sys.argv[1]); import app"


def with_sdk(project: Path) -> Path:
    """Give a project boto3 in its `vendor/`, with a few services, as pip would install it."""
    data = project / "vendor" / "botocore" / "data"
    data.mkdir(parents=True)
    for source in (*(SITE / "botocore").iterdir(), *(SITE / name for name in SDK)):
        if source.name not in {"data", "__pycache__"}:
            home = "vendor/botocore" if source.parent.name == "botocore" else "vendor"
            (project / home / source.name).symlink_to(source)
    for source in (SITE / "botocore" / "data").iterdir():
        if source.is_file() or source.name in SERVICES:
            (data / source.name).symlink_to(source)
    return project


def package(project: Path) -> Done:
    return run("package", "--project-dir", project)


def unpacked(project: Path) -> Path:
    """Unpack what `package` made of a project."""
    result = project / "build" / "package" / "dev" / "result"
    with zipfile.ZipFile(result / "deployment.zip") as archive:
        archive.extractall(result / "unpacked")
    return result / "unpacked"


def bare(code: str, *arguments: str | Path) -> subprocess.CompletedProcess[str]:
    """Run code without any installed package."""
    return subprocess.run(
        [sys.executable, "-I", "-S", "-B", "-c", code, *map(str, arguments)],
        env={"AWS_DEFAULT_REGION": "eu-west-1"},
        capture_output=True,
        text=True,
        check=False,
    )


def whole(service: str) -> list[Any]:
    """Return the output of LOOK with the installed SDK."""
    client = Session().create_client(
        service, "eu-west-1", aws_access_key_id="a", aws_secret_access_key="b"
    )
    operations = [each for each in client.meta.method_to_api_mapping if client.can_paginate(each)]
    keys = {each: str(client.get_paginator(each).result_keys) for each in operations}
    return [keys, client.waiter_names]


@pytest.fixture(name="found", scope="module")
def _found(tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[Any]]:
    """The output of LOOK in the package of an app with a client of each service."""
    lines = [f'client_{number} = boto3.client("{name}")' for number, name in enumerate(CLIENTS)]
    source = "\n".join([PLAIN, *lines, HANDLERS])
    project = with_sdk(write_project(tmp_path_factory.mktemp("sdk") / "p", source))
    assert package(project).status == 0
    done = bare(LOOK, unpacked(project), *CLIENTS)
    assert done.returncode == 0, done.stderr
    found: dict[str, list[Any]] = json.loads(done.stdout)
    return found


@pytest.mark.row("P1")
@pytest.mark.parametrize("service", CLIENTS)
def test_clients_paginators_and_waiters_are_those_of_the_whole_sdk(
    service: str, found: dict[str, list[Any]]
) -> None:
    assert found[service] == whole(service)


ANY_CLIENT = f"""{PLAIN}

def aws(name):
    return boto3.client(name)


sqs = aws("sqs")
{HANDLERS}"""


@THOROUGH
@pytest.mark.row("P2")
def test_a_client_whose_name_is_an_argument_keeps_every_service(tmp_path: Path) -> None:
    project = with_sdk(write_project(tmp_path / "p", ANY_CLIENT))
    done = package(project)
    assert done.status == 0
    imported = bare(IMPORT, unpacked(project))
    assert imported.returncode == 0, imported.stderr
    line = ANY_CLIENT.splitlines().index("    return boto3.client(name)") + 1
    assert f"app.py:{line}" in done.output


@pytest.mark.row("P3")
@pytest.mark.parametrize(
    "decorator",
    ['app.route("/orders")', pytest.param('app.on_sqs_message(queue="orders")', marks=THOROUGH)],
)
def test_two_comprehensions_on_a_line_do_not_break_a_package(
    decorator: str, tmp_path: Path
) -> None:
    source = f"""{FRAMEWORK}

@{decorator}
def orders(event=()):
    return {{"ids": [str(each) for each in event], "sizes": [len(row) for row in event]}}
"""
    done = package(framework_project(tmp_path / "p", source))
    assert done.status == 0, done.reason


def without_generated_policies(folder: Path, source: str) -> Path:
    config = copy.deepcopy(CONFIG)
    config["stages"]["dev"]["autogen_policy"] = False
    return framework_project(folder, source, config)


@pytest.mark.row("P3")
def test_a_stage_without_generated_policies_needs_no_unused_file(tmp_path: Path) -> None:
    """Every function of this app has a role in the template that `decanter package` makes."""
    done = package(without_generated_policies(tmp_path / "p", FRAMEWORK))
    assert done.status == 0, done.reason


@pytest.mark.row("P3")
def test_an_override_of_an_unknown_resource_is_refused(tmp_path: Path) -> None:
    """Chalice makes no DefaultRole in such a stage."""
    source = f"{FRAMEWORK}\n\n@app.route('/orders')\ndef orders():\n    return {{}}\n"
    project = without_generated_policies(tmp_path / "p", source)
    statement = {"Effect": "Allow", "Action": ["s3:GetObject"], "Resource": "arn:aws:s3:::pics/*"}
    document = {"Version": "2012-10-17", "Statement": [statement]}
    properties = {
        "PolicyName": "pictures",
        "Roles": [{"Ref": "DefaultRole"}],
        "PolicyDocument": document,
    }
    policy = {"Type": "AWS::IAM::Policy", "Properties": properties}
    (project / ".chalice" / "policy-dev.json").write_text(json.dumps(document))
    overrides = {"Resources": {"PicturesPolicy": policy}}
    (project / ".chalice" / "overrides.json").write_text(json.dumps(overrides))
    done = package(project)
    assert done.refused
    assert "DefaultRole" in done.err


PRICES = f"{PLAIN}\nimport prices\n{HANDLERS}"


@pytest.fixture(name="layered", scope="module")
def _layered(tmp_path_factory: pytest.TempPathFactory) -> Done:
    """The package of an app with a layer, and with a module next to app.py.

    The module is imported when a handler runs, so Chalice does not miss it.
    """
    late = PRICES.replace("import prices\n", "").replace("    pass", "    import prices")
    config = {**CONFIG, "automatic_layer": True}
    project = write_project(tmp_path_factory.mktemp("layered") / "p", late, config)
    (project / "prices.py").write_text("BOOK = 12\n")
    return package(project)


@pytest.mark.row("P4")
def test_an_automatic_layer_is_packaged(layered: Done) -> None:
    assert layered.status == 0


@pytest.mark.row("P5")
def test_the_local_gateway_names_a_module_next_to_app_py(tmp_path: Path) -> None:
    project = write_project(tmp_path / "p", PRICES)
    (project / "prices.py").write_text("BOOK = 12\n")
    with gateway(project, "--no-reload", *NO_DATABASE) as running:
        assert "prices" in "\n".join(running.lines)


@pytest.mark.row("P5")
def test_a_package_names_a_module_next_to_app_py(layered: Done) -> None:
    assert "prices" in layered.output


@pytest.mark.row("P5")
def test_a_package_that_lacks_a_module_is_refused_in_one_line(tmp_path: Path) -> None:
    project = write_project(tmp_path / "p", PRICES)
    (project / "prices.py").write_text("BOOK = 12\n")
    done = package(project)
    assert done.refused
    assert "app.py imports prices, which is not in the package" in done.err


HAND_MADE = {
    "Resources": {
        "Orders": {
            "Type": "AWS::DynamoDB::Table",
            "Properties": {
                "AttributeDefinitions": [{"AttributeName": "id", "AttributeType": "S"}],
                "KeySchema": [{"AttributeName": "id", "KeyType": "HASH"}],
                "BillingMode": "PAY_PER_REQUEST",
            },
        }
    }
}


@pytest.mark.row("P6")
@pytest.mark.parametrize(
    ("file", "content"),
    [
        ("resources.json", HAND_MADE),
        ("policy-dev-websocket_message.json", {"Version": "2012-10-17", "Statement": []}),
    ],
)
def test_a_file_that_decanter_did_not_write_is_kept(
    file: str, content: dict[str, Any], tmp_path: Path
) -> None:
    config = copy.deepcopy(CONFIG)
    del config["stages"]["prod"]
    config["stages"]["dev"]["lambda_functions"] = {
        "websocket_message": {"iam_policy_file": "policy-dev-websocket_message.json"}
    }
    project = framework_project(tmp_path / "p", FRAMEWORK, config)
    path = project / ".chalice" / file
    path.write_text(text := json.dumps(content, indent=4))
    done = run("template", "--project-dir", project)
    assert path.read_text() == text
    assert done.refused
    assert file in done.err


@pytest.mark.row("P6")
def test_a_file_that_decanter_wrote_is_written_again(tmp_path: Path) -> None:
    project = framework_project(tmp_path / "p", FRAMEWORK)
    assert run("template", "--project-dir", project).status == 0
    with (project / "app.py").open("a") as app:
        app.write('\n\n@router.route("ping")\ndef ping(request):\n    request.reply("pong")\n')
    assert run("template", "--project-dir", project).status == 0
    assert '"ping"' in (project / ".chalice" / "resources.json").read_text()


@pytest.mark.row("P7")
def test_a_new_project_names_no_folder_of_this_machine(tmp_path: Path) -> None:
    """Made outside of the checkout, whose egg-info hides the place of the installation."""
    command = [sys.executable, "-m", "decanter", "new", "hello"]
    subprocess.run(command, cwd=tmp_path, env=clean_environment(), check=True, capture_output=True)
    files = [file for file in (tmp_path / "hello").rglob("*") if file.is_file()]
    assert [file for file in files if re.search(r"file:/|^-e '?/", file.read_text(), re.M)] == []
    assert [file for file in files if str(ROOT) in file.read_text()] == []


@pytest.mark.row("P7")
def test_a_copy_in_vendor_names_no_folder_of_this_machine(tmp_path: Path) -> None:
    project = framework_project(tmp_path / "p", FRAMEWORK)
    assert run("vendor", "--project-dir", project).status == 0
    files = [file for file in (project / "vendor").rglob("*") if file.is_file()]
    assert len(files) > 1
    assert [file for file in files if str(ROOT).encode() in file.read_bytes()] == []


TOKENS = FRAMEWORK.replace("ConnectionModel", "IdentifiedModel").replace(
    "import IdentifiedModel, ", "import IdentifiedModel, WebTokens, "
) + ("\n\nrouter.authenticate(WebTokens())\n")


@pytest.mark.row("P8")
def test_missing_settings_of_a_stage_are_named(tmp_path: Path) -> None:
    """Stage dev has them; the first client of stage prod would get 500."""
    config = copy.deepcopy(CONFIG)
    config["stages"]["dev"]["environment_variables"] |= {
        "DECANTER_JWT_ISSUER": "https://login.example.com",
        "DECANTER_JWT_AUDIENCE": "pour",
        "DECANTER_JWT_SECRET": "thirty-two bytes, or more of them",
    }
    project = framework_project(tmp_path / "p", TOKENS, config)
    done = run("template", "--project-dir", project, "--stage", "prod", "--output", "-")
    assert "DECANTER_JWT_" in done.err
    assert "prod" in done.err
