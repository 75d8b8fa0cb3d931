"""Apps that functions of a test module create: each has its own router and models only."""

import sys
from typing import Any

import pytest
from chalice.app import Chalice
from pynamodb.attributes import UnicodeAttribute
from pynamodb.models import Model

from decanter import ConnectionModel, Router, connection_table, table, uses
from decanter.testing import WebSocketClient
from decanter.testing.deployment import MOST_OBJECTS, declaration_of, module_of


def make(key: str, scores: str = "SCORES_TABLE", extra: Any = None) -> Chalice:
    """Create an app whose models have this key."""
    app = Chalice(app_name="inline")
    app.experimental_feature_flags.update(["WEBSOCKETS"])

    @connection_table(env="CONNECTIONS_TABLE")
    class Connection(ConnectionModel):
        connection_id = UnicodeAttribute(hash_key=True, attr_name=key)

    @table(env=scores)
    class Score(Model):
        name = UnicodeAttribute(hash_key=True, attr_name=key)

    router = Router("$request.body.action", connections=Connection)

    @router.route("score")
    @uses(writes=[Score])
    def score(request: Any) -> None:
        Score(request.json["name"]).save()
        request.reply(f"{key} {len([*Connection.scan()])} {extra is None}")

    @app.on_ws_connect()
    def connect(event: Any) -> Any:
        return router.handle(event)

    @app.on_ws_message()
    def message(event: Any) -> Any:
        return router.handle(event)

    @app.on_ws_disconnect()
    def disconnect(event: Any) -> Any:
        return router.handle(event)

    return app


def other(key: str) -> Chalice:
    """Create an app with other models of the same names."""
    return make(key, "OTHER_TABLE")


def test_each_app_runs_with_its_own_router_and_tables() -> None:
    apps = {"a": make("a"), "b": make("b"), "c": other("c")}
    for key in ("b", "c", "a", "b"):
        with WebSocketClient(apps[key]) as client:
            sender = client.connect()
            sender.send('{"action": "score", "name": "x"}')
            assert sender.receive() == f"{key} 1 True"


def test_an_app_does_not_see_the_models_of_another() -> None:
    apps = [make("a"), other("b")]
    found = [declaration_of(app, module_of(app)) for app in apps]
    assert [{each.environment for each in it.tables} for it in found] == [
        {"CONNECTIONS_TABLE", "SCORES_TABLE"},
        {"CONNECTIONS_TABLE", "OTHER_TABLE"},
    ]
    assert [len(it.routers) for it in found] == [1, 1]


@pytest.mark.parametrize("count", [10, MOST_OBJECTS])
def test_an_app_that_refers_to_too_many_objects_has_the_module(count: int) -> None:
    app = make("a", extra=[object() for _ in range(count)])
    module = module_of(app)
    assert (module.__dict__.get("make") is make, module.__name__) == (True, __name__)
    assert (module is sys.modules[__name__]) is (count == MOST_OBJECTS)
