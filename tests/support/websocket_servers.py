"""A WebSocket server with a test's answers to handshakes and messages."""

import contextlib
import threading
from collections.abc import Callable, Iterator
from http import HTTPStatus

from websockets.http11 import Request, Response
from websockets.sync.server import ServerConnection, serve

from decanter.verify.endpoint import MARKER


def echo(connection: ServerConnection) -> None:
    for message in connection:
        connection.send(message)


@contextlib.contextmanager
def websocket_server(
    handler: Callable[[ServerConnection], None] = echo,
    accept: Callable[[Request], int] = lambda request: 101,
) -> Iterator[str]:
    """Serve until the block ends; yield the URL.

    Args:
        handler: handles a connection until it ends.
        accept: returns a handshake's status.
    """

    def decide(connection: ServerConnection, request: Request) -> Response | None:
        status = accept(request)
        return None if status == 101 else connection.respond(HTTPStatus(status), "")

    with serve(
        handler,
        "127.0.0.1",
        0,
        process_request=decide,
        select_subprotocol=lambda _, offered: next((it for it in offered if it == MARKER), None),
    ) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield f"ws://127.0.0.1:{server.socket.getsockname()[1]}/v1"
        finally:
            server.shutdown()
            thread.join()
