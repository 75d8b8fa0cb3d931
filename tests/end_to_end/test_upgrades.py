"""An app whose code changes while clients are connected, with Centrifugo's unmodified clients."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.support.apps import FRAMEWORK, replace
from tests.support.clients import JSON, call, receive, seen_by, sweep
from tests.support.connection_table import Table
from tests.support.gateways import Running, gateway, wait_until
from tests.support.sdk import everyone

ROUTES = """

@router.route("say")
def say(request):
    request.broadcast(request.raw("data"))


@router.route("whoami")
def whoami(request):
    return request.connection_id


@app.route("/do/{what}", methods=["POST"])
@uses(sends=True)
def do(what):
    return getattr(router, what)(**app.current_request.json_body).as_fields()
"""
RAW = FRAMEWORK.replace("import Conn", "import uses, Conn") + ROUTES
CHANNELS = (
    RAW.replace("ConnectionModel", "IdentifiedModel").replace(
        "import uses", "import scheduled_sweep, uses"
    )
    + """

sweep = scheduled_sweep(app, router)


@router.channel("room:{name}")
def room(subscription, name):
    return True


@room.on_publish
def publish(publication, name):
    return {"version": 1, "data": publication.data}
"""
)
OTHER = """

@router.channel("other:{name}", join_leave=True)
def other(subscription, name):
    return True
"""
NEXT = CHANNELS.replace('"version": 1', '"version": 2').replace(
    '"room:{name}"', '"room:{name}", presence=True'
)


class Upgraded:
    """A gateway whose app a test replaces."""

    def __init__(self, folder: Path, running: Running) -> None:
        self.running = running
        self._app = folder / "app.py"
        self._versions = 0

    def serve(self, source: str) -> None:
        """Replace the app, and wait until the new code is in service."""
        self._versions += 1
        replace(self._app, f"{source}\n# version {self._versions}\n")
        self.running.wait_for_changes(self._versions)

    def do(self, what: str, **arguments: Any) -> dict[str, Any]:
        """Call a method of the router, and return its report."""
        body = json.dumps(arguments).encode()
        status, _, report = call(self.running, "POST", f"/api/do/{what}", body, JSON)
        assert status == 200, report
        fields: dict[str, Any] = json.loads(report)
        return fields


@pytest.fixture(scope="module", name="upgraded")
def _upgraded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Upgraded]:
    folder = tmp_path_factory.mktemp("upgraded")
    (folder / ".chalice").mkdir()
    variables = {"DECANTER_SWEEP_MINUTES": "60"}
    config = {"version": "2.0", "app_name": "pour", "environment_variables": variables}
    (folder / ".chalice" / "config.json").write_text(json.dumps(config))
    (folder / "app.py").write_text(RAW)
    with gateway(folder, "--path", "connection/websocket") as running:
        yield Upgraded(folder, running)


def test_a_raw_app_gets_its_first_channel(upgraded: Upgraded) -> None:
    """Raw clients get nothing more, and the sweep closes them. Others are not affected."""
    upgraded.serve(RAW)
    table = Table(upgraded.running)
    with upgraded.running.connect_all(3) as (speaker, late, silent):
        speaker.send('{"action":"say","data":"raw"}')
        assert [receive(client) for client in (speaker, late, silent)] == ['"raw"'] * 3
        ids = table.ids()
        upgraded.serve(CHANNELS)
        with everyone(upgraded.running.banner("Mapping")) as clients:
            for client in clients:
                client.connect()
                client.subscribe("room:a")
            new = table.ids() - ids
            number = len(clients)
            assert len(new) == number
            assert upgraded.do("broadcast", frame="pushed")["sent"] == number
            assert upgraded.do("publish", channel="room:a", data=1)["sent"] == number
            for client in clients:
                assert client.wait("publication", "room:a").context["data"] == 1

            late.send('{"id":1,"connect":{}}')
            assert json.loads(receive(late))["push"]["disconnect"]["code"] == 3011
            assert seen_by(late)[0] == 1000
            speaker.send('{"action":"say","data":"raw"}')
            assert json.loads(receive(speaker))["push"]["disconnect"]["code"] == 3501
            assert seen_by(speaker)[0] == 1000
            table.wait_for(number + 1)
            (last,) = table.ids() - new
            table.age(last, 60)
            assert sweep(upgraded.running)["closed"] == 1
            assert json.loads(receive(silent))["push"]["disconnect"]["code"] == 3502
            assert seen_by(silent)[0] == 1000

            for client in clients:
                client.order("publish", channel="room:a", data="after")
                for each in clients:
                    seen = each.wait("publication", "room:a").context["data"]
                    assert seen == {"version": 1, "data": "after"}
                assert client.have("connecting")[1:] == []


def test_an_app_with_channels_changes_while_clients_are_subscribed(upgraded: Upgraded) -> None:
    """Subscriptions stay, even if a row has only its key."""
    upgraded.serve(CHANNELS + OTHER)
    table = Table(upgraded.running)
    with everyone(upgraded.running.banner("Mapping")) as clients:
        ids = [client.connect()["client"] for client in clients]
        for client in clients:
            client.subscribe("room:b")
            client.subscribe("other:b")
        for version, source in ((2, NEXT), (1, CHANNELS), (2, NEXT)):
            upgraded.serve(source)
            for client in clients:
                client.order("publish", channel="room:b", data=version)
                for each in clients:
                    seen = each.wait("publication", "room:b").context["data"]
                    assert seen == {"version": version, "data": version}
        for client, connection_id in zip(clients, ids, strict=True):
            assert {*client.order("presence", channel="room:b")} == {*ids}
            client.order("unsubscribe", channel="other:b")
            client.wait("unsubscribed", "other:b")
            table.strip(connection_id, "room:b")
        assert upgraded.do("publish", channel="room:b", data="bare")["sent"] == len(clients)
        for client in clients:
            assert client.wait("publication", "room:b").context["data"] == "bare"
            client.order("unsubscribe", channel="room:b")
            client.wait("unsubscribed", "room:b")
            assert client.order("rpc", method="whoami", data={}) in ids
            assert client.have("connecting")[1:] == []
        # Handlers of one connection overlap, so an unsubscribe may be handled after the rpc.
        wait_until(
            lambda: upgraded.do("publish", channel="room:b", data=0)["sent"] == 0, "all have left"
        )
