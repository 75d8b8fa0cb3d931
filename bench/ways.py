"""The compared ways to post. Each returns the number of accepted posts."""

import os
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from decanter.runtime.clock import Clock, full_jitter
from decanter.runtime.recipients import Recipient
from decanter.runtime.settings import Settings
from decanter.runtime.transports import Result, Transport, open_transport
from decanter.runtime.transports.base import Method
from decanter.runtime.transports.fast.sigv4 import SignedRequests
from decanter.runtime.transports.fast.transport import FastTransport

STAGE = "v1"
UNPACED = 1_000_000
BODY = ('{"text": "' + "x" * 176 + '"}').encode()
"""The body of a post, with 188 bytes."""

Way = Callable[[Sequence[Recipient]], int]


class Unsigned(SignedRequests):
    """Requests of the same length with a fake signature, to exclude the cost of signing."""

    def render(self, connection_id: str) -> bytes:
        """Return the whole request."""
        encoded = connection_id.replace("=", "%3D").encode()
        return b"".join((self._start, encoded, self._middle, b"0" * 64, self._end))


class UnsignedTransport(FastTransport):
    """The fast transport without signing."""

    def _sign(self, method: Method, data: bytes) -> SignedRequests:
        requests = super()._sign(method, data)
        requests.__class__ = Unsigned
        return requests


def way(name: str, origin: str, connections: int, pace: int = UNPACED) -> Way:
    """Return a way to post: imported and configured, but with no open connection.

    Args:
        name: `fast`, `unsigned`, `botocore`, `boto3` or `chalice`.
        origin: scheme, host and port of the target.
        connections: the maximum number of connections; `chalice` uses one.
        pace: posts a second, if the way can be paced.
    """
    endpoint = f"{origin}/{STAGE}"
    if name == "boto3":
        return _boto3(endpoint, connections)
    if name == "chalice":
        return _chalice(origin)
    settings = Settings(
        region=os.environ["AWS_REGION"],
        transport=name,
        concurrency=connections,
        posts_per_second=pace,
    )
    if name == "unsigned":
        return _ours(UnsignedTransport(endpoint, settings, Clock(), full_jitter))
    return _ours(open_transport(endpoint, settings))


def _ours(transport: Transport) -> Way:
    def post(recipients: Sequence[Recipient]) -> int:
        deliveries = transport.call_all("POST", recipients, BODY, time.monotonic() + 900)
        return sum(1 for each in deliveries if each.outcome.result is Result.OK)

    return post


def _boto3(endpoint: str, connections: int) -> Way:
    import boto3
    from botocore.config import Config

    client = boto3.client(
        "apigatewaymanagementapi",
        endpoint_url=endpoint,
        config=Config(max_pool_connections=connections),
    )
    pool = ThreadPoolExecutor(connections)

    def post_one(recipient: Recipient) -> Any:
        return client.post_to_connection(ConnectionId=recipient.connection_id, Data=BODY)

    return lambda recipients: len(list(pool.map(post_one, recipients)))


def _chalice(origin: str) -> Way:
    import boto3
    from chalice.app import WebsocketAPI

    api = WebsocketAPI()
    api.session = boto3.session.Session()
    api._endpoint = (
        f"{origin}/{STAGE}"  # the endpoint that it builds from an event begins with https
    )
    text = BODY.decode()

    def post(recipients: Sequence[Recipient]) -> int:
        for recipient in recipients:
            api.send(recipient.connection_id, text)
        return len(recipients)

    return post
