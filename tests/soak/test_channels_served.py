"""Channels through `decanter local`: many clients, and handlers that overtake each other."""

import asyncio
import json
import random
import time
from collections.abc import Iterator
from contextlib import AsyncExitStack

import pytest

from tests.soak.conftest import NOTES, size
from tests.support.channel_sockets import ChannelSocket, channel_socket
from tests.support.gateways import PROJECTS, SECONDS, Running, gateway
from tests.support.marks import THOROUGH
from tests.support.tokens import HS256

pytestmark = THOROUGH

AUDIENCES = {
    "several": (size(50, 6), size(5, 2), size(40, 4)),
    "crowd": (size(500, 12), 1, size(20, 2)),
}
"""The numbers of clients, of channels and of publications in each channel."""

COMMANDS, ROUNDS = size(10_000, 60), size(200, 4)
ROOMS = [f"chat:room{number}" for number in range(4)]
IN_FLIGHT = 16
CONNECTING = 10
"""The number of clients that connect at the same time."""

PATIENT = {"DECANTER_POST_TIMEOUT_SECONDS": "15"}
"""A post that a busy machine answers late is not retried, so there are no duplicates."""


@pytest.fixture(scope="module", name="lounge")
def _lounge() -> Iterator[Running]:
    with gateway(PROJECTS / "lounge", "--no-reload", environment=HS256 | PATIENT) as it:
        yield it


async def crowd(stack: AsyncExitStack, url: str, number: int) -> list[ChannelSocket]:
    """Return new clients."""
    clients: list[ChannelSocket] = []
    while len(clients) < number:
        some = min(CONNECTING, number - len(clients))
        opening = (stack.enter_async_context(channel_socket(url)) for _ in range(some))
        clients += await asyncio.gather(*opening)
    return clients


async def subscribe(client: ChannelSocket, channels: list[str]) -> None:
    for channel in channels:
        await client.do("subscribe", channel=channel)


@pytest.mark.parametrize("audience", AUDIENCES)
def test_every_publication_reaches_every_subscriber_once(lounge: Running, audience: str) -> None:
    number, several, publications = AUDIENCES[audience]
    channels = [f"feed:{audience}{each}" for each in range(several)]
    total = several * publications
    seconds = [0.0, 0.0]

    async def play() -> list[ChannelSocket]:
        async with AsyncExitStack() as stack:
            began = time.monotonic()
            clients = await crowd(stack, lounge.url, number)
            for first in range(0, number, CONNECTING):
                some = clients[first : first + CONNECTING]
                await asyncio.gather(*(subscribe(client, channels) for client in some))
            subscribed = time.monotonic()

            async def publish(channel: str) -> None:
                for each in range(publications):
                    sender = clients[each % number]
                    await sender.do("publish", channel=channel, data=f"{channel} {each}")

            await asyncio.gather(*map(publish, channels))
            for client in clients:
                await client.wait_for(total)
            seconds[:] = subscribed - began, time.monotonic() - subscribed
            return clients

    expected = {(c, json.dumps(f"{c} {n}")) for c in channels for n in range(publications)}
    for client in asyncio.run(play()):
        assert {*client.publications} == expected
        assert {*client.publications.values()} == {1}
        assert client.pushes == []
    NOTES.append(
        f"{number} clients, {several} channel(s), {publications} publications in each: "
        f"{number * total:,} received, 0 lost, 0 twice; subscribed after {seconds[0]:.1f} s, "
        f"published in {seconds[1]:.1f} s"
    )


async def members(observer: ChannelSocket, room: str) -> set[str]:
    """Return the ids of a room's other members."""
    return {*(await observer.do("presence", channel=room))["presence"]} - {observer.id}


async def observing(stack: AsyncExitStack, url: str) -> ChannelSocket:
    """Return a client in every room, which may ask who else is there."""
    observer = await stack.enter_async_context(channel_socket(url))
    for room in ROOMS:
        await observer.do("subscribe", channel=room)
    return observer


def test_the_command_with_the_highest_id_decides_about_a_membership(
    lounge: Running, seed: int
) -> None:
    """The commands of one connection are sent in any order, and sixteen are in flight."""
    chance = random.Random(seed)

    async def play() -> None:
        async with AsyncExitStack() as stack:
            observer = await observing(stack, lounge.url)
            client = await stack.enter_async_context(channel_socket(lounge.url))
            numbers = [*range(10, 10 + COMMANDS)]
            plan = [
                (each, chance.choice(["subscribe", "unsubscribe"]), chance.choice(ROOMS))
                for each in numbers
            ]
            last = {room: method for _, method, room in plan}
            chance.shuffle(plan)
            for start in range(0, COMMANDS, IN_FLIGHT):
                part = plan[start : start + IN_FLIGHT]
                sent = [await client.begin(method, n, channel=room) for n, method, room in part]
                for reply in await asyncio.wait_for(asyncio.gather(*sent), SECONDS):
                    assert "error" not in reply
            for room, method in last.items():
                expected = {client.id} if method == "subscribe" else set()
                assert await members(observer, room) == expected, room

    asyncio.run(play())
    NOTES.append(f"{COMMANDS:,} shuffled commands of one connection")


def test_no_membership_outlives_its_connection(lounge: Running) -> None:
    """Each client closes while its subscribes are still in flight."""

    async def round_of(url: str) -> None:
        async with channel_socket(url) as client:
            for number in range(IN_FLIGHT):
                await client.begin("subscribe", channel=ROOMS[number % len(ROOMS)])

    async def play() -> None:
        async with AsyncExitStack() as stack:
            observer = await observing(stack, lounge.url)
            for _ in range(ROUNDS):
                await round_of(lounge.url)
            deadline = asyncio.get_running_loop().time() + SECONDS
            left = set(ROOMS)
            while left:
                assert asyncio.get_running_loop().time() < deadline, left
                left = {room for room in ROOMS if await members(observer, room)}

    asyncio.run(play())
    NOTES.append(f"{ROUNDS} connections that ended with {IN_FLIGHT} subscribes in flight")
