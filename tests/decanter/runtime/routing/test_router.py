"""The router, called with plain event dicts."""

from dataclasses import dataclass
from typing import Any, Literal

import pytest
from chalice.app import Chalice

from decanter.runtime.errors import (
    DeclarationError,
    Flooding,
    InvalidPayload,
    MessageError,
    MissingTableError,
    RateLimited,
    StoreBusyError,
)
from decanter.runtime.routing.connection_event import Disconnection, Handshake, Hello, Refused
from decanter.runtime.routing.request import Request
from decanter.runtime.routing.response import Response
from decanter.runtime.routing.router import Router
from decanter.runtime.routing.routes import GetResponse, Routes
from decanter.runtime.routing.scheduled_sweep import scheduled_sweep
from decanter.runtime.settings import Settings
from decanter.runtime.transports import Outcome, Transport, outcome_of
from tests.support.events import CONNECTED_AT, connect_event, disconnect_event, message_event
from tests.support.fakes import GONE, OK, FakeClock, FakeConnections, FakeTransport
from tests.support.fixtures import LogLines

SENDER = "Sender0000DoECA="


class Service:
    """A router with two routes, a fake table and a fake transport."""

    def __init__(self, expression: str = "$request.body.message") -> None:
        self.clock = FakeClock()
        self.connections = FakeConnections({SENDER: CONNECTED_AT, "Other": CONNECTED_AT})
        self.transport = FakeTransport(self.clock)
        self.endpoints: list[str] = []
        self.requests: list[Request] = []
        self.router = Router(
            expression, connections=self.connections, open_transport=self.open, clock=self.clock
        )
        self.returns: Any = None
        self.raises: Exception | None = None

        @self.router.route("echo", operation_name="Echo")
        def echo(request: Request) -> Any:
            self.requests.append(request)
            if self.raises:
                raise self.raises
            return self.returns

        @self.router.route("shout")
        def shout(request: Request) -> str:
            request.broadcast(request.raw("data"))
            return "Data sent."

    def open(self, endpoint: str, settings: Settings) -> Transport:
        self.endpoints.append(endpoint)
        return self.transport

    def dispatch(self, body: str | None, **event: Any) -> dict[str, Any]:
        return self.router.handle(message_event(body, **event))

    @property
    def error(self) -> dict[str, Any]:
        """Return the only error frame that was sent, to the sender."""
        ((recipient, _),) = self.transport.posts
        assert recipient == SENDER
        (frame,) = self.transport.frames_to(SENDER)
        assert (frame["connectionId"], frame["requestId"]) == (SENDER, "Rq1xYz0wDoEFbQg=")
        error = frame["error"]
        assert isinstance(error, dict)
        return error


@pytest.fixture(name="service")
def _service() -> Service:
    return Service()


def test_the_expression_selects_the_route(service: Service) -> None:
    assert service.dispatch('{"message": "echo"}') == {"statusCode": 200}
    assert service.requests[0].route_key == "echo"
    assert service.transport.posts == []


def test_api_gateways_own_route_is_used(service: Service) -> None:
    service.dispatch('{"no": "message"}', route_key="echo")
    assert service.requests[0].route_key == "echo"


def test_an_unknown_route_of_api_gateway_is_selected_again(
    service: Service,
) -> None:
    service.dispatch('{"message": "echo"}', route_key="renamed")
    assert service.requests[0].route_key == "echo"


@pytest.mark.parametrize(
    ("returned", "response"),
    [
        (None, {"statusCode": 200}),
        ("Data sent.", {"statusCode": 200, "body": "Data sent."}),
        ({"statusCode": 202}, {"statusCode": 202}),
    ],
)
def test_a_routes_return_value_becomes_the_response(
    service: Service, returned: Any, response: dict[str, Any]
) -> None:
    service.returns = returned
    assert service.dispatch('{"message": "echo"}') == response


@pytest.mark.parametrize("returned", [3, ["x"], {}, {"statusCode": "200"}])
def test_an_invalid_return_value_is_an_internal_error(service: Service, returned: Any) -> None:
    service.returns = returned
    assert service.dispatch('{"message": "echo"}')["statusCode"] == 500
    assert service.error["code"] == "internal"


