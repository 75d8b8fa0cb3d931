"""No call to AWS leaves the machine: pytest runs in a project, and a hook records its sockets."""

import os
import socket
import subprocess
import sys
import threading
import urllib.request
from collections.abc import Iterator
from http.client import HTTPConnection
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from decanter.testing.block import BLOCK, Block, check_event
from decanter.testing.errors import CallRefused
from tests.decanter.testing.watched import Watched

CALLS = """
import asyncio
import http.client
import io
import socket
import urllib.request
from concurrent.futures import ThreadPoolExecutor

import app
import boto3
import pytest
import requests
from botocore.awsrequest import AWSRequest
from botocore.httpsession import URLLib3Session
from botocore.session import Session
from botocore.utils import ContainerMetadataFetcher

from decanter.runtime.settings import Settings
from decanter.runtime.transports import open_transport
from decanter.testing import CallRefused, ConnectRefused

BUCKET = {"Bucket": "b", "Key": "k"}


def transport(name, url="https://a1b2c3.execute-api.eu-central-1.amazonaws.com/api"):
    settings = Settings.from_env({"DECANTER_TRANSPORT": name, "AWS_REGION": "eu-central-1"})
    return open_transport(url, settings)


def in_a_thread(call):
    with ThreadPoolExecutor() as pool:
        pool.submit(call).result()


def over_http(host):
    connection = http.client.HTTPSConnection(host)
    connection.request("GET", "/")


def send_to(address, family=socket.AF_INET):
    with socket.socket(family, socket.SOCK_DGRAM) as udp:
        udp.sendto(b"", address)


def connect_to(address):
    with socket.socket() as tcp:
        tcp.connect(address)


CALLS = {
    "S3 ListBuckets": lambda: boto3.client("s3").list_buckets(),
    "S3 PutObject": lambda: boto3.resource("s3").Bucket("b").put_object(Key="k", Body=b"x"),
    "S3 PutObject in threads": lambda: boto3.client("s3").upload_fileobj(io.BytesIO(), "b", "k"),
    "S3 HeadObject": lambda: boto3.client("s3").get_waiter("object_exists").wait(**BUCKET),
    "SQS SendMessage": lambda: boto3.client("sqs").send_message(QueueUrl="q", MessageBody="m"),
    "STS GetCallerIdentity": lambda: boto3.client("sts").get_caller_identity(),
    "SSM GetParameter": lambda: boto3.client("ssm").get_parameter(Name="p"),
    "EventBridge PutEvents": lambda: in_a_thread(
        lambda: boto3.client("events").put_events(Entries=[{}])
    ),
    "Lambda Invoke": lambda: Session().create_client("lambda").invoke(FunctionName="f"),
    "S3 GetObject": lambda: app.EARLY.get_object(**BUCKET),
    "S3 GetObject elsewhere": lambda: boto3.client(
        "s3", endpoint_url="https://minio.example.org"
    ).get_object(**BUCKET),
    "A call": lambda: URLLib3Session().send(
        AWSRequest("GET", "https://sqs.eu-central-1.amazonaws.com/").prepare()
    ),
    "A call for credentials": lambda: ContainerMetadataFetcher().retrieve_uri("/role"),
    "A connection presigned": lambda: urllib.request.urlopen(
        boto3.client("s3").generate_presigned_url("get_object", Params=BUCKET)
    ),
    "A connection of urllib": lambda: urllib.request.urlopen("http://SQS.amazonaws.com./"),
    "A connection of requests": lambda: requests.get("https://sqs.eu-central-1.api.aws"),
    "A connection of http.client": lambda: over_http("xyz.lambda-url.us-east-1.on.aws"),
    "A connection of asyncio": lambda: asyncio.run(asyncio.open_connection("s3.amazonaws.eu", 443)),
    "A connection of socket": lambda: socket.create_connection(
        ("sts.cn-north-1.amazonaws.com.cn", 443)
    ),
    "A connection to wide letters": lambda: over_http("\uff53\uff13\u3002amazonaws.com"),
    "A connection to the metadata": lambda: connect_to(("169.254.169.254", 80)),
    "A connection to their number": lambda: connect_to(("2852039166", 80)),
    "A connection over IPv6": lambda: send_to(("::ffff:169.254.170.2", 80), socket.AF_INET6),
    "A connection without TCP": lambda: send_to(("169.254.169.254", 80)),
    "A connection of the fast transport": lambda: transport("fast").call("POST", "c", b"m", 9e9),
}


@pytest.mark.parametrize("name", CALLS)
def test_a_call_is_refused_while_a_client_is_open(websocket_client, name):
    refused(name)


@pytest.mark.parametrize("name", ["S3 GetObject", "SQS SendMessage", "A connection of urllib"])
def test_a_call_is_refused_without_a_client(name):
    refused(name)


def refused(name):
    with pytest.raises(CallRefused) as caught:
        CALLS[name]()
    assert str(caught.value).startswith(" ".join(name.split()[:2]))
    assert " is refused: a test's calls to AWS stay on this machine. " in str(caught.value)
    assert "with decanter.testing.aws_allowed('" in str(caught.value)


@pytest.mark.parametrize(
    ("host", "gives"),
    [
        *(("169.254.169.254", True), ("2852039166", True), ("::ffff:169.254.170.2", True)),
        *(("[fd00:ec2::254]", True), ("10.0.0.7", False), ("::1", False)),
    ],
)
def test_only_an_address_for_credentials_has_their_remedy(host, gives):
    assert ("Set AWS_ACCESS_KEY_ID" in str(CallRefused("A connection", host))) is gives


def test_a_handlers_error_names_its_table(websocket_client):
    with pytest.raises(ConnectRefused, match="PutItem operation: .* no table 'games' in this test"):
        websocket_client.connect()


def test_without_a_client_the_error_says_to_open_one():
    with pytest.raises(CallRefused, match="^DynamoDB PutItem to .* Open a WebSocketClient: it has"):
        app.GAMES.put_item(Item={"id": "a"})
    management = boto3.client("apigatewaymanagementapi", endpoint_url="https://ws.example.org")
    with pytest.raises(CallRefused, match="^ApiGatewayManagementApi DeleteConnection to ws.ex"):
        management.delete_connection(ConnectionId="c")
    with pytest.raises(CallRefused, match="ApiGatewayManagementApi PostToConnection .* boto3"):
        transport("botocore").call("POST", "c", b"m", 9e9)


def test_without_instance_metadata_there_are_no_credentials(monkeypatch):
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "false")
    assert Session().get_credentials() is None
"""

