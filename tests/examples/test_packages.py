"""Both ways to package each application: unpacked, and run with nothing else to import."""

import hashlib
import itertools
import json
import os
import shutil
import subprocess
import sys
import time
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any
from urllib.request import Request, urlopen

import jwt
import pytest
from websockets.sync.client import ClientConnection

from decanter.aws.package import CHALICE
from decanter.gateway.events import API_ID
from decanter.local.dynamodb.embedded import EmbeddedDynamoDB, create_tables
from decanter.new import create
from decanter.project.config import Project
from decanter.project.describe import describe
from decanter.project.template import TEMPLATE
from tests.support.bare import invoke
from tests.support.events import connect_event, disconnect_event, message_event
from tests.support.gateways import ROOT, SECONDS, Running, gateway
from tests.support.kept import describe_once
from tests.support.management import run_management
from tests.support.marks import THOROUGH
from tests.support.projects import clean_environment, decanter_here
from tests.support.wheels import index, requirements_of

APPLICATIONS = {
    "service": "repository",
    "echo": "repository/examples/echo",
    "chat": "repository/examples/chat",
    "broadcast": "repository/examples/broadcast",
    "auction": "repository/examples/auction",
    "hello": "hello",  # made by `decanter new`
}
SHOUT = '{"message": "sendmessage", "data": "hello"}'
MESSAGES = {
    "service": SHOUT,
    "chat": '{"id": 1, "connect": {"data": "alice"}}',
    "broadcast": SHOUT,
    "hello": '{"action": "say", "text": "hello"}',
}

# The gateway runs in this environment, the handlers in an interpreter without packages.
GATEWAY = """\
#!{python} -P
import sys
from types import SimpleNamespace

sys.argv[:3] = ["decanter"]  # instead of this file's name, `-m` and `decanter`
from decanter.cli import main
from decanter.local.dynamodb import embedded

embedded.sys = SimpleNamespace(**vars(sys))  # the embedded DynamoDB needs packages
sys.executable = "{bare}"

sys.exit(main())
"""
BARE = (sys.executable, "-I", "-S", "-B")

ROADS = ["decanter_package", "chalice_package"]
Pack = Callable[[str], Path]


@pytest.fixture(scope="module", autouse=True)
def _described_once() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        describe_once(patch)
        yield