@pytest.mark.parametrize(
    ("body", "code", "status"),
    [
        *((body, "bad_json", 400) for body in (None, "None", "", "{", "NaN", '{"a": Infinity}')),
        *((body, "bad_json", 400) for body in ("[" * 10_000 + "]" * 10_000, '"\ud800"')),
        *((body, "bad_json", 400) for body in ('{"a": "\\ud800"}', '{"a": 1e999}', "9" * 4301)),
        *((body, "not_an_object", 400) for body in ("null", "[]", "3", '"x"', "9" * 4300)),
        ('{"message": "shout"}', "missing_data", 400),
        *((body, "unknown_route", 404) for body in ("{}", '{"message": "Echo"}')),
        *((f'{{"message": {m}}}', "unknown_route", 404) for m in ("null", "3", "{}", '"\\u0000"')),
        *(
            (f'{{"message": "{name}", "data": 1}}', "unknown_route", 404)
            for name in ("$connect", "$disconnect", "$default")
        ),
    ],
)
def test_a_mistake_gets_an_error_frame_and_changes_nothing(
    service: Service, body: str | None, code: str, status: int
) -> None:
    before = dict(service.connections.rows)
    assert service.dispatch(body) == {"statusCode": status, "body": code}
    assert (service.error["code"], service.error["temporary"]) == (code, False)
    assert service.connections.rows == before
    assert service.requests == []


def test_the_error_for_an_unknown_route_lists_all_routes(service: Service) -> None:
    service.dispatch('{"message": "ECHO", "data": 1, "ref": 7}')
    assert service.error == {
        "code": "unknown_route",
        "message": "no such route; there are: echo, shout",
        "temporary": False,
        "known_routes": ["echo", "shout"],
        "ref": 7,
    }


def test_unknown_members_are_ignored(service: Service) -> None:
    assert service.dispatch('{"message": "shout", "x": [1], "data": 1.0}')["statusCode"] == 200
    assert service.transport.posts == [("Other", "1.0"), (SENDER, "1.0")]


@pytest.mark.parametrize(
    ("raised", "code", "status", "temporary"),
    [
        (InvalidPayload("to", "must be a string"), "invalid_payload", 400, False),
        (RateLimited(), "rate_limited", 429, True),
        (RuntimeError("boom"), "internal", 500, True),
        (MissingTableError("t", "CONNECTIONS_TABLE"), "internal", 500, True),
    ],
)
def test_a_routes_exception_becomes_a_frame(
    service: Service, raised: Exception, code: str, status: int, temporary: bool
) -> None:
    service.raises = raised
    assert service.dispatch('{"message": "echo"}') == {"statusCode": status, "body": code}
    assert (service.error["code"], service.error["temporary"]) == (code, temporary)


def test_an_internal_error_is_logged_and_not_revealed_to_the_client(
    service: Service, log_lines: LogLines
) -> None:
    service.raises = RuntimeError("boom")
    service.dispatch('{"message": "echo"}')
    assert "boom" not in str(service.error)
    (line,) = log_lines()
    assert (line["request_id"], line["error"]) == ("Rq1xYz0wDoEFbQg=", "RuntimeError: boom")
    assert "in echo" in line["traceback"]


def test_a_frame_that_cannot_be_sent_changes_nothing(service: Service, log_lines: LogLines) -> None:
    service.transport.answer(SENDER, outcome_of(410, "GoneException"))
    assert service.dispatch("{}")["statusCode"] == 404
    service.transport.problem = RuntimeError("boom")
    assert service.dispatch("{}")["statusCode"] == 404
    gone, failed = log_lines()
    assert gone["frame"] == "gone"
    assert failed["frame"].startswith("RuntimeError")


def test_a_default_route_gets_all_other_messages_even_invalid_json(service: Service) -> None:
    bodies: list[str] = []

    @service.router.default
    def fallback(request: Request) -> None:
        bodies.append(request.body)

    for body in ("hello", "[]", "{}", '{"message": "nobody"}', '{"message": "$default"}'):
        assert service.dispatch(body) == {"statusCode": 200}
    assert bodies == ["hello", "[]", "{}", '{"message": "nobody"}', '{"message": "$default"}']
    assert service.dispatch('{"message": "echo"}') == {"statusCode": 200}
    assert len(bodies) == 5


