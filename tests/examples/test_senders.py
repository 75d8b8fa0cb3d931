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
from tests.support.clients import call, receive
from tests.support.gateways import Running, gateway
from tests.support.marks import THOROUGH
from tests.support.projects import decanter_here, write_project
from tests.support.queued import JOBS, WORKER, queued
from tests.support.senders import KINDS, OF_CHALICE, senders
from tests.support.wheels import index, requirements_of

REGION = "eu-west-1"
NAMES = (*KINDS, "api_handler")
SENDS = {"dynamodb:DeleteItem", "dynamodb:Scan", "execute-api:ManageConnections"}


@THOROUGH
def test_each_function_of_the_zip_reaches_all(tmp_path: Path) -> None:
    folder = senders(tmp_path / "pour")
    result = package(folder, tmp_path)
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


@THOROUGH
def test_the_functions_of_a_queue_in_the_zip_reach_all(tmp_path: Path) -> None:
    """The caller's message is posted by the gateway's function, the second one by the zip's."""
    source = queued(
        JOBS,
        WORKER,
        """

@app.lambda_function()
@uses(sends=True)
def durable(event, context):
    return bool(router.broadcast("durable", durable=True, context=context).queued)
""",
    )
    folder = write_project(tmp_path / "pour", source)
    package(folder, tmp_path)
    started = gateway(folder, environment={"AWS_DEFAULT_REGION": REGION})
    with started as running, running.connect_all(3) as three:
        about = json.loads(call(running, "GET", "/_gateway/info")[2])
        (jobs,) = (each for each in about["tables"] if "Job" in each)
        body = '{"method":"everyone","payload":{"data":1.0}}'
        record = {"eventSource": "aws:sqs", "messageId": "m", "body": body, "attributes": {}}
        answers = invoke(
            tmp_path / "unpacked",
            ("app.durable", {}),
            ("app.fan_out", {"Records": [record]}),
            **environment(running, about),
            AWS_ENDPOINT_URL_SQS=about["sqs_url"],
            JOBS_TABLE=jobs,
            DECANTER_QUEUE_URL=about["queue_url"],
            DECANTER_DEAD_LETTER_QUEUE_URL=f"{about['queue_url']}-dead",
        )
        assert (answers[0], answers[1]["posted"]) == (True, 3)
        assert [{receive(each) for _ in range(2)} for each in three] == [{"durable", "1.0"}] * 3


def package(folder: Path, tmp_path: Path) -> Path:
    """Package a project, and unpack its zip. Return the folder of the results."""
    (folder / "requirements.txt").write_text("pynamodb\n")
    pip = index(tmp_path / "index", *requirements_of([folder]))
    done = decanter_here("package", "--project-dir", folder, "--region", REGION, **pip)
    assert done.returncode == 0, done.stdout + done.stderr
    result = folder / "build" / "package" / "dev" / "result"
    with zipfile.ZipFile(result / "deployment.zip") as archive:
        archive.extractall(tmp_path / "unpacked")
    return result


def environment(running: Running, about: dict[str, Any]) -> dict[str, str]:
    """Return the variables of a function whose services are those of the gateway."""
    return {
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
        "AWS_REGION": REGION,
        "AWS_ENDPOINT_URL_DYNAMODB": about["dynamodb_url"],
        "CONNECTIONS_TABLE": about["connection_table"]["name"],
        "DECANTER_MANAGEMENT_ENDPOINT": running.management_url,
    }


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
        **environment(running, about),
    )
