"""A hostile web page in a real browser, and the open ports of this machine.

The page comes from another server: its requests are those of a page elsewhere. Or it has rebound
its name: it was loaded as a page of `evil.example` on the port that it attacks, and that name now
    points to this machine.
"""

import json
import threading
from collections.abc import Iterator
from contextlib import ExitStack
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import quote, urlsplit

import pytest
from botocore.session import Session

from tests.support.browser import Page
from tests.support.clients import ask, connection_id
from tests.support.gateways import PROJECTS, Running, gateway

LIST = {"X-Amz-Target": "DynamoDB_20120810.ListTables"}
DELETE = {"X-Amz-Target": "DynamoDB_20120810.DeleteTable"}
TABLE = '{"TableName": "rows", "x": "&Action=DeleteTable&"}'
SIGNED = {"Authorization": "AWS4-HMAC-SHA256 Credential=x"}
FETCH = (
    "fetch({url}, {options}).then(async answer => answer.type + ' ' + answer.status,"
    " error => error.name)"
)
CONNECT = (
    "new Promise(resolve => {{ const socket = new WebSocket({url});"
    " socket.onopen = () => {{ socket.close(); resolve('open') }};"
    " socket.onerror = () => resolve('refused') }})"
)
UNREACHED = "TypeError"
"""The error of `fetch` for an answer that the page may not read, and for a failed preflight."""


class _Attacker(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "text/html")
        self.end_headers()
        self.wfile.write(b"<title>free kittens</title>")

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - http.server's name
        """Say nothing."""


@pytest.fixture(name="elsewhere", scope="module")
def _elsewhere() -> Iterator[str]:
    """The origin of the attacker's own server."""
    with ThreadingHTTPServer(("127.0.0.1", 0), _Attacker) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield f"http://evil.example:{server.server_port}"
        server.shutdown()
        thread.join()


class Victim:
    """A gateway with one row in its database."""

    def __init__(self, running: Running) -> None:
        self.running = running
        self.gateway = running.origin
        self.database = running.banner("DynamoDB").split()[0]
        keys = {"aws_access_key_id": "local", "aws_secret_access_key": "local"}
        self.client = Session().create_client(
            "dynamodb", region_name="us-east-1", endpoint_url=self.database, **keys
        )
        self.client.create_table(
            TableName="rows",
            KeySchema=[{"AttributeName": "k", "KeyType": "HASH"}],
            AttributeDefinitions=[{"AttributeName": "k", "AttributeType": "S"}],
            BillingMode="PAY_PER_REQUEST",
        )

    def tables(self) -> list[str]:
        names: list[str] = self.client.list_tables()["TableNames"]
        return names


@pytest.fixture(name="victim", scope="module")
def _victim(browser: Page, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Victim]:
    """Started only where there is a browser."""
    folder = tmp_path_factory.mktemp("events")
    with gateway(PROJECTS / "probe", environment={"PROBE_EVENTS": str(folder)}) as running:
        yield Victim(running)


@pytest.fixture(name="page", params=["elsewhere", "rebound"])
def _page(request: pytest.FixtureRequest, browser: Page, elsewhere: str) -> Iterator["Attack"]:
    with ExitStack() as stack:
        yield Attack(browser, "" if request.param == "rebound" else elsewhere, stack)


class Attack:
    """The attacker's script; `elsewhere` is its page's origin, empty for a rebound name."""

    def __init__(self, page: Page, elsewhere: str, stack: ExitStack) -> None:
        self.page = page
        self.rebound = not elsewhere
        self._elsewhere = elsewhere
        self._stack = stack

    def on(self, origin: str) -> str:
        """Open the attacker's page; return the URL with which it reaches this origin."""
        if not self.rebound:
            self.page.open(f"{self._elsewhere}/")
            return origin
        own = f"http://evil.example:{urlsplit(origin).port}"
        self._stack.enter_context(self.page.forging(f"{own}/kittens", "<title>kittens</title>"))
        self.page.open(f"{own}/kittens")
        return own

    def fetch(self, url: str, **options: Any) -> Any:
        """Return the page's view of a request: the answer's type and status, or the error."""
        return self.page.evaluate(
            FETCH.format(url=json.dumps(url), options=json.dumps({"method": "POST", **options}))
        )

    def connect(self, url: str) -> Any:
        return self.page.evaluate(CONNECT.format(url=json.dumps(url)))


def test_the_database_is_not_read_or_changed(victim: Victim, page: Attack) -> None:
    url = page.on(victim.database)
    refused = "basic 403" if page.rebound else UNREACHED
    assert page.fetch(f"{url}/", headers=LIST, body="{}") == refused
    assert page.fetch(f"{url}/", headers=DELETE, body=TABLE) == refused
    # A form needs no preflight, and moto would take the operation from its body.
    simple = {"headers": {"Content-Type": "text/plain"}, "body": TABLE, "mode": "no-cors"}
    opaque = "basic 403" if page.rebound else "opaque 0"
    assert page.fetch(f"{url}/", **simple) == opaque
    assert victim.tables() == ["rows"]
    victim.running.wait_for_line("note .* the embedded DynamoDB refused a request: .*evil.example")


def test_no_connection_is_posted_to(victim: Victim, page: Attack) -> None:
    with victim.running.connect() as client:
        origin = page.on(victim.gateway)
        url = f"{origin}/api/@connections/{quote(connection_id(client))}"
        refused = "basic 403" if page.rebound else UNREACHED
        assert page.fetch(url, headers=SIGNED, body="pwned") == refused
        assert page.fetch(url, headers=SIGNED, method="DELETE") == refused
        page.fetch(url, body="pwned", mode="no-cors")
        assert ask(client, send="and nothing before") == "and nothing before"
    victim.running.wait_for_line("refused .* POST /api/@connections/.* 403: .*evil.example")


def test_an_http_route_is_the_apps_to_open_but_never_to_a_rebound_name(
    victim: Victim, page: Attack
) -> None:
    url = f"{page.on(victim.gateway)}/api/"
    before = len(victim.running.lines)
    seen = page.fetch(url, method="GET", mode="no-cors")
    assert seen == ("basic 403" if page.rebound else "opaque 0")
    victim.running.wait_for_line("refused .* GET /api/ 403" if page.rebound else " http 200 ")
    assert page.rebound is not any(" http 200 " in line for line in victim.running.lines[before:])


def test_a_rebound_name_opens_no_websocket(victim: Victim, page: Attack) -> None:
    """A page elsewhere can connect: the app decides which clients it accepts, as on AWS."""
    url = page.on(victim.gateway).replace("http", "ws", 1)
    assert page.connect(f"{url}/api") == ("refused" if page.rebound else "open")


def test_the_gateways_own_pages_stay_closed(victim: Victim, page: Attack) -> None:
    url = f"{page.on(victim.gateway)}/_gateway/faults"
    refused = "basic 403" if page.rebound else UNREACHED
    fault = '{"target": "connections", "action": "500"}'
    assert page.fetch(url, body=fault, headers={"Content-Type": "application/json"}) == refused
    page.fetch(url, body=fault, headers={"Content-Type": "text/plain"}, mode="no-cors")
    assert page.fetch(url, method="GET") == refused
    with victim.running.connect() as client:
        assert victim.running.management().get_connection(ConnectionId=connection_id(client))