@pytest.fixture(name="folder", scope="module")
def _folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The applications as users have them: a clone of the repository with its links."""
    folder = tmp_path_factory.mktemp("applications")
    clone = folder / "repository"
    ignored = shutil.ignore_patterns("__pycache__", "build", "deployments", ".*_cache")
    for name in (".chalice", "chalicelib", "decanter", "examples", "vendor"):
        shutil.copytree(ROOT / name, clone / name, symlinks=True, ignore=ignored)
    for name in ("app.py", "requirements.txt"):
        shutil.copy(ROOT / name, clone)
    create("hello", folder)
    (folder / "wheels").mkdir()
    for path in APPLICATIONS.values():  # most have the same requirements, so pip runs once for them
        (folder / path / "build").mkdir()
        (folder / path / "build" / "wheels").symlink_to(folder / "wheels")
    return folder


@pytest.fixture(name="pip", scope="module")
def _pip(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    lines = requirements_of(folder / path for path in APPLICATIONS.values())
    return index(tmp_path_factory.mktemp("index") / "wheels", *lines)


def _unpack(zipped: Path) -> Path:
    folder = zipped.parent / "unpacked"
    with zipfile.ZipFile(zipped) as archive:
        archive.extractall(folder)
    return folder


@pytest.fixture(name="decanter_package", scope="module")
def _decanter_package(folder: Path, pip: dict[str, str]) -> Pack:
    """Returns the unpacked package of `decanter package` for an application; made once."""

    @cache
    def pack(name: str) -> Path:
        done = decanter_here("package", "--project-dir", folder / APPLICATIONS[name], **pip)
        assert done.returncode == 0, done.stdout + done.stderr
        result = folder / APPLICATIONS[name] / "build" / "package" / "dev" / "result"
        return _unpack(result / "deployment.zip")

    return pack


@pytest.fixture(name="chalice_package", scope="module")
def _chalice_package(
    folder: Path, pip: dict[str, str], tmp_path_factory: pytest.TempPathFactory
) -> Pack:
    """Returns the unpacked package of `chalice package` for an application; made once."""

    @cache
    def pack(name: str) -> Path:
        project, out = folder / APPLICATIONS[name], tmp_path_factory.mktemp(name)
        template = ("--merge-template", str(TEMPLATE)) if (project / TEMPLATE).is_file() else ()
        done = subprocess.run(
            [sys.executable, "-P", "-c", CHALICE, "package", *template, str(out)],
            cwd=project,
            env=clean_environment() | pip | {"AWS_DEFAULT_REGION": "eu-west-1"},
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return _unpack(out / "deployment.zip")

    return pack


@pytest.fixture(name="dynamodb", scope="module")
def _dynamodb() -> Iterator[EmbeddedDynamoDB]:
    with EmbeddedDynamoDB() as dynamodb:
        yield dynamodb


@pytest.mark.parametrize(
    ("name", "road"),
    [
        ("hello", ROADS[0]),
        pytest.param("hello", ROADS[1], marks=THOROUGH),
        *(
            pytest.param(*each, marks=THOROUGH)
            for each in itertools.product(["service", "chat", "broadcast"], ROADS)
        ),
    ],
)
def test_its_handlers_run_without_other_packages(
    name: str, road: str, folder: Path, dynamodb: EmbeddedDynamoDB, request: pytest.FixtureRequest
) -> None:
    unpacked = request.getfixturevalue(road)(name)
    assert {path.name for path in (unpacked / "decanter").iterdir()} - {"__pycache__"} == {
        *("__init__.py", "runtime")
    }
    variables = tables(Project.load(folder / APPLICATIONS[name]), dynamodb)
    now: dict[str, Any] = {"connectedAt": int(time.time() * 1000)}
    connect = connect_event(**now) | {"queryStringParameters": {"nickname": "alice"}}
    events = (connect, message_event(MESSAGES[name], **now), disconnect_event(**now))
    with run_management() as management:
        answers = invoke(
            unpacked,
            *zip(("app.connect", "app.message", "app.disconnect"), events, strict=True),
            **variables
            | {
                "AWS_ACCESS_KEY_ID": "test",
                "AWS_SECRET_ACCESS_KEY": "test",
                "AWS_REGION": "us-east-1",
                "AWS_ENDPOINT_URL_DYNAMODB": dynamodb.endpoint,
                "DECANTER_MANAGEMENT_ENDPOINT": management.endpoint,
            },
        )
    assert [answer["statusCode"] for answer in answers] == [200] * 3
    assert management.received
    (sender,) = management.received
    assert sender == connect["requestContext"]["connectionId"]


def tables(project: Project, dynamodb: EmbeddedDynamoDB) -> dict[str, str]:
    """Create a project's tables; return the variables that name them."""
    template = project.template(api_id=API_ID)
    made = template.tables() if template else project.declared_tables(describe(project))
    create_tables(dynamodb.endpoint, made)
    function = "websocket_message"
    return project.environment(function) | (template.environment(function) if template else {})


def digests(zipped: Path) -> dict[str, str]:
    with zipfile.ZipFile(zipped) as archive:
        return {name: hashlib.sha256(archive.read(name)).hexdigest() for name in archive.namelist()}


