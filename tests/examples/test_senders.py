"""The functions that send, from the packaged zip: clients of a gateway get a frame."""

import json
import zipfile
from pathlib import Path
from typing import Any
from urllib.request import urlopen

from decanter.project.config import Project
from decanter.project.describe import describe
from decanter.project.example_events import example_event
from decanter.project.stack import Stack, logical_id
from tests.support.bare import invoke
from tests.support.clients import receive
from tests.support.gateways import Running, gateway
from tests.support.marks import THOROUGH
from tests.support.projects import decanter_here
from tests.support.senders import KINDS, OF_CHALICE, senders
from tests.support.wheels import index, requirements_of

REGION = "eu-west-1"
NAMES = (*KINDS, "api_handler")
SENDS = {"dynamodb:DeleteItem", "dynamodb:Scan", "execute-api:ManageConnections"}


@THOROUGH
def test_each_function_of_the_zip_reaches_all(tmp_path: Path) -> None:
    folder = senders(tmp_path / "pour")
    (folder / "requirements.txt").write_text("pynamodb\n")
    pip = index(tmp_path / "index", *requirements_of([folder]))
    done = decanter_here("package", "--project-dir", folder, "--region", REGION, **pip)
    assert done.returncode == 0, done.stdout + done.stderr
    result = folder / "build" / "package" / "dev" / "result"
    with zipfile.ZipFile(result / "deployment.zip") as archive:
        archive.extractall(tmp_path / "unpacked")
    started = gateway(folder, environment={"AWS_DEFAULT_REGION": REGION})
    with started as running, running.connect_all(3) as three:
        answers = run_all(folder, tmp_path / "unpacked", running)
        *others, answer = answers
        assert others == [{"sent": 3}] * len(KINDS)
        assert (answer["statusCode"], answer["body"]) == (200, '{"sent":3}')
        for each in three:
            assert [receive(each) for _ in NAMES] == [*KINDS, "route"]
    resources = json.loads((result / "sam.json").read_text())["Resources"]
    for name in NAMES:
        role = resources[logical_id(name)]["Properties"]["Role"]["Fn::GetAtt"][0]
        (policy,) = resources[role]["Properties"]["Policies"]
        statements = policy["PolicyDocument"]["Statement"]
        granted = {action for each in statements for action in each["Action"]}
        granted = {action for action in granted if not action.startswith("logs:")}
        assert granted == SENDS | OF_CHALICE.get(name, set())


def run_all(folder: Path, unpacked: Path, running: Running) -> list[Any]:
    """Run each function with an example of its events, and nothing else to import."""
    project = Project.load(folder, "dev")
    functions = describe(project).lambdas
    stack = Stack(project.app_name, "dev", REGION)
    with urlopen(f"{running.origin}/_gateway/info") as answer:
        about = json.load(answer)
    return invoke(
        unpacked,
        *((functions[name].handler, example_event(functions[name], stack)) for name in NAMES),
        AWS_ACCESS_KEY_ID="test",
        AWS_SECRET_ACCESS_KEY="test",
        AWS_REGION=REGION,
        AWS_ENDPOINT_URL_DYNAMODB=about["dynamodb_url"],
        CONNECTIONS_TABLE=about["connection_table"]["name"],
        DECANTER_MANAGEMENT_ENDPOINT=running.management_url,
    )
