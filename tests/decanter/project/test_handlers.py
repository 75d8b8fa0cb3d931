"""The ways to define a handler, and the objects that Lambda finds."""

import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from types import ModuleType

import pytest

from decanter.project import app_process, handlers

HEAD = """
import functools
from chalice import Blueprint, Chalice
app = Chalice(app_name="found")
app.experimental_feature_flags.update(["WEBSOCKETS"])

def bare(handler):
    def wrapper(*given):
        return handler(*given)
    return wrapper

def wrapping(handler):
    @functools.wraps(handler)
    def wrapper(*given):
        return handler(*given)
    return wrapper

class Tracer:
    def __init__(self, handler):
        self.handler = handler
    def __call__(self, *given):
        return self.handler(*given)
"""


@contextmanager
def app_of(source: str, head: str = HEAD) -> Iterator[ModuleType]:
    """Yield a module `app` with this source. It may import a module `elsewhere`."""
    module, other = ModuleType("app"), ModuleType("elsewhere")
    other.__dict__["__spec__"] = module.__dict__["__spec__"] = None
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(sys.modules, "elsewhere", other)
        patch.setitem(sys.modules, "app", module)
        exec(ELSEWHERE, vars(other))
        exec(head + source, vars(module))
        yield module


ELSEWHERE = """
from chalice import Blueprint
def message(event):
    return "elsewhere"
def with_context(event, context):
    return "with context"
def register(app):
    return app.on_ws_message()(message)
jobs = Blueprint("elsewhere")
@jobs.on_sqs_message(queue="jobs")
def work(event):
    return "work"
lost = Blueprint("nowhere")
@lost.schedule("rate(1 day)")
def nightly(event):
    pass
"""


def faults(source: str) -> list[handlers.Fault]:
    with app_of(source) as module:
        return handlers.faults(module.app, module)


FOUND = {
    "a decorator": "@app.on_ws_message()\ndef message(event): pass",
    "name=": "@app.on_ws_message(name='other')\ndef message(event): pass",
    "an assignment": "def message(event): pass\nmessage = app.on_ws_message()(message)",
    "an imported function, assigned": (
        "import elsewhere\nmessage = app.on_ws_message()(elsewhere.message)"
    ),
    "a register function, assigned": "import elsewhere\nmessage = elsewhere.register(app)",
    "a decorator above": "@bare\n@app.on_ws_message()\ndef message(event): pass",
    "two decorators above": "@bare\n@wrapping\n@app.on_ws_message()\ndef message(event): pass",
    "an object above": "@Tracer\n@app.on_ws_message()\ndef message(event): pass",
    "a partial above": "@functools.partial(functools.partial, bare)\n"
    "@app.on_ws_message()\ndef message(event): pass\nmessage = message()",
    "a method above": "@(lambda f: Tracer(f).__call__)\n@app.on_ws_message()\ndef message(e): 0",
    "a wrapping decorator below": "@app.on_ws_message()\n@wrapping\ndef message(event): pass",
    "one name= for two": (
        "@app.on_ws_connect(name='ws')\ndef c(event): pass\n"
        "@app.on_ws_message(name='ws')\ndef m(event): pass"
    ),
    "a schedule named like it": (
        "@app.on_ws_message()\ndef message(event): pass\n"
        "@app.schedule('rate(1 hour)', name='message')\ndef nightly(event): pass"
    ),
    "a function of a Blueprint": "import elsewhere\napp.register_blueprint(elsewhere.jobs)",
    "a Blueprint with a prefix": (
        "import elsewhere\napp.register_blueprint(elsewhere.jobs, name_prefix='x_')"
    ),
    "a bare pure function": ("def pure(event, context): pass\napp.lambda_function()(pure)"),
    "routes": "@app.route('/')\ndef index(): pass\n@app.route('/b')\ndef index(): pass",
    "an authorizer": (
        "@app.authorizer()\ndef guard(request): pass\n"
        "@app.route('/', authorizer=guard)\ndef index(): pass"
    ),
    "a custom route key": (
        "@app._create_registration_function('on_ws_message', 'bid', {'route_key': 'bid'})\n"
        "def bid(event): pass"
    ),
}


@pytest.mark.parametrize("source", FOUND.values(), ids=FOUND)
def test_a_handler_that_lambda_finds_has_no_fault(source: str) -> None:
    assert faults(source) == []