def test_the_zip_depends_only_on_the_application(
    decanter_package: Pack, folder: Path, tmp_path: Path, pip: dict[str, str]
) -> None:
    """This holds even if requirements.txt names this distribution, which no index here has."""
    first = decanter_package("hello").parent / "deployment.zip"
    again = create("hello", tmp_path)
    lines = f"-e {ROOT}[local]\nchalice-decanter[local]==9.9  # as it is here\n-r more.txt\n"
    (again / "requirements.txt").write_text(lines)
    (again / "more.txt").write_text("Chalice_Decanter @ git+https://example.com/it@main\n")
    done = decanter_here("package", "--project-dir", again, **pip)
    assert done.returncode == 0, done.stdout + done.stderr
    second = again / "build" / "package" / "dev" / "result" / "deployment.zip"
    assert digests(first) == digests(second)
    assert first.read_bytes() == second.read_bytes()
    with zipfile.ZipFile(first) as archive:
        contents = {name: archive.read(name) for name in archive.namelist()}
    for path in (folder, ROOT, Path(sys.prefix)):
        assert [name for name, text in contents.items() if str(path).encode() in text] == []


def test_an_older_copy_in_the_clone_is_refused(folder: Path, pip: dict[str, str]) -> None:
    project = folder / "older"
    shutil.copytree(folder / "hello", project)
    with (project / "vendor" / "decanter" / "__init__.py").open("a") as source:
        source.write("# changed\n")
    done = decanter_here("package", "--project-dir", project, **pip)
    assert done.returncode == 2
    assert done.stderr.count("\n") == 1
    assert "`decanter vendor`" in done.stderr