WAYS_OUT = """
import urllib.request

import boto3
import pytest
from botocore.exceptions import EndpointConnectionError

from decanter.testing import CallRefused, aws_allowed


def list_buckets(endpoint=None, proxies=None):
    config = boto3.session.Config(retries={"total_max_attempts": 1}, proxies=proxies)
    with pytest.raises(EndpointConnectionError):
        boto3.client("s3", endpoint_url=endpoint, config=config).list_buckets()


def test_the_ini_options_hosts_are_allowed(websocket_client_or_none):
    list_buckets("http://localstack:4566")
    list_buckets("http://eu.S3.test")
    with pytest.raises(CallRefused):
        list_buckets("http://eu.s4.test")


def test_a_context_allows_only_its_hosts():
    with aws_allowed("*.s3.amazonaws.com", "s3.amazonaws.com"):
        list_buckets()
        with pytest.raises(CallRefused):
            boto3.client("sqs").list_queues()
        with pytest.raises(CallRefused):
            urllib.request.urlopen("https://sqs.eu-central-1.amazonaws.com")
    with pytest.raises(CallRefused):
        list_buckets()


def test_a_context_allows_all():
    with aws_allowed(), pytest.raises(OSError, match="was stopped"):
        urllib.request.urlopen("https://sts.amazonaws.com")


@pytest.fixture(params=[True, False])
def websocket_client_or_none(request):
    if request.param:
        return request.getfixturevalue("websocket_client")


def test_calls_to_this_machine_use_no_proxy():
    list_buckets("http://127.0.0.1:9", {"http": "http://proxy.example.org:3128"})
"""

ALONE = """
import app
import pytest
from botocore.exceptions import EndpointConnectionError
from decanter.testing import CallRefused, WebSocketClient


def test_a_call_is_sent(monkeypatch):
    monkeypatch.setenv("AWS_MAX_ATTEMPTS", "1")
    with pytest.raises(EndpointConnectionError):
        app.boto3.client("s3").list_buckets()


def test_not_while_a_client_is_open():
    with WebSocketClient(app.app), pytest.raises(CallRefused):
        app.EARLY.list_buckets()
"""

OLDER = """
import app
import boto3
import conftest
from botocore.exceptions import ClientError, EndpointConnectionError

proxies = boto3.session.Config(proxies=dict.fromkeys(["http", "https"], "http://proxy.test:3128"))
management = boto3.client(
    "apigatewaymanagementapi", config=proxies, endpoint_url="https://ws.example.org/api"
)

from decanter.testing import CallRefused, WebSocketClient

with WebSocketClient(app.app, project_dir=".") as client:
    try:
        app.EARLY.list_buckets()
    except CallRefused as refusal:
        print("refused")
    try:
        app.GAMES.put_item(Item={"id": "a"})
    except ClientError as error:
        print("answered" if "no table 'games'" in str(error) else error)
    try:
        management.get_connection(ConnectionId="JnOe4cHUIAMCJzQ=")
    except management.exceptions.GoneException:
        print("answered")
try:
    app.EARLY.list_buckets()
except EndpointConnectionError:
    print("off")
"""


