"""An app's calls to AWS: each form of client, with and without the user's own keys.

The rules apply to a whole process, so the calls are made in processes of their own.
"""

import json
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

import pytest

from decanter.local.functions import outgoing
from tests.support.projects import ROOT, clean_environment

HERE = {
    "AWS_ENDPOINT_URL_APIGATEWAYMANAGEMENTAPI": "http://127.0.0.1:1/api",
    "AWS_ENDPOINT_URL_DYNAMODB": "http://127.0.0.1:2",
    "AWS_REGION": "us-east-1",
    "AWS_DEFAULT_REGION": "us-east-1",
}
OF_WORK = {
    "AWS_ENDPOINT_URL_APIGATEWAYMANAGEMENTAPI": "http://127.0.0.1:1/_roles/work/api",
    "AWS_ENDPOINT_URL_DYNAMODB": "http://127.0.0.1:2/_roles/work",
}
DUMMIES = {"AWS_ACCESS_KEY_ID": "local", "AWS_SECRET_ACCESS_KEY": "local"}

SCRIPT = """
import contextlib, io, json, re, sys, urllib.request
from http.client import HTTPConnection
from importlib.util import module_from_spec, spec_from_file_location
import boto3, botocore.session
from botocore import UNSIGNED
from botocore.awsrequest import AWSResponse
from botocore.config import Config
from botocore.exceptions import BotoCoreError
from botocore.httpsession import ProxyConfiguration, URLLib3Session
from pynamodb.attributes import UnicodeAttribute
from pynamodb.models import Model

sent, looked_up, proxied = [], [], []

def record(event, arguments):
    if event == "socket.getaddrinfo":
        looked_up.append(arguments[0])

def send(session, request):
    signed = request.headers.get("Authorization", b"")
    signed = signed.decode() if isinstance(signed, bytes) else signed
    key = re.search("Credential=([^/]+)", signed)
    sent.append([request.url, key and key[1]])
    body = io.BytesIO(b'{"Item": {}, "QueueUrls": []}')
    body.stream = lambda: iter([body.read()])
    proxied.append(session._proxy_config.proxy_url_for(request.url))
    return AWSResponse(request.url, 200, {"content-type": "application/x-amz-json-1.0"}, body)

def load(path):
    spec = spec_from_file_location("loaded_" + path.rpartition("/")[2][:-3], path)
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    return module

URLLib3Session.send = send
sys.addaudithook(record)
hosts, outgoing, has_keys, *names = sys.argv[1:]
load(outgoing).Outgoing(load(hosts), has_keys=has_keys == "True").keep_here()
REGIONAL = "https://dynamodb.eu-west-1.amazonaws.com"

def get(url=None, **options):
    client = boto3.client("dynamodb", endpoint_url=url, **options)
    client.get_item(TableName="t", Key={"k": {"S": "a"}})

def posted(url):
    client = boto3.client("apigatewaymanagementapi", endpoint_url=url)
    client.post_to_connection(ConnectionId="c", Data=b"")

def through_pynamodb():
    class Thing(Model):
        class Meta:
            table_name = "t"
            host = REGIONAL
        key = UnicodeAttribute(hash_key=True)
    with contextlib.suppress(Exception):  # the answer has no such item
        Thing.get("a")

def through_botocore():
    client = botocore.session.Session().create_client("dynamodb", endpoint_url=REGIONAL)
    client.list_tables()

def in_the_framework():
    names = {"__name__": "decanter.runtime.transports.fast", "session": botocore.session.Session()}
    exec("print(session.get_credentials().get_frozen_credentials()[0])", names)

def raw(url):
    urllib.request.urlopen(url, timeout=1)

def raw_connections():
    connection = HTTPConnection("127.0.0.1", 9)
    connection.sock = io.BytesIO()  # as if a proxy were connected
    connection.request("POST", "http://x.execute-api.us-east-1.amazonaws.com/v1/%40connections/c")

def three_times():
    for _ in range(3):
        with contextlib.suppress(BotoCoreError):
            boto3.client("sqs").list_queues()

CALLS = {
    "plain": get,
    "embedded": lambda: get("http://localhost:2"),
    "region": lambda: get(region_name="ap-southeast-2"),
    "explicit": lambda: get(REGIONAL),
    "insecure": lambda: get(REGIONAL.replace("https", "http")),
    "china": lambda: get("https://dynamodb.cn-north-1.amazonaws.com.cn"),
    "account": lambda: get("https://123456789012.ddb.us-east-1.amazonaws.com"),
    "another host": lambda: get("http://db.test:8000"),
    "unsigned": lambda: get(REGIONAL, config=Config(signature_version=UNSIGNED)),
    "proxy": lambda: get(REGIONAL, config=Config(proxies={"https": "http://proxy.test:1"})),
    "a local one": lambda: get("http://localhost:8000"),
    "resource": lambda: boto3.resource("dynamodb", endpoint_url=REGIONAL).Table("t").scan(),
    "botocore": through_botocore,
    "pynamodb": through_pynamodb,
    "streams": lambda: boto3.client("dynamodbstreams").list_streams(),
    "post": lambda: posted("https://x.execute-api.eu-west-1.amazonaws.com/v1"),
    "queues": lambda: boto3.client("sqs").list_queues(),
    "secret": lambda: boto3.client("secretsmanager").get_secret_value(SecretId="s"),
    "identity": lambda: boto3.client("sts", region_name="eu-west-1").get_caller_identity(),
    "localstack": lambda: boto3.client("sqs", endpoint_url="http://localstack.test").list_queues(),
    "presigned": lambda: boto3.client("s3").generate_presigned_url(
        "get_object", Params={"Bucket": "b", "Key": "k"}
    ),
    "metadata": lambda: botocore.utils.InstanceMetadataFetcher().retrieve_iam_role_credentials(),
    "framework": in_the_framework,
    "raw": lambda: raw(REGIONAL),
    "raw streams": lambda: raw("https://streams.dynamodb.us-east-1.amazonaws.com"),
    "raw connections": raw_connections,
    "three times": three_times,
}
results = {}
for name in names or CALLS:
    sent.clear(), looked_up.clear(), proxied.clear()
    with contextlib.redirect_stdout(io.StringIO()) as printed:
        try:
            error = CALLS[name]() and None
        except Exception as caught:
            error = f"{[each.__name__ for each in type(caught).__mro__][1]}: {caught}"
    results[name] = [error, [*sent], [*looked_up], [*proxied], printed.getvalue()]
print(json.dumps(results))
"""