@pytest.fixture(name="python", scope="module")
def _python(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A Python for `gateway` whose workers have no site-packages, not even pip."""
    folder = tmp_path_factory.mktemp("bare")
    bare, script = folder / "bare", folder / "gateway"
    bare.write_text(f'#!/bin/sh\nexec {" ".join(BARE)} "$@"\n')
    script.write_text(GATEWAY.format(python=sys.executable, bare=bare))
    for each in (bare, script):
        each.chmod(0o755)
    return str(script)


@contextmanager
def served(
    name: str,
    pack: Pack,
    folder: Path,
    python: str,
    dynamodb: EmbeddedDynamoDB | None = None,
    **variables: str,
) -> Iterator[Running]:
    """Serve the package of an example; without a DynamoDB, with the gateway's own."""
    project = folder / name
    shutil.copytree(pack(name), project)
    shutil.copytree(ROOT / "examples" / name / ".chalice", project / ".chalice")
    arguments = ["--no-reload"]
    if dynamodb:
        template = Project.load(project).template(api_id=API_ID)
        create_tables(dynamodb.endpoint, template.tables() if template else [])
        arguments += ["--dynamodb-endpoint", dynamodb.endpoint]
    environment = {"PYTHONPATH": "", "AWS_CONFIG_FILE": os.devnull} | variables
    with gateway(project, *arguments, python=python, environment=environment) as running:
        yield running


@THOROUGH
@pytest.mark.parametrize("road", ROADS)
def test_echo(
    road: str,
    tmp_path: Path,
    python: str,
    dynamodb: EmbeddedDynamoDB,
    request: pytest.FixtureRequest,
) -> None:
    with (
        served("echo", request.getfixturevalue(road), tmp_path, python, dynamodb) as running,
        running.connect() as alice,
    ):
        alice.send("hello")
        assert alice.recv(timeout=SECONDS) == "hello"


@THOROUGH
def test_broadcast(
    decanter_package: Pack, tmp_path: Path, python: str, dynamodb: EmbeddedDynamoDB
) -> None:
    with (
        served("broadcast", decanter_package, tmp_path, python, dynamodb) as running,
        running.connect() as alice,
    ):
        with running.connect() as bob:
            alice.send('{"message": "sendmessage", "data": "hello"}')
            assert [each.recv(timeout=SECONDS) for each in (alice, bob)] == ['"hello"'] * 2
        running.wait_for_line('"event": "disconnect".*"outcome": "ok"')
        alice.send('{"message": "sendmessage", "data": "alone"}')
        assert alice.recv(timeout=SECONDS) == '"alone"'
        running.wait_for_line('"broadcasts": .*"sent": 1, "gone": 0')


@THOROUGH
def test_chat(
    decanter_package: Pack, tmp_path: Path, python: str, dynamodb: EmbeddedDynamoDB
) -> None:
    with (
        served("chat", decanter_package, tmp_path, python, dynamodb) as running,
        running.connect() as alice,
    ):
        _greet(alice, "room:tea", data="alice")
        assert _push(alice, "join")["info"]["user"] == "alice"
        with running.connect() as bob:
            _greet(bob, "room:tea", data="bob")
            assert _push(alice, "join")["info"]["user"] == "bob"
            bob.send('{"id": 3, "publish": {"channel": "room:tea", "data": "milk?"}}')
            for each in (alice, bob):
                assert _push(each, "pub")["data"] == {"from": "bob", "text": "milk?"}
        assert _push(alice, "leave")["info"]["user"] == "bob"


def _greet(client: ClientConnection, channel: str, **hello: str) -> None:
    client.send(json.dumps({"id": 1, "connect": hello}))
    assert json.loads(client.recv(timeout=SECONDS))["connect"]["client"]
    client.send(json.dumps({"id": 2, "subscribe": {"channel": channel}}))
    assert "subscribe" in json.loads(client.recv(timeout=SECONDS))


def _push(client: ClientConnection, kind: str) -> Any:
    """Return the next push of a kind. Other frames may come first."""
    while True:
        for line in str(client.recv(timeout=SECONDS)).split("\n"):
            if kind in (push := json.loads(line).get("push", {})):
                return push[kind]


def http_event(path: str, body: Any = None, **parameters: str) -> dict[str, Any]:
    """Return the event of an HTTP route: a POST if there is a body."""
    method = "POST" if body else "GET"
    return {
        "httpMethod": method,
        "requestContext": {"resourcePath": path, "httpMethod": method, "path": path},
        "headers": {"content-type": "application/json"},
        "pathParameters": parameters,
        "multiValueQueryStringParameters": None,
        "stageVariables": None,
        "isBase64Encoded": False,
        "body": json.dumps(body),
    }


@THOROUGH
def test_auction(decanter_package: Pack, tmp_path: Path, python: str) -> None:
    """Its functions have the rights of their roles and no others."""
    secret = "thirty-two bytes, or more of them"
    claims = {"sub": "ann", "iss": "https://login.example.com", "aud": "auction"}
    token = jwt.encode(claims | {"exp": time.time() + 600}, secret, "HS256")
    with served(
        "auction", decanter_package, tmp_path, python, DECANTER_JWT_SECRET=secret
    ) as running:

        def call(function: str, event: Any = None) -> Any:
            """Run a function with an event, or an example of one, and return its result."""
            url = f"{running.origin}/_gateway/functions/{function}"
            headers = {"Content-Type": "application/json"}
            asked = Request(url, json.dumps(event).encode() if event else b"", headers)
            answer = json.load(urlopen(asked, timeout=SECONDS))
            assert "result" in answer, (answer, running.lines)
            return answer["result"]

        def http(path: str, **event: Any) -> Any:
            """Run the routes' function directly: the package does not have `chalice.local`."""
            answer = call("api_handler", http_event(path, **event))
            return json.loads(answer["body"])

        with running.connect() as ann:
            http("/auctions", body={"name": "clock", "seconds": 60})
            _greet(ann, "auction:clock", token=token)
            offer = {"auction": "clock", "amount": 5}
            ann.send(json.dumps({"id": 3, "rpc": {"method": "bid", "data": offer}}))
            assert _push(ann, "pub")["data"] == {"bid": 5, "by": "ann"}
            shown = http("/auctions/{name}", name="clock")
            assert shown == {"leader": "ann", "bids": [5]}
            assert http("/auctions", body={"name": "vase", "seconds": 0}) == {"announced": 1}
            assert _push(ann, "message")["data"] == {"opened": "vase"}
            ann.send('{"id": 4, "subscribe": {"channel": "auction:vase"}}')
            assert "subscribe" in json.loads(ann.recv(timeout=SECONDS))
            call("close")
            assert _push(ann, "pub")["data"] == {"sold": "vase", "to": None, "for": 0}
        running.wait_for_line('"event": "disconnect".*"outcome": "ok"')
        assert not any("has no right" in line for line in running.lines)