def test_bad_json_in_a_default_route_still_gets_an_error_frame(service: Service) -> None:
    @service.router.default
    def fallback(request: Request) -> None:
        request.raw("data")

    assert service.dispatch("hello")["statusCode"] == 400
    assert service.error["code"] == "bad_json"


def test_no_route_can_be_declared_after_the_first_event(service: Service) -> None:
    service.router.handle(connect_event())
    with pytest.raises(DeclarationError, match="declare routes where app"):
        service.router.default(lambda request: None)


def test_an_invalid_expression_is_refused_at_import() -> None:
    with pytest.raises(DeclarationError, match="cannot be read from character"):
        Service("$request.header.action")


def test_posts_go_to_the_events_api_through_one_transport(service: Service) -> None:
    for _ in range(2):
        service.dispatch("{}")
    service.dispatch("{}", stage="v2")
    host = "https://a1b2c3d4e5.execute-api.eu-west-1.amazonaws.com"
    assert service.endpoints == [f"{host}/v1", f"{host}/v2"]


def test_an_invalid_setting_is_one_log_line_and_status_500(
    service: Service, monkeypatch: pytest.MonkeyPatch, log_lines: LogLines
) -> None:
    monkeypatch.setenv("DECANTER_CONCURRENCY", "many")
    assert service.dispatch("{}") == {"statusCode": 500, "body": "internal"}
    (line,) = log_lines()
    assert line["error"] == (
        "SettingError: DECANTER_CONCURRENCY is 'many': set it to a whole number from 1 to 512"
    )


def test_a_connection_is_recorded_with_the_applications_attributes(service: Service) -> None:
    @service.router.on_connect
    def name(handshake: Handshake) -> None:
        handshake.attributes["nickname"] = "Ada"

    event = connect_event(connectionId="New")
    assert service.router.handle(event) == {"statusCode": 200}
    assert service.connections.rows["New"] == CONNECTED_AT
    assert service.connections.attributes == {"nickname": "Ada"}


def test_a_repeated_or_early_disconnect_is_accepted(service: Service) -> None:
    for _ in range(2):
        assert service.router.handle(disconnect_event()) == {"statusCode": 200}
    assert SENDER not in service.connections.rows


@pytest.mark.parametrize(
    ("problem", "status"), [(StoreBusyError("busy"), 503), (MissingTableError("t", "V"), 500)]
)
def test_a_connection_that_cannot_be_recorded_is_refused(
    service: Service, problem: Exception, status: int, log_lines: LogLines
) -> None:
    service.connections.problem = problem
    assert service.router.handle(connect_event()) == {"statusCode": status}
    (line,) = log_lines()
    assert (line["level"], line["outcome"], line["status"]) == ("ERROR", "internal", status)
    assert str(problem) in line["error"]


def test_every_event_is_one_line_without_payload_or_query_string(
    service: Service, log_lines: LogLines
) -> None:
    service.router.handle(connect_event())
    service.dispatch('{"message": "shout", "data": "s3cret"}')
    service.dispatch('{"message": "s3cret"}')
    service.router.handle(disconnect_event())
    lines = log_lines()
    assert "s3cret" not in str(lines)
    shared = {"request_id": "Rq1xYz0wDoEFbQg=", "connection_id": SENDER, "duration_ms": 0.0}
    for line in lines:
        assert line.items() >= shared.items()
    assert [
        (line["event"], line.get("route"), line["outcome"], line["status"], line["cold"])
        for line in lines
    ] == [
        ("connect", "$connect", "ok", 200, True),
        ("message", "shout", "ok", 200, False),
        ("message", None, "unknown_route", 404, False),
        ("disconnect", "$disconnect", "ok", 200, False),
    ]
    assert lines[1]["message_id"] == "Ms1xYz0wDoECJpw="
    assert (lines[1]["broadcasts"][0]["sent"], lines[1]["broadcasts"][0]["failed"]) == (2, 0)


def test_a_refused_post_is_an_internal_error(service: Service, log_lines: LogLines) -> None:
    service.transport.answer("Other", outcome_of(403, "ForbiddenException"))
    assert service.dispatch('{"message": "shout", "data": 1}')["statusCode"] == 500
    assert [line["event"] for line in log_lines()] == ["posts_failed", "left_over", "message"]
    assert len(service.connections.rows) == 2