def test_each_kind_of_call_is_refused_with_one_error(tmp_path: Path) -> None:
    """A client may be open or not; the block starts before conftest.py imports the app."""
    watched = Watched(tmp_path)
    done = watched.run(CALLS)
    assert done.returncode == 0, done.stdout + done.stderr
    assert watched.left == []


def test_a_call_while_the_app_is_imported_is_refused(tmp_path: Path) -> None:
    watched = Watched(tmp_path)
    watched.write("app.py", "import boto3\nboto3.client('ssm').get_parameter(Name='p')")
    done = watched.run("")
    assert "CallRefused: SSM GetParameter to ssm.us-east-1.amazonaws.com" in (
        done.stdout + done.stderr
    )
    assert watched.left == []


def test_hosts_are_allowed_by_name_and_for_a_limited_time(tmp_path: Path) -> None:
    watched = Watched(tmp_path)
    watched.write("pytest.ini", "[pytest]\ndecanter_allowed_hosts = localstack *.s3.test\n")
    done = watched.run(WAYS_OUT)
    assert done.returncode == 0, done.stdout + done.stderr
    assert watched.left == [
        *["localstack", "eu.s3.test"] * 2,
        "s3.amazonaws.com",
        "sts.amazonaws.com",
    ]


def test_a_project_without_chalice_is_not_blocked(tmp_path: Path) -> None:
    watched = Watched(tmp_path, configured=False)
    done = watched.run(ALONE)
    assert done.returncode == 0, done.stdout + done.stderr
    assert watched.left == ["s3.eu-central-1.amazonaws.com"]


def test_clients_older_than_the_test_client_and_explicit_proxies(tmp_path: Path) -> None:
    """The code is a script, as with unittest. After the test client closes, calls are as before."""
    watched = Watched(tmp_path)
    done = watched.script(OLDER)
    assert done.stdout.split() == ["refused", "answered", "answered", "off"], done.stderr
    assert set(watched.left) == {"s3.eu-central-1.amazonaws.com"}


AT_EXIT = """
import sys
from decanter.testing import block

block.watch_sockets()
block.__dict__.update(dict.fromkeys(block.__dict__))
sys.audit("open", "a file")
"""


def test_the_end_of_the_process_prints_nothing() -> None:
    """Python then sets the names of modules to None, and still opens files."""
    done = subprocess.run([sys.executable, "-c", AT_EXIT], capture_output=True, check=True)
    assert done.stderr == b""


@pytest.fixture(name="block")
def _block() -> Block:
    return Block()


def connect(host: str, block: Block) -> None:
    check_event("socket.connect", (None, (host, 443)), block)


def test_the_block_is_on_until_the_last_user_ends(block: Block) -> None:
    connect("s3.amazonaws.com", block)
    first, second = block.on(), block.on()
    first.__enter__()
    second.__enter__()
    first.__exit__(None, None, None)
    with pytest.raises(CallRefused):
        connect("s3.amazonaws.com", block)
    second.__exit__(None, None, None)
    connect("s3.amazonaws.com", block)


def test_an_allowed_host_stays_allowed_in_a_later_block(block: Block) -> None:
    with block.allow("*.test"), block.on():
        assert block.allows("A.Test.")
        assert not block.allows("a.test.org")
        with block.allow("*"):
            assert block.allows("a.test.org")
        assert not block.allows("a.test.org")


def test_an_empty_list_allows_no_host(block: Block) -> None:
    with block.on(), block.allow():
        assert not block.allows("s3.amazonaws.com")


def test_the_block_applies_to_older_threads(block: Block) -> None:
    is_on, checked = threading.Event(), threading.Event()
    refused: list[CallRefused] = []

    def call() -> None:
        assert is_on.wait(10)
        try:
            connect("s3.amazonaws.com", block)
        except CallRefused as refusal:
            refused.append(refusal)
        checked.set()

    thread = threading.Thread(target=call)
    thread.start()
    with block.on():
        is_on.set()
        assert checked.wait(10)
    thread.join()
    assert [refusal.host for refusal in refused] == ["s3.amazonaws.com"]


