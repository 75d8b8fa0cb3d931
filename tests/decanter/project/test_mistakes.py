"""Mistakes in an app's code: async handlers, a discarded answer, unused routes."""

from pathlib import Path

import pytest

from decanter.errors import ProjectError
from decanter.project.config import Project
from decanter.project.declaration import Declaration
from decanter.project.describe import describe
from decanter.testing import WebSocketClient
from tests.support.apps import FRAMEWORK, HEAD, SmallProject, load_app

ASYNC = "is async, but Chalice calls it without await, and its code never runs: write def instead"
DISCARDED = "connect (app) discards the router's answer, so API Gateway accepts clients that the "


@pytest.fixture(name="small")
def _small(tmp_path: Path) -> SmallProject:
    return SmallProject(tmp_path)


def described(small: SmallProject, source: str) -> Declaration:
    small.write(source)
    return describe(Project.load(small.folder))


@pytest.mark.parametrize(
    "decorator",
    [
        *("on_ws_connect()", "on_ws_message()", "on_ws_disconnect()"),
        *('route("/")', 'schedule("rate(1 hour)")', 'on_sqs_message("jobs")', "lambda_function()"),
    ],
)
def test_an_async_function_is_refused(small: SmallProject, decorator: str) -> None:
    """Chalice makes a coroutine of it, and then answers 200 to a handshake."""
    source = f"{HEAD}\n@app.{decorator}\nasync def work(event=None): ...\n"
    with pytest.raises(ProjectError) as refused:
        described(small, source)
    assert str(refused.value) == f"work (app) {ASYNC} of async def"
    assert refused.value.detail == ""


@pytest.mark.parametrize("decorator", ["on_ws_connect()", 'schedule("rate(1 hour)")'])
def test_a_generator_function_is_refused(small: SmallProject, decorator: str) -> None:
    source = f"{HEAD}\n@app.{decorator}\ndef work(event):\n    yield event\n"
    with pytest.raises(ProjectError, match=r"work \(app\) contains yield, so Chalice's call runs"):
        described(small, source)


CONNECT = """
from chalicelib import live
@app.on_ws_connect()
def connect(event):
    {body}
"""


def with_connect(body: str) -> str:
    head, _, rest = FRAMEWORK.partition("\n\n@app.on_ws_connect()")
    _, _, others = rest.partition("@app.on_ws_disconnect()")
    return f"{head}\n{CONNECT.format(body=body)}\n@app.on_ws_disconnect(){others}"


LIVE = "import logging\nfrom decanter import Router\nrouter = None\nlogger = logging.getLogger()\n"


@pytest.mark.parametrize(
    ("body", "call"),
    [
        ("router.handle(event)", "router.handle(event)"),
        ("router.handle(event.to_dict(), event.context); return {'statusCode': 200}", "router.h"),
        ("if event:\n        router.handle(event)", "router.handle(event)"),
        ("return router.handle(event)", None),
        ("answer = router.handle(event); return answer", None),
        ("live.logger.handle(event)", None),
        ("unknown.handle(event)", None),
        ("print(event)", None),
    ],
)
def test_a_discarded_answer_to_a_handshake_is_refused(
    small: SmallProject, body: str, call: str | None
) -> None:
    (small.folder / "chalicelib" / "live.py").write_text(LIVE)
    if call is None:
        assert described(small, with_connect(body)).refusal is None
        return
    with pytest.raises(ProjectError) as refused:
        described(small, with_connect(body))
    assert str(refused.value).startswith(DISCARDED)
    assert f"write return {call}" in str(refused.value)
    assert refused.value.detail == ""


CHANNEL = """
from decanter import ReplyError, Subscription
from chalicelib.live import kept
{decorator}
def chat(subscription):
    {body}
router.channel("open")(lambda subscription: True)
"""
KEPT = """
import functools
def kept(function):
    @functools.wraps(function)
    def wrapper(subscription):
        function(subscription)
        return True
    return wrapper
"""


@pytest.mark.parametrize(
    ("body", "decorator", "is_refused"),
    [
        ("subscription.identity is not None", "", True),
        ("if subscription.identity:\n        return", "", True),
        ("...", "", True),
        ("return subscription.identity is not None", "", False),
        ("raise ReplyError(103)", "", False),
        ("print(subscription)", "@kept", False),
    ],
)
def test_a_channel_function_that_returns_nothing_is_refused(
    small: SmallProject, body: str, decorator: str, *, is_refused: bool
) -> None:
    (small.folder / "chalicelib" / "live.py").write_text(KEPT)
    declared = CHANNEL.format(body=body, decorator=f'@router.channel("chat")\n{decorator}')
    source = FRAMEWORK.replace("ConnectionModel", "IdentifiedModel") + declared
    if not is_refused:
        described(small, source)
        return
    with pytest.raises(ProjectError) as refused:
        described(small, source)
    assert str(refused.value) == (
        "chat (app) returns no value, so no client may subscribe to 'chat': write return True for "
        "the clients that may"
    )


def test_an_allow_that_returns_nothing_is_refused(small: SmallProject) -> None:
    (small.folder / "chalicelib" / "live.py").write_text(LIVE)
    allow = "def allowed(request):\n    request.identity is not None\n"
    route = '@router.route("move", allow=allowed)\ndef move(request): ...\n'
    with pytest.raises(
        ProjectError, match=r"allowed \(app\) returns no value, .* use route 'move'"
    ):
        described(small, f"{FRAMEWORK}\n{allow}\n{route}")