def test_the_tool_reads_the_routers_declaration(service: Service) -> None:
    declared = service.router.__decanter__()
    places = [each["place"].rpartition(".")[2] for each in declared["uses"]["websocket_message"]]
    assert places == ["echo", "shout"]
    assert {key: value for key, value in declared.items() if "uses" not in key} == {
        "kind": "router",
        "expression": "$request.body.message",
        "where_rows_are_deleted": [],
        "routes": [
            {"route_key": "echo", "operation_name": "Echo", "function": "echo"},
            {"route_key": "shout", "operation_name": None, "function": "shout"},
        ],
        "default": False,
        "posts": {"websocket_message": ["POST"], "sweep": ["DELETE", "GET"]},
        "settings": {},
        "invalid_settings": {},
    }


def test_a_closing_hook_adds_the_right_to_close(service: Service) -> None:
    def guard(request: Request) -> None: ...

    service.router.on_message(guard)
    assert service.router.__decanter__()["posts"]["websocket_message"] == ["POST"]
    guard.closes = True  # type: ignore[attr-defined]
    assert service.router.__decanter__()["posts"]["websocket_message"] == ["DELETE", "POST"]


def test_the_settings_of_hooks_are_declared(service: Service) -> None:
    def guard(request: Request) -> None: ...

    guard.settings = (("LIMIT", "OTHER_LIMIT"),)  # type: ignore[attr-defined]
    service.router.on_message(guard)
    assert service.router.__decanter__()["settings"] == {
        "websocket_message": [["LIMIT", "OTHER_LIMIT"]]
    }


def test_the_imported_class_itself_declares_nothing() -> None:
    assert not hasattr(Router, "__decanter__")


@dataclass
class Move:
    x: int
    by: Literal["foot", "boat"] = "foot"


def test_a_route_gets_its_declared_payload(service: Service) -> None:
    moves: list[Move] = []

    @service.router.route("move")
    def move(request: Request, payload: Move) -> None:
        moves.append(payload)

    assert service.dispatch('{"message": "move", "x": 3, "by": "boat"}') == {"statusCode": 200}
    assert moves == [Move(3, "boat")]


@pytest.mark.parametrize(
    ("members", "field", "text"),
    [
        ("", "x", "'x' is missing"),
        (', "x": "3"', "x", "'x' must be a whole number"),
        (', "x": 3, "by": "car"', "by", "'by' must be 'foot' or 'boat'"),
    ],
)
def test_the_error_for_an_invalid_payload_names_the_field(
    service: Service, members: str, field: str, text: str
) -> None:
    @service.router.route("move")
    def move(request: Request, payload: Move) -> None:
        raise AssertionError

    answer = service.dispatch(f'{{"message": "move"{members}, "ref": 7}}')
    assert answer == {"statusCode": 400, "body": "invalid_payload"}
    assert service.error == {
        "code": "invalid_payload",
        "message": text,
        "temporary": False,
        "field": field,
        "ref": 7,
    }


def test_the_routers_middleware_runs_for_included_routes_too(service: Service) -> None:
    seen: list[str | None] = []
    routes = Routes()

    @routes.route("whisper")
    def whisper(request: Request) -> None: ...

    @service.router.middleware
    def watch(request: Request, get_response: GetResponse) -> Response:
        seen.append(request.route_key)
        return get_response(request)

    service.router.include(routes)
    service.dispatch('{"message": "whisper"}')
    service.dispatch('{"message": "echo"}')
    assert seen == ["whisper", "echo"]


class RoomFull(Exception):
    pass


class Taken(MessageError):
    code = "taken"
    status = 409


def test_an_error_handler_answers_an_exception(service: Service, log_lines: LogLines) -> None:
    @service.router.on_error(RoomFull)
    def full(request: Request, error: RoomFull) -> dict[str, Any]:
        request.reply({"full": str(error)})
        return {"statusCode": 409}

    service.raises = RoomFull("lobby")
    assert service.dispatch('{"message": "echo"}') == {"statusCode": 409}
    assert service.transport.posts == [(SENDER, '{"full":"lobby"}')]
    (line,) = log_lines()
    assert (line["outcome"], line["answered"], line["status"]) == ("ok", "RoomFull", 409)


