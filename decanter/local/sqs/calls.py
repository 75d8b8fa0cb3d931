"""The gateway's own calls to the embedded SQS, without an SDK and without a thread."""

import asyncio
import json
from collections.abc import Iterable
from typing import Any
from urllib.parse import urlsplit

from decanter.errors import ServiceError
from decanter.project.queues import Queue


class Calls:
    """A client of the embedded SQS."""

    def __init__(self, endpoint: str) -> None:
        self._url = urlsplit(endpoint)

    async def call(self, operation: str, **arguments: Any) -> Any:
        """Call an operation and return the answer.

        Raises:
            ServiceError: SQS refuses the call or does not answer.
        """
        try:
            status, answer = await self._post(operation, json.dumps(arguments).encode())
            data = json.loads(answer or b"{}")
        except (OSError, ValueError) as error:
            raise ServiceError(f"the embedded SQS does not answer: {error}") from error
        if status != 200:
            raise ServiceError(f"the embedded SQS refuses {operation}: {data.get('message')}")
        return data

    async def create_queues(self, queues: Iterable[Queue]) -> None:
        """Create the queues that do not exist yet, and set the attributes of all queues.

        Raises:
            ServiceError: SQS refuses a queue.
        """
        there = await self.call("ListQueues")
        urls = {url.rpartition("/")[2]: url for url in there.get("QueueUrls", ())}
        for queue in queues:
            if queue.name not in urls:
                answer = await self.call("CreateQueue", **queue.creation)
                urls[queue.name] = answer["QueueUrl"]
        for queue in queues:  # a dead-letter queue must exist before another queue names it
            await self.call(
                "SetQueueAttributes", QueueUrl=urls[queue.name], Attributes=queue.changeable
            )

    async def _post(self, operation: str, body: bytes) -> tuple[int, bytes]:
        reader, writer = await asyncio.open_connection(self._url.hostname, self._url.port)
        try:
            head = (
                f"POST / HTTP/1.1\r\nHost: {self._url.netloc}\r\nConnection: close\r\n"
                f"X-Amz-Target: AmazonSQS.{operation}\r\nContent-Length: {len(body)}\r\n\r\n"
            )
            writer.write(head.encode() + body)
            answered, _, answer = (await reader.read()).partition(b"\r\n\r\n")
        finally:
            writer.close()
        return int(answered.split(b" ", 2)[1]), answer
