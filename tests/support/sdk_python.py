"""Runs PyPI's `centrifuge-python` by the orders of `tests.support.sdk`, in a thread of its own."""

import asyncio
import dataclasses
import threading
import time
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any

from centrifuge import (
    CentrifugeError,
    Client,
    ClientEventHandler,
    SubscriptionEventHandler,
    UnauthorizedError,
)

from tests.support.gateways import SECONDS

Emit = Callable[[dict[str, Any]], None]
Script = list[dict[str, Any]]

CLIENT = (
    *("connecting", "connected", "disconnected", "error", "subscribed", "subscribing"),
    *("unsubscribed", "publication", "join", "leave"),
)
SUBSCRIPTION = (
    *("subscribing", "subscribed", "unsubscribed", "publication", "join", "leave", "error"),
)
NAMES = {"conn_info": "connInfo", "chan_info": "chanInfo"}
"""The names that the other SDK has for the same."""


def shown(value: Any) -> Any:
    """Return a context as JSON, in the form of the other SDK."""
    if isinstance(value, Exception):
        return {"code": getattr(value, "code", 0), "text": str(value)}
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        names = [field.name for field in dataclasses.fields(value)]
        members = {NAMES.get(name, name): shown(getattr(value, name)) for name in names}
        return members.pop("pub", {}) | members
    return value


class PythonClients:
    """Clients of the SDK, each with a name.

    Args:
        emit: called with each result and event.
    """

    def __init__(self, emit: Emit) -> None:
        self._emit = emit
        self._clients: dict[str, Client] = {}
        self._orders: asyncio.Queue[dict[str, Any] | None] = asyncio.Queue()
        self._tasks: set[asyncio.Future[None]] = set()
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()
        self._following = asyncio.run_coroutine_threadsafe(self._follow_all(), self._loop)

    def send(self, order: dict[str, Any]) -> None:
        """Follow an order, which begins after those before it have begun."""
        self._loop.call_soon_threadsafe(self._orders.put_nowait, order)

    def stop(self) -> None:
        """Disconnect all clients."""
        self._loop.call_soon_threadsafe(self._orders.put_nowait, None)
        self._following.result(10)
        asyncio.run_coroutine_threadsafe(self._end(), self._loop).result(10)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    async def _end(self) -> None:
        for client in self._clients.values():
            await client.disconnect()
        mine = asyncio.current_task()
        others = [task for task in asyncio.all_tasks() if task is not mine]
        await asyncio.wait_for(asyncio.gather(*others, return_exceptions=True), 5)

    def _begin(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.ensure_future(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _follow_all(self) -> None:
        while (order := await self._orders.get()) is not None:
            self._begin(self._follow(order))
            # The order runs to its first pause. Work that it begins, as `connect` does, is queued
            # before the next order.
            await asyncio.sleep(0)

    async def _follow(self, order: dict[str, Any]) -> None:
        number, name = order.pop("number"), order.pop("order")
        try:
            result = await getattr(self, f"_{name}")(**order)
            self._emit({"number": number, "result": result})
        except CentrifugeError as error:
            found = {"code": getattr(error, "code", 0), "message": str(error)}
            self._emit({"number": number, "error": found})

    def _handler(
        self, base: type[Any], events: tuple[str, ...], client: str, channel: str | None
    ) -> Any:
        def method(event: str) -> Callable[[Any, Any], Awaitable[None]]:
            async def call(_: Any, context: Any) -> None:
                of = channel or getattr(context, "channel", None)
                value = shown(context)
                self._emit({"client": client, "channel": of, "event": event, "context": value})

            return call

        return type("Handler", (base,), {f"on_{event}": method(event) for event in events})()

    def _tokens(self, client: str, script: Script, channel: str | None = None) -> Any:
        calls = 0

        async def get(*_: str) -> str:
            nonlocal calls
            calls += 1
            context = {"call": calls}
            self._emit({"client": client, "channel": channel, "event": "token", "context": context})
            answer = script[min(calls, len(script)) - 1]
            if "at" in answer:
                await asyncio.sleep(answer["at"] - time.time())
            if "unauthorized" in answer:
                raise UnauthorizedError("not any more")
            if "error" in answer:
                raise RuntimeError(answer["error"])
            return str(answer["token"])

        return get

    async def _create(
        self, client: str, url: str, script: Script | None = None, **options: Any
    ) -> None:
        self._clients[client] = Client(
            url,
            events=self._handler(ClientEventHandler, CLIENT, client, None),
            get_token=self._tokens(client, script) if script else None,
            min_reconnect_delay=0.05,
            max_reconnect_delay=0.2,
            timeout=SECONDS,
            proxy=None,
            **options,
        )

    async def _connect(self, client: str) -> None:
        # It returns after the first attempt; the order does not wait for it.
        self._begin(self._clients[client].connect())

    async def _disconnect(self, client: str) -> None:
        await self._clients[client].disconnect()

    async def _subscription(
        self, client: str, channel: str, script: Script | None = None, **options: Any
    ) -> None:
        self._clients[client].new_subscription(
            channel,
            events=self._handler(SubscriptionEventHandler, SUBSCRIPTION, client, channel),
            get_token=self._tokens(client, script, channel) if script else None,
            min_resubscribe_delay=0.05,
            max_resubscribe_delay=0.2,
            **options,
        )

    def _sub(self, client: str, channel: str) -> Any:
        return self._clients[client].get_subscription(channel)

    async def _subscribe(self, client: str, channel: str) -> None:
        self._begin(self._sub(client, channel).subscribe())

    async def _unsubscribe(self, client: str, channel: str) -> None:
        await self._sub(client, channel).unsubscribe()

    async def _remove(self, client: str, channel: str) -> None:
        self._clients[client].remove_subscription(self._sub(client, channel))

    async def _publish(self, client: str, channel: str, data: Any) -> None:
        await self._clients[client].publish(channel, data)

    async def _presence(self, client: str, channel: str) -> Any:
        found = await self._clients[client].presence(channel)
        return {name: shown(info) for name, info in found.clients.items()}

    async def _presence_stats(self, client: str, channel: str) -> Any:
        found = await self._clients[client].presence_stats(channel)
        return {"clients": found.num_clients, "users": found.num_users}

    async def _history(self, client: str, channel: str) -> Any:
        return shown(await self._clients[client].history(channel, limit=10))

    async def _rpc(self, client: str, method: str, data: Any) -> Any:
        return (await self._clients[client].rpc(method, data)).data

    async def _state(self, client: str, channel: str | None = None) -> str:
        found = self._sub(client, channel) if channel else self._clients[client]
        return str(found.state.value)