def test_the_nearest_base_classes_handler_runs_and_may_raise(service: Service) -> None:
    @service.router.on_error(Exception)
    def anything(request: Request, error: Exception) -> None:
        raise AssertionError

    @service.router.on_error(LookupError)
    def lookup(request: Request, error: LookupError) -> None:
        raise Taken("somebody has it")

    service.raises = KeyError("name")
    assert service.dispatch('{"message": "echo"}') == {"statusCode": 409, "body": "taken"}
    assert service.error["message"] == "somebody has it"


def test_an_applications_own_error_has_its_own_code(service: Service) -> None:
    service.raises = Taken("somebody has it")
    assert service.dispatch('{"message": "echo"}') == {"statusCode": 409, "body": "taken"}
    assert service.error == {"code": "taken", "message": "somebody has it", "temporary": False}


def test_a_failing_error_handler_is_an_internal_error(service: Service) -> None:
    @service.router.on_error(RoomFull)
    def full(request: Request, error: RoomFull) -> None:
        raise RuntimeError("boom")

    service.raises = RoomFull()
    assert service.dispatch('{"message": "echo"}')["statusCode"] == 500
    assert service.error["code"] == "internal"


def test_connect_hooks_set_attributes_and_select_a_subprotocol(
    service: Service,
) -> None:
    @service.router.on_connect
    def identify(handshake: Handshake) -> None:
        handshake.attributes["identity"] = handshake.query["token"]

    @service.router.on_connect
    def choose(handshake: Handshake) -> None:
        handshake.subprotocol = "v1"

    event = connect_event(connectionId="New")
    event["multiValueHeaders"]["Sec-WebSocket-Protocol"] = ["v1"]
    assert service.router.handle(event) == {
        "statusCode": 200,
        "headers": {"Sec-WebSocket-Protocol": "v1"},
    }
    assert service.connections.attributes == {"identity": "s3cret"}


@pytest.mark.parametrize(
    ("raised", "status", "outcome"),
    [(Refused(401, "no such token"), 401, "refused"), (RuntimeError("boom"), 500, "internal")],
)
def test_a_connection_refused_by_a_hook_is_not_recorded(
    service: Service, raised: Exception, status: int, outcome: str, log_lines: LogLines
) -> None:
    @service.router.on_connect
    def admit(handshake: Handshake) -> None:
        raise raised

    assert service.router.handle(connect_event(connectionId="New")) == {"statusCode": status}
    assert "New" not in service.connections.rows
    (line,) = log_lines()
    assert (line["outcome"], line["status"]) == (outcome, status)
    assert str(raised) in (line["reason"] if status == 401 else line["error"])


def test_disconnect_hooks_may_send_to_other_clients(service: Service) -> None:
    ended: list[Disconnection] = []

    service.connections.attributes = {"identity": "ann"}

    @service.router.on_disconnect
    def farewell(disconnection: Disconnection) -> None:
        ended.append(disconnection)
        assert SENDER not in service.connections.rows
        disconnection.broadcast({"left": disconnection.connection_id})

    assert service.router.handle(disconnect_event()) == {"statusCode": 200}
    assert service.transport.posts == [("Other", f'{{"left":"{SENDER}"}}')]
    (it,) = ended
    assert (it.code, it.reason, it.identity) == (1001, "Going away", "ann")
    assert (it.connected_at, it.attributes) == (CONNECTED_AT, {"identity": "ann"})


def test_all_disconnect_hooks_run_even_if_one_raises(service: Service, log_lines: LogLines) -> None:
    called = []
    for name in ("first", "second", "third"):

        @service.router.on_disconnect
        def farewell(disconnection: Disconnection, name: str = name) -> None:
            called.append(name)
            if name != "second":
                raise RuntimeError(name)

    assert service.router.handle(disconnect_event()) == {"statusCode": 500}
    assert called == ["first", "second", "third"]
    assert SENDER not in service.connections.rows
    failed, line = log_lines()
    assert (failed["event"], failed["error"]) == ("disconnect_hook_failed", "RuntimeError: third")
    assert line["error"] == "RuntimeError: first"


def test_without_a_row_no_disconnect_hook_is_called(service: Service) -> None:
    called: list[Disconnection] = []
    service.router.on_disconnect(called.append)
    for _ in range(2):
        assert service.router.handle(disconnect_event()) == {"statusCode": 200}
    assert [each.connection_id for each in called] == [SENDER]


