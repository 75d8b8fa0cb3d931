"""moto's server in a thread, for AWS over HTTP."""

import logging
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import wraps
from typing import Any, ParamSpec, TypeVar

from moto import backends
from moto.moto_server.werkzeug_app import DomainDispatcherApplication, create_backend_app
from werkzeug.serving import ThreadedWSGIServer

P = ParamSpec("P")
T = TypeVar("T")


def untraced(function: Callable[P, T]) -> Callable[P, T]:
    """Run a library's function without coverage, which adds half to its time."""

    @wraps(function)
    def run(*args: P.args, **kwargs: P.kwargs) -> T:
        tracer = sys.gettrace()
        if tracer is None:  # `settrace` fails if two threads call it at the same time
            return function(*args, **kwargs)
        sys.settrace(None)
        try:
            return function(*args, **kwargs)
        finally:
            sys.settrace(tracer)

    return run


class Server(ThreadedWSGIServer):
    """Answers each request in a separate thread."""

    process_request_thread = untraced(ThreadedWSGIServer.process_request_thread)


def moto() -> Any:
    """Return AWS as a WSGI application."""
    modules = frozenset(backends.list_of_moto_modules())  # else two listings of moto per request
    setattr(backends, "list_of_moto_modules", lambda: modules)  # noqa: B010 - as mypy has its type
    return DomainDispatcherApplication(create_backend_app)


@contextmanager
def serving(application: Any) -> Iterator[str]:
    """Serve a WSGI application until the block ends; yield its URL."""
    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    server = Server("127.0.0.1", 0, application)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