def test_the_other_handlers_may_discard_the_answer(small: SmallProject) -> None:
    """API Gateway does not use the result of a message or of a disconnect event."""
    head, _, rest = FRAMEWORK.partition("@app.on_ws_disconnect()")
    rest = rest.replace("return router", "router")
    assert described(small, f"{head}@app.on_ws_disconnect(){rest}").refusal is None


@pytest.mark.parametrize(
    ("body", "problem"),
    [("router.handle(event)", DISCARDED.replace("(app)", "(app_of_")), ("pass", ASYNC)],
)
def test_the_test_client_refuses_them_too(small: SmallProject, body: str, problem: str) -> None:
    (small.folder / "chalicelib" / "live.py").write_text(LIVE)
    source = with_connect(body).replace("from chalicelib import live\n", "")
    small.write(source.replace("def connect", "async def connect") if problem == ASYNC else source)
    with pytest.raises(ProjectError) as refused:
        WebSocketClient(load_app(small.folder), project_dir=small.folder)
    assert problem.partition("(app_of_")[0] in str(refused.value)


CHAT = """\
from decanter import Routes, uses
routes = Routes()
empty = Routes()

@routes.route("say")
{uses}
def say(request): ...
"""
NOT_INCLUDED = (
    "routes of chalicelib.chat is not included, so no message reaches its routes and hooks: write "
    "router.include(routes) below their declarations"
)


def write_chat(small: SmallProject, uses: str = "") -> None:
    (small.folder / "chalicelib" / "chat.py").write_text(CHAT.format(uses=uses))


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("import chalicelib.chat", (NOT_INCLUDED,)),
        ("from chalicelib import chat", (NOT_INCLUDED,)),
        ("from chalicelib.chat import routes", (NOT_INCLUDED.replace("chalicelib.chat", "app"),)),
        ("from chalicelib.chat import routes; router.include(routes)", ()),
    ],
)
def test_routes_that_no_router_includes_are_a_warning(
    small: SmallProject, line: str, expected: tuple[str, ...]
) -> None:
    write_chat(small)
    declared = described(small, f"{FRAMEWORK}\n{line}\n")
    assert (declared.warnings, declared.refusal) == (expected, None)


def test_rights_of_routes_that_no_router_includes_name_the_remedy(small: SmallProject) -> None:
    write_chat(small, "@uses(sends=True)")
    declared = described(small, f"{FRAMEWORK}\nimport chalicelib.chat\n")
    assert declared.refusal == f"@uses of chalicelib.chat.say grants nothing: {NOT_INCLUDED}"


def test_the_test_client_logs_routes_that_no_router_includes(
    small: SmallProject, caplog: pytest.LogCaptureFixture
) -> None:
    source = 'from decanter import Routes\nown = Routes()\nown.route("say")(print)\n'
    small.write(f"{FRAMEWORK}\n{source}")
    WebSocketClient(load_app(small.folder), project_dir=small.folder)
    assert "own of app_of_" in caplog.text
    assert "write router.include(own)" in caplog.text


SLASHES = 'the path of the HTTP route "{}" must start with a slash and not end with one: write "{}"'
NAMES = "work (app) has the parameters {}, but Chalice calls it with {}, as its path {} has them: "


@pytest.mark.parametrize(
    ("path", "parameters", "refusal"),
    [
        ("orders", "()", SLASHES.format("orders", "/orders")),
        ("/orders/", "()", SLASHES.format("/orders/", "/orders")),
        ("", "()", SLASHES.format("", "/")),
        ("/", "()", None),
        ("/orders/{id}", "(id)", None),
        ("/orders/{id}", "(id, more=1)", None),
        ("/orders/{id}", "(**names)", None),
        *(
            ("/orders/{id}", each, NAMES.format(each, "(id)", "/orders/{id}"))
            for each in ("(order_id)", "()", "(id, more)", "(*names)", "(id, /)")
        ),
        ("/orders", "(id)", NAMES.format("(id)", "()", "/orders")),
        ("/{all+}", "(all)", NAMES.format("(all)", "()", "/{all+}")),
    ],
)
def test_an_http_route_that_fails_on_aws_is_refused(
    small: SmallProject, path: str, parameters: str, refusal: str | None
) -> None:
    """API Gateway has no such path, or Chalice's call raises TypeError."""
    source = f'{HEAD}\n@app.route("{path}")\ndef work{parameters}: ...\n'
    if refusal is None:
        assert described(small, source).refusal is None
        return
    with pytest.raises(ProjectError) as refused:
        described(small, source)
    assert str(refused.value).removesuffix("use the same names in both") == refusal


def test_a_wrapper_that_adds_arguments_to_an_http_route_is_accepted(small: SmallProject) -> None:
    source = (
        "import functools\ndef user(function):\n    @functools.wraps(function)\n"
        "    def wrapper(**names):\n        return function('me', **names)\n    return wrapper\n\n"
        '@app.route("/orders/{id}")\n@user\ndef work(user, id): ...\n'
    )
    assert described(small, f"{HEAD}\n{source}").refusal is None
