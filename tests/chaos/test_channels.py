"""Channels under the same faults: a publication is a broadcast to the members of a channel."""

import asyncio
import random
from collections import Counter
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any

import pytest

from tests.chaos.conftest import CLIENTS, FEW_PROCESSES, FULL
from tests.chaos.stage import Scene
from tests.support.channel_sockets import ChannelSocket, channel_socket
from tests.support.gateways import PROJECTS, SECONDS, Running, gateway, wait_until
from tests.support.marks import THOROUGH
from tests.support.tokens import HS256

pytestmark = THOROUGH

FEED, CHAT = "feed:faults", "chat:faults"
MEMBERS, PUBLICATIONS = (min(CLIENTS, 50), 50) if FULL else (8, 6)
"""Channels of 100 members or more publish no `leave`."""

COUNTED: list[dict[str, Any]] = [
    {"action": "429", "share": 0.3},
    {"action": "500", "share": 0.3},
    {"action": "reset", "share": 0.2},
]
"""Faults of posts after which a recipient is served, or counted as failed."""


class Audience(Scene):
    """Members of both channels. The first client publishes."""

    def __init__(self, running: Running, members: list[ChannelSocket]) -> None:
        super().__init__(running)
        self.members = members
        self._summed = 0

    def sum_reports(self, count: int) -> Counter[str]:
        """Wait for this many reports since the last call, and return the sum of the new ones."""
        wait_until(lambda: len(self.reports()) >= self._summed + count, f"{count} reports")
        reports = self.reports()
        new, self._summed = reports[self._summed :], len(reports)
        names = ("sent", "gone", "pending", "failed", "left_over", "repeated")
        return sum((Counter({name: it[name] for name in names}) for it in new), Counter())

    async def publish(self, channel: str, data: Any) -> None:
        """Publish, and wait until each member has read what was sent to it."""
        await self.members[0].do("publish", channel=channel, data=data)
        for member in self.members:
            await asyncio.wait_for(await member.socket.ping(), SECONDS)

    async def present(self, channel: str) -> set[str]:
        """Return the connection ids of a channel's members."""
        return {*(await self.members[0].do("presence", channel=channel))["presence"]}


@pytest.fixture(scope="module", name="lounge")
def _lounge() -> Iterator[Running]:
    with gateway(PROJECTS / "lounge", *FEW_PROCESSES, "--no-reload", environment=HS256) as it:
        yield it


@asynccontextmanager
async def audience(running: Running) -> AsyncIterator[Audience]:
    """Connect members; at the end, remove the faults."""
    async with AsyncExitStack() as stack:
        members = [
            await stack.enter_async_context(channel_socket(running.url)) for _ in range(MEMBERS)
        ]
        for member in members:
            for channel in (FEED, CHAT):
                await member.do("subscribe", channel=channel)
        found = Audience(running, members)
        mine = {member.id for member in members}
        async with asyncio.timeout(SECONDS):
            while await found.present(CHAT) != mine:
                pass  # members of an earlier scenario are leaving
        for member in members:
            member.pushes.clear()
        stack.callback(found.mend)
        yield found


def played(running: Running, play: Callable[[Audience], Coroutine[Any, Any, None]]) -> None:
    async def whole() -> None:
        async with audience(running) as found:
            await play(found)

    asyncio.run(whole())


@pytest.mark.case(38)
def test_a_publication_arrives_once_or_is_counted(lounge: Running, seed: int) -> None:
    """All members stay members, because none of them is certainly gone."""

    async def play(audience: Audience) -> None:
        chance = random.Random(seed)
        for number in range(PUBLICATIONS):
            # The publisher's own reply is a post, too, which this test awaits.
            spared = [chance.choice(audience.members[1:]) for _ in range(MEMBERS // 2)]
            for member in spared:
                fault = {**chance.choice(COUNTED), "seed": chance.randrange(1000)}
                audience.inject("connections", connection=member.id, **fault)
            await audience.publish(FEED, number)
            audience.mend()
        counts = audience.sum_reports(PUBLICATIONS)
        received = [member.publications for member in audience.members]
        arrived = sum(len(each) for each in received)
        assert counts["sent"] + counts["failed"] == MEMBERS * PUBLICATIONS, counts
        assert counts["sent"] <= arrived <= counts["sent"] + counts["repeated"], counts
        assert sum(each.total() for each in received) - arrived <= counts["repeated"], counts
        assert all(channel == FEED for each in received for channel, _ in each)
        assert await audience.present(CHAT) == {member.id for member in audience.members}
        await audience.publish(FEED, "after the faults")
        assert audience.sum_reports(1) == Counter(sent=MEMBERS)

    played(lounge, play)


@pytest.mark.case(39)
def test_a_member_that_is_gone_leaves_all_its_channels_once(lounge: Running, seed: int) -> None:
    async def play(audience: Audience) -> None:
        gone = random.Random(seed).choice(audience.members[1:])
        audience.members.remove(gone)
        audience.table.age(gone.id, 60, (FEED, CHAT))
        audience.inject("connections", "410", connection=gone.id)
        for number in range(3):
            await audience.publish(FEED, number)
        leaves = [each for member in audience.members for each in member.pushes if "leave" in each]
        assert [each["leave"]["info"]["client"] for each in leaves] == [gone.id] * (MEMBERS - 1)
        assert {each["channel"] for each in leaves} == {CHAT}
        assert gone.id not in await audience.present(CHAT)
        counts = audience.sum_reports(3)
        assert counts["failed"] == counts["left_over"] == 0

    played(lounge, play)


@pytest.mark.case(40)
@pytest.mark.parametrize("action", ["throttle", "away"])
def test_a_command_that_the_tables_refuse_can_be_repeated(lounge: Running, action: str) -> None:
    async def play(audience: Audience) -> None:
        publisher, other = audience.members[:2]
        commands: list[tuple[str, dict[str, Any]]] = [
            ("subscribe", {"channel": "feed:more"}),
            ("publish", {"channel": FEED, "data": "once"}),
            ("presence", {"channel": CHAT}),
            ("unsubscribe", {"channel": FEED}),
        ]
        for method, fields in commands:
            audience.inject("dynamodb", action)
            reply = await asyncio.wait_for(await publisher.begin(method, **fields), SECONDS)
            assert reply["error"]["code"] == 100, reply
            assert reply["error"]["temporary"] is True, reply
            audience.mend()
            await publisher.do(method, **fields)
        await other.do("publish", channel=FEED, data="again")
        await other.wait_for(2)
        assert publisher.publications == {(FEED, '"once"'): 1}
        assert other.publications == {(FEED, '"once"'): 1, (FEED, '"again"'): 1}

    played(lounge, play)