def test_if_the_table_is_unavailable_no_disconnect_hook_is_called(service: Service) -> None:
    called: list[Disconnection] = []
    service.router.on_disconnect(called.append)
    service.connections.problem = StoreBusyError("busy")
    assert service.router.handle(disconnect_event()) == {"statusCode": 503}
    assert (called, SENDER in service.connections.rows) == ([], True)


def test_another_selection_expression_uses_its_own_members() -> None:
    service = Service("${request.body.service}/${request.body.action}")

    @service.router.route("chat/say")
    def say(request: Request) -> str:
        return "said"

    assert service.dispatch('{"service": "chat", "action": "say"}')["body"] == "said"
    assert service.dispatch('{"service": "chat"}')["statusCode"] == 404


MESSAGES = ['{"message": "echo"}', '{"message": "nobody"}', "[]", "{", None]


@pytest.mark.parametrize("body", MESSAGES)
def test_a_message_hook_gets_every_message_before_routing(
    service: Service, body: str | None, log_lines: LogLines
) -> None:
    @service.router.on_message
    def refuse(request: Request) -> None:
        assert request.route_key is None
        raise RateLimited

    assert service.dispatch(body) == {"statusCode": 429, "body": "rate_limited"}
    assert service.error["code"] == "rate_limited"
    assert service.requests == []
    (line,) = log_lines()
    assert (line["outcome"], line["frame"], "route" in line) == ("rate_limited", "ok", False)


def test_an_accepted_message_reaches_its_route(service: Service) -> None:
    seen: list[str] = []
    service.router.on_message(lambda request: seen.append(request.body))
    assert service.dispatch('{"message": "echo"}') == {"statusCode": 200}
    assert service.dispatch("{")["statusCode"] == 400
    assert seen == ['{"message": "echo"}', "{"]


@pytest.mark.parametrize("answer", [OK, GONE])
def test_a_flood_closes_the_connection_without_a_frame(
    service: Service, answer: Outcome, log_lines: LogLines
) -> None:
    @service.router.on_message
    def refuse(request: Request) -> None:
        raise Flooding

    service.transport.answer(SENDER, answer)
    assert service.dispatch("{") == {"statusCode": 429, "body": "rate_limited"}
    assert (service.transport.closed, service.transport.posts) == ([SENDER], [])
    (line,) = log_lines()
    assert (line["event"], line["level"], line["status"]) == ("message", "INFO", 429)
    assert line["closed"] == answer.result.value


def test_a_refused_close_is_logged_as_an_error(service: Service, log_lines: LogLines) -> None:
    @service.router.on_message
    def refuse(request: Request) -> None:
        raise Flooding

    service.transport.answer(SENDER, outcome_of(403, "ForbiddenException"))
    assert service.dispatch("{")["statusCode"] == 429
    failed, line = log_lines()
    assert (failed["event"], failed["level"], failed["status"]) == ("close_failed", "ERROR", 403)
    assert (line["outcome"], line["closed"]) == ("rate_limited", "refused")


def test_a_forbidden_route_is_refused_before_the_payload_is_validated(service: Service) -> None:
    asked: list[str] = []

    def may_move(request: Request) -> bool:
        asked.append(request.connection_id)
        return request.connection_id != SENDER

    @service.router.route("move", allow=may_move)
    def move(request: Request, payload: Move) -> None: ...

    assert service.dispatch('{"message": "move"}') == {"statusCode": 403, "body": "forbidden"}
    assert service.error["code"] == "forbidden"
    other = service.dispatch('{"message": "move", "x": 1, "y": 2}', connectionId="Other")
    assert other["statusCode"] in (200, 400)
    assert asked == [SENDER, "Other"]


# --------------------------------------------------------------------- one handler for all events


class ChaliceEvent:
    """Like `chalice.app.WebsocketEvent`: has an event and Lambda's context."""

    def __init__(self, event: dict[str, Any], context: object) -> None:
        self.context = context
        self._event = event

    def to_dict(self) -> dict[str, Any]:
        return self._event


def test_chalices_event_is_handled_like_its_dict(service: Service) -> None:
    context = object()
    seen = []
    service.router.on_message(lambda request: seen.append(request.context))
    event = message_event('{"message": "echo"}')
    assert service.router.handle(ChaliceEvent(event, context)) == {"statusCode": 200}
    assert service.router.handle(event, context) == {"statusCode": 200}
    assert seen == [context, context]