@pytest.mark.parametrize("before", [None, "intranet", "*"])
def test_proxies_do_not_hide_names_while_it_is_on(
    block: Block, before: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HTTPS_PROXY", "http://proxy.test:3128")
    for name in ("no_proxy", "NO_PROXY"):
        monkeypatch.delenv(name, raising=False)
    if before is not None:
        monkeypatch.setenv("NO_PROXY", before)
    environment = dict(os.environ)
    with block.on():
        for host in ("127.0.0.1", "localhost", "sqs.eu-central-1.amazonaws.com"):
            assert urllib.request.proxy_bypass(host)
        assert bool(urllib.request.proxy_bypass("example.org")) == (before == "*")
        with block.allow("*"):
            assert dict(os.environ) == environment
    assert dict(os.environ) == environment


@pytest.mark.parametrize(
    ("event", "arguments"),
    [
        ("socket.getaddrinfo", (b"S3.AMAZONAWS.COM", 443, 0, 0, 0)),
        ("socket.getaddrinfo", (bytearray(b"s3.amazonaws.com."), 443, 0, 0, 0)),
        ("socket.gethostbyname", ("s3.amazonaws.com",)),
        ("socket.connect", (None, ("s3.amazonaws.com", 443))),
        ("socket.sendto", (None, ("0xA9FEA9FE", 80))),
        ("socket.sendmsg", (None, ("fd00:ec2::254", 80, 0, 0))),
        ("http.client.send", (HTTPConnection("s3.amazonaws.com"), b"GET / HTTP/1.1\r\n")),
        ("http.client.send", (HTTPConnection("proxy"), b"GET http://a:b@s3.amazonaws.com/ H")),
        ("http.client.send", (HTTPConnection("proxy"), b"PUT http://sqs.us-east-1.api.aws:80/ H")),
    ],
)
def test_every_event_that_reaches_aws_is_refused(
    block: Block, event: str, arguments: tuple[Any, ...]
) -> None:
    check_event(event, arguments, block)
    with block.on(), pytest.raises(CallRefused):
        check_event(event, arguments, block)


@pytest.mark.parametrize(
    ("event", "arguments"),
    [
        ("open", ("s3.amazonaws.com", "r", 0)),
        ("socket.getaddrinfo", (None, 443, 0, 0, 0)),
        ("socket.getaddrinfo", ("amazonaws.com.example.org", 443, 0, 0, 0)),
        ("socket.getaddrinfo", ("notamazonaws.com", 443, 0, 0, 0)),
        ("socket.connect", (None, "/run/s3.amazonaws.com")),
        ("socket.connect", (None, ("127.0.0.1", 443))),
        ("socket.connect", (None, (0, 0))),
        ("socket.sendmsg", (None, None)),
        ("http.client.send", (HTTPConnection("postgres"), b"GET /http://s3.amazonaws.com HTTP")),
        ("http.client.send", (HTTPConnection("postgres"), iter([b"GET http://s3.amazonaws.com"]))),
    ],
)
def test_every_other_event_is_allowed(block: Block, event: str, arguments: tuple[Any, ...]) -> None:
    with block.on():
        check_event(event, arguments, block)


class Recorder(ThreadingHTTPServer):
    """An HTTP server that redirects to AWS and records its requests."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Redirect)
        self.requests: list[str] = []


class Redirect(BaseHTTPRequestHandler):
    server: Recorder

    def do_GET(self) -> None:
        self.server.requests.append(self.requestline)
        self.send_response(302)
        self.send_header("Location", "https://bucket.s3.amazonaws.com/key")
        self.end_headers()

    def do_CONNECT(self) -> None:
        self.do_GET()

    def log_message(self, *args: Any) -> None:
        pass


@pytest.fixture(name="server")
def _server() -> Iterator[Recorder]:
    with Recorder() as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield server
        server.shutdown()
        thread.join()


def test_a_redirect_to_aws_is_not_followed(server: Recorder) -> None:
    with BLOCK.on(), pytest.raises(CallRefused, match=r"^A connection to bucket\.s3\."):
        urllib.request.urlopen(f"http://127.0.0.1:{server.server_port}/key")
    assert server.requests == ["GET /key HTTP/1.1"]


@pytest.mark.parametrize("scheme", ["http", "https"])
def test_a_call_to_aws_through_a_local_proxy_is_refused(server: Recorder, scheme: str) -> None:
    proxy = {scheme: f"http://127.0.0.1:{server.server_port}"}
    opener = urllib.request.build_opener(urllib.request.ProxyHandler(proxy))
    with BLOCK.on(), pytest.MonkeyPatch.context() as patch:
        patch.delenv("no_proxy")
        patch.delenv("NO_PROXY")
        with pytest.raises(CallRefused, match=r"^A connection to sqs\.us-east-1\.amazonaws\.com"):
            opener.open(f"{scheme}://sqs.us-east-1.amazonaws.com/")
    assert server.requests == []


def test_a_request_on_an_older_connection_is_refused() -> None:
    """An example is a socket in urllib3's pool after an integration test."""
    ours, theirs = socket.socketpair()
    kept = HTTPConnection("sqs.us-east-1.amazonaws.com")
    kept.sock = ours
    with ours, theirs:
        with BLOCK.on(), pytest.raises(CallRefused):
            kept.request("GET", "/refused")
        ours.close()
        assert theirs.recv(1) == b""
