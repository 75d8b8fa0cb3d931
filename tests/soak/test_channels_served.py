"""Channels through `decanter local`: many clients, and handlers that overtake each other."""

import asyncio
import json
import random
from collections.abc import Iterator
from contextlib import AsyncExitStack

import pytest

from tests.soak.conftest import NOTES, size
from tests.support.channel_sockets import ChannelSocket, channel_socket
from tests.support.gateways import PROJECTS, SECONDS, Running, gateway
from tests.support.tokens import HS256

CLIENTS, CHANNELS, PUBLICATIONS = size(50, 6), size(5, 2), size(40, 4)
COMMANDS, ROUNDS = size(10_000, 60), size(200, 4)
ROOMS = [f"chat:room{number}" for number in range(4)]
IN_FLIGHT = 16


@pytest.fixture(scope="module", name="lounge")
def _lounge() -> Iterator[Running]:
    with gateway(PROJECTS / "lounge", "--no-reload", environment=HS256) as it:
        yield it


def test_every_publication_reaches_every_subscriber_once(lounge: Running) -> None:
    channels = [f"feed:{number}" for number in range(CHANNELS)]
    total = CHANNELS * PUBLICATIONS

    async def play() -> list[ChannelSocket]:
        async with AsyncExitStack() as stack:
            clients = [
                await stack.enter_async_context(channel_socket(lounge.url)) for _ in range(CLIENTS)
            ]
            for client in clients:
                for channel in channels:
                    await client.do("subscribe", channel=channel)

            async def publish(channel: str) -> None:
                for number in range(PUBLICATIONS):
                    sender = clients[number % CLIENTS]
                    await sender.do("publish", channel=channel, data=f"{channel} {number}")

            await asyncio.gather(*map(publish, channels))
            for client in clients:
                await client.wait_for(total)
            return clients

    for client in asyncio.run(play()):
        expected = {(c, json.dumps(f"{c} {n}")) for c in channels for n in range(PUBLICATIONS)}
        assert {*client.publications} == expected
        assert {*client.publications.values()} == {1}
        assert client.pushes == []
    NOTES.append(f"{CLIENTS} clients, {CHANNELS} channels: {CLIENTS * total:,} publications")


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