@pytest.mark.parametrize(
    "event", [None, {}, {"requestContext": {}}, {"requestContext": {"eventType": "PING"}}, "text"]
)
def test_another_kind_of_event_is_refused(service: Service, event: Any) -> None:
    with pytest.raises(TypeError, match="CONNECT, MESSAGE, DISCONNECT"):
        service.router.handle(event)


# ---------------------------------------------------------------------------- authenticate clients


def test_an_identity_is_recorded_after_the_connect_hooks(service: Service) -> None:
    called = []
    service.router.on_connect(lambda handshake: called.append("may it come in?"))

    @service.router.authenticate
    def who(hello: Hello) -> None:
        called.append("who is it?")
        hello.identity, hello.expires_at = hello.handshake.query["token"], 1_800_000_000

    assert service.router.handle(connect_event(connectionId="New")) == {"statusCode": 200}
    assert called == ["may it come in?", "who is it?"]
    assert service.connections.attributes == {
        "identity": "s3cret",
        "identity_expires_at": 1_800_000_000,
    }


def test_an_anonymous_client_is_recorded_without_an_identity(service: Service) -> None:
    service.router.authenticate(lambda hello: None)
    assert service.router.handle(connect_event(connectionId="New")) == {"statusCode": 200}
    assert service.connections.attributes == {"identity": None, "identity_expires_at": None}


def test_a_client_refused_by_authentication_is_not_recorded(service: Service) -> None:
    @service.router.authenticate
    def who(hello: Hello) -> None:
        raise Refused(401, "no such user")

    assert service.router.handle(connect_event(connectionId="New")) == {"statusCode": 401}
    assert "New" not in service.connections.rows


def test_only_one_hook_authenticates_and_the_table_must_store_identities(service: Service) -> None:
    def who(hello: Hello) -> None: ...

    service.router.authenticate(who)
    with pytest.raises(DeclarationError, match=r"who \(.*\): who \(.*\) is already declared"):
        service.router.authenticate(who)
    plain = FakeConnections()
    plain.identity_end = lambda: ""  # type: ignore[method-assign]
    with pytest.raises(DeclarationError, match=r"derive .* from IdentifiedModel"):
        Router("$request.body.message", connections=plain).authenticate(who)


@pytest.mark.parametrize(
    ("declare", "event", "refusal"),
    [
        ("on_connect", connect_event(connectionId="New"), "Refused"),
        ("authenticate", connect_event(connectionId="New"), "Refused"),
        ("on_message", message_event('{"message": "echo"}'), "Forbidden"),
    ],
)
def test_a_hook_that_returns_false_accepts_nothing(
    service: Service, declare: str, event: Any, refusal: str, log_lines: LogLines
) -> None:
    def is_allowed(_: object) -> bool:
        return False

    getattr(service.router, declare)(is_allowed)
    assert service.router.handle(event)["statusCode"] == 500
    assert ("New" in service.connections.rows, service.requests) == (False, [])
    (line,) = log_lines()
    assert (line["level"], line["outcome"]) == ("ERROR", "internal")
    place = f"is_allowed ({__name__})"
    assert line["error"] == (
        f"ConfigurationError: {place} returned False, but a hook refuses with `raise {refusal}`"
    )


# ------------------------------------------------------------------------------ a scheduled sweep


@pytest.mark.parametrize(("minutes", "rate"), [("1", "rate(1 minute)"), ("5", "rate(5 minutes)")])
def test_the_scheduled_sweep_has_the_name_that_lambda_uses(
    service: Service, minutes: str, rate: str
) -> None:
    app = Chalice(app_name="rooms")
    sweep = scheduled_sweep(app, service.router, {"DECANTER_SWEEP_MINUTES": minutes})
    source: Any = app.event_sources[0]
    assert (source.schedule_expression, source.handler_string) == (rate, "app.sweep")
    assert callable(sweep)


@pytest.mark.parametrize("minutes", ["", "0"])
def test_no_sweep_is_scheduled_by_default(service: Service, minutes: str) -> None:
    app = Chalice(app_name="rooms")
    assert scheduled_sweep(app, service.router, {"DECANTER_SWEEP_MINUTES": minutes}) is None
    assert app.event_sources == []