LOST = {
    "nested": (
        "def register(app):\n    @app.on_ws_message()\n    def inner(event): pass\nregister(app)",
        (
            r"^Lambda will not find inner: its handler string is app.inner, but app.py has no "
            r"inner: it is made inside register\(\)\. Define it at the top level of app.py, "
        ),
    ),
    "imported": (
        "import elsewhere\nelsewhere.register(app)",
        (
            r"^Lambda will not find message: .* app.message, but app.py has no message: it is "
            r"defined in elsewhere\. Assign Chalice's result to message in app.py$"
        ),
    ),
    "imported by name": (
        "from elsewhere import message\napp.on_ws_message()(message)",
        (
            r"^Lambda will find message without Chalice's wrapper: .* app.message, which is the "
            r"function itself\. Lambda calls it with \(event, context\) and it fails\. Assign "
        ),
    ),
    "imported twice": (
        (
            "from elsewhere import message\nconnect = app.on_ws_connect(name='c')(message)\n"
            "messages = app.on_ws_message()(message)"
        ),
        "^Lambda will find c without .*\n^Lambda will find message without ",
    ),
    "a lambda": (
        "message = app.on_ws_message()(lambda event: None)",
        "^Lambda will not find <lambda>: .* app.py has no <lambda>, because a lambda has no name",
    ),
    "deleted": (
        "@app.on_ws_message()\ndef message(event): pass\ndel message",
        "^Lambda will not find message: .* app.py has no message after its import",
    ),
    "renamed": (
        "def handle(event): pass\nmessage = app.on_ws_message()(handle)",
        "^Lambda will find handle without Chalice's wrapper: .* app.handle,",
    ),
    "not callable": (
        "@app.on_ws_message()\ndef message(event): pass\nmessage = 1",
        "^Lambda will not find message: .* app.py has no message after its import",
    ),
    "overwritten by a function": (
        "@app.on_ws_message()\ndef message(event): pass\ndef message(event): pass",
        "^Lambda will not find message: .* app.message, and there Lambda finds another message",
    ),
    "overwritten by a route": (
        "@app.on_ws_message()\ndef index(event): pass\n@app.route('/')\ndef index(): pass",
        "^Lambda will not find index: .* there Lambda finds another index",
    ),
    "two of one name": (
        (
            "@app.schedule('rate(1 day)', name='a')\ndef job(event): pass\n"
            "@app.on_sqs_message(queue='q', name='b')\ndef job(event): pass"
        ),
        "^Lambda will not find a: .* app.job, and there Lambda finds b, because both functions",
    ),
    "a decorator below without functools.wraps": (
        "@app.on_ws_message()\n@bare\ndef message(event): pass",
        r"^Lambda will not find wrapper: .* made inside bare\(\)\. .* decorator, use functools",
    ),
    "a Blueprint's message": (
        (
            "bp = Blueprint('app')\n@bp.on_ws_message()\ndef message(event): pass\n"
            "app.register_blueprint(bp)"
        ),
        r"^message \(\$default\) is registered through a Blueprint: .* and it fails\. ",
    ),
    "a Blueprint of a module that does not exist": (
        "import elsewhere\napp.register_blueprint(elsewhere.lost)",
        "^Lambda will not find nightly: .* nowhere.nightly, but importing nowhere fails: .*nowhere",
    ),
    "one name= for two functions": (
        (
            "@app.schedule('rate(1 day)', name='a')\ndef b(event): pass\n"
            "@app.on_sqs_message(queue='q', name='a')\ndef c(event): pass"
        ),
        "^2 Lambda functions have the name a: Chalice refuses",
    ),
    "a name of Chalice's": (
        (
            "@app.on_ws_message()\ndef message(event): pass\n"
            "@app.lambda_function(name='websocket_message')\ndef pure(event, context): pass"
        ),
        "^2 Lambda functions have the name websocket_message: Chalice refuses",
    ),
    "a second handler of messages": (
        (
            "@app.on_ws_message()\ndef message(event): pass\n"
            "@app._create_registration_function('on_ws_message', 'bid', {'route_key': 'bid'})\n"
            "def bid(event): pass"
        ),
        "^Lambda will not find bid, the handler of bid: .* with the first handler, app.message",
    ),
}


@pytest.mark.parametrize(("source", "texts"), LOST.values(), ids=LOST)
def test_a_handler_that_lambda_does_not_find_is_named(source: str, texts: str) -> None:
    found = faults(source)
    assert all(fault.certain for fault in found)
    assert re.search(texts, "\n".join(fault.text for fault in found), re.MULTILINE)
    assert len(found) == texts.count("\n") + 1


UNSURE = {
    "a bare function with a context": (
        "from elsewhere import with_context\napp.on_ws_message()(with_context)",
        "its event is a plain dict",
    ),
    "a decorator that finds its function elsewhere": (
        (
            "KEPT = {}\ndef keep(handler):\n    KEPT['it'] = handler\n    key = 'it'\n"
            "    def call(*given): return KEPT[key](*given)\n    return call\n"
            "@keep\n@app.on_ws_message()\ndef message(event): pass"
        ),
        "there Lambda finds another keep",
    ),
}


@pytest.mark.parametrize(("source", "text"), UNSURE.values(), ids=UNSURE)
def test_a_function_that_may_work_is_only_warned_about(source: str, text: str) -> None:
    with app_of(source) as module:
        declared = app_process.declaration(module, module.app, is_alone=False)
    (warning,) = declared["warnings"]
    assert text in warning
    assert declared["refusal"] is None