class Result(NamedTuple):
    """The outcome of one call.

    Attributes:
        error: the base class and the text of the exception.
        sent: the URL and the key of each request that would have been sent.
        looked_up: the hosts that were looked up.
        proxied: the proxy of each request.
        printed: the output.
    """

    error: str | None
    sent: list[list[str | None]]
    looked_up: list[str]
    proxied: list[str | None]
    printed: str


def results(*names: str, has_keys: bool, environment: Mapping[str, str]) -> dict[str, Result]:
    """Make the calls in a process."""
    hosts = ROOT / "decanter" / "aws_hosts.py"
    arguments = ["-c", SCRIPT, str(hosts), outgoing.__file__, str(has_keys), *names]
    done = subprocess.run(
        [sys.executable, *arguments],
        env={**clean_environment(), **HERE, **environment},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return {name: Result(*result) for name, result in json.loads(done.stdout).items()}


@pytest.fixture(name="without", scope="module")
def _without() -> dict[str, Result]:
    return results(has_keys=False, environment=DUMMIES)


@pytest.fixture(name="with_profile", scope="module")
def _with_profile(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Result]:
    """The profile's own keys cannot be read: a call that needs them fails."""
    path: Path = tmp_path_factory.mktemp("aws") / "config"
    path.write_text("[profile mine]\ncredential_process = /bin/echo {}\n")
    environment = {"AWS_PROFILE": "mine", "AWS_CONFIG_FILE": str(path)}
    names = ("plain", "explicit", "resource", "pynamodb", "post", "queues", "framework")
    with pytest.MonkeyPatch.context() as patch:
        for name in DUMMIES:
            patch.delenv(name, raising=False)
        return results(*names, has_keys=True, environment=environment)


@pytest.fixture(name="of_work", scope="module")
def _of_work() -> dict[str, Result]:
    """The calls of a function with endpoints of its own."""
    return results(*DYNAMODB, *HERE_TOO, has_keys=False, environment=DUMMIES | OF_WORK)


HERE_TOO = ("embedded", "a local one", "post")
DYNAMODB = [
    *("plain", "region", "explicit", "insecure", "china", "account", "another host"),
    *("unsigned", "proxy", "resource", "botocore", "pynamodb", "streams"),
]


@pytest.mark.parametrize("name", DYNAMODB)
def test_each_call_to_dynamodb_goes_to_this_machine(name: str, without: dict[str, Result]) -> None:
    found = without[name]
    assert {(str(url).rstrip("/"), key) for url, key in found.sent} == {
        ("http://127.0.0.1:2", None if name == "unsigned" else "local")
    }
    assert (found.looked_up, {*found.proxied}) == ([], {None})


@pytest.mark.parametrize("name", [*DYNAMODB, "embedded"])
def test_each_call_to_dynamodb_names_the_function(name: str, of_work: dict[str, Result]) -> None:
    urls = {str(url).rstrip("/") for url, _ in of_work[name].sent}
    assert urls == {"http://127.0.0.1:2/_roles/work"}


def test_other_calls_name_the_function_where_it_is_known(of_work: dict[str, Result]) -> None:
    assert of_work["a local one"].sent == [["http://localhost:8000/", "local"]]
    post = "http://127.0.0.1:1/_roles/work/v1/@connections/c"
    assert of_work["post"].sent == [[post, "local"]]


def test_another_dynamodb_of_this_machine_keeps_its_calls(without: dict[str, Result]) -> None:
    assert without["a local one"].sent == [["http://localhost:8000/", "local"]]


def test_a_post_to_a_named_api_goes_to_this_machine(without: dict[str, Result]) -> None:
    assert without["post"].sent == [["http://127.0.0.1:1/v1/@connections/c", "local"]]


@pytest.mark.parametrize(
    ("name", "call"),
    [
        ("queues", "sqs ListQueues to sqs.us-east-1.amazonaws.com"),
        ("secret", "secrets-manager GetSecretValue to secretsmanager.us-east-1.amazonaws.com"),
        ("identity", "sts GetCallerIdentity to sts.eu-west-1.amazonaws.com"),
    ],
)
def test_without_keys_other_services_are_blocked_in_one_line(
    name: str, call: str, without: dict[str, Result]
) -> None:
    found = without[name]
    line = f"{call} is blocked: there are no keys for AWS: start decanter local with AWS_PROFILE, "
    assert (found.sent, found.looked_up) == ([], [])
    assert found.printed.startswith(line)
    assert found.printed.count("\n") == 1
    assert found.error == f"BotoCoreError: {found.printed.rstrip()}"


def test_a_line_is_printed_once_even_if_the_app_handles_the_error(
    without: dict[str, Result],
) -> None:
    assert without["three times"].printed == ""  # "queues" has printed it
    alone = results("three times", has_keys=False, environment=DUMMIES)["three times"]
    assert (alone.error, alone.printed.count("\n")) == (None, 1)


def test_without_keys_calls_that_need_none_of_aws_work(without: dict[str, Result]) -> None:
    assert without["localstack"].sent == [["http://localstack.test/", "local"]]
    assert without["presigned"].error is None
    assert (without["metadata"].sent, without["metadata"].printed) == ([], "")


@pytest.mark.parametrize("name", ["raw", "raw streams", "raw connections"])
def test_other_clients_do_not_reach_dynamodb_and_connections(
    name: str, without: dict[str, Result]
) -> None:
    found = without[name]
    assert " is blocked: " in str(found.error)
    assert " stays on this machine: use boto3" in found.printed


def test_with_keys_they_are_used_for_all_services() -> None:
    proxy = dict.fromkeys(("HTTPS_PROXY", "https_proxy"), "http://proxy.test:3128")
    keys = {"AWS_ACCESS_KEY_ID": "MINE", "AWS_SECRET_ACCESS_KEY": "x", "NO_PROXY": ""}
    environment = {**keys, **proxy, "no_proxy": ""}
    found = results("queues", "explicit", has_keys=True, environment=environment)
    assert found["queues"].sent == [["https://sqs.us-east-1.amazonaws.com/", "MINE"]]
    assert found["queues"].proxied == ["http://proxy.test:3128"]
    assert found["explicit"].sent == [["http://127.0.0.1:2/", "MINE"]]


@pytest.mark.parametrize("name", ["plain", "explicit", "resource", "pynamodb", "post"])
def test_calls_to_this_machine_do_not_need_a_profiles_keys(
    name: str, with_profile: dict[str, Result]
) -> None:
    assert {key for _, key in with_profile[name].sent} == {"local"}


def test_the_frameworks_posts_do_not_need_a_profiles_keys(with_profile: dict[str, Result]) -> None:
    assert with_profile["framework"].printed == "local\n"


def test_a_profiles_keys_are_used_for_other_services(with_profile: dict[str, Result]) -> None:
    assert "Error when retrieving credentials from custom-process" in str(
        with_profile["queues"].error
    )
