"""The waiting room: groups, bounds, and who is told what when the database is not well."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from typing import TYPE_CHECKING, Any

import pytest
from cornerdesk import RetryableError
from cornerdesk.intake import Inbox, InboxLimits
from cornerdesk.intake.inbox import JOB_SIZE, job_requests
from cornerdesk.storage import StorageUnavailable, StoredDelivery
from prometheus_client import CollectorRegistry

if TYPE_CHECKING:
    from core.tests.intake.conftest import World

Store = Callable[[Sequence[StoredDelivery], Any], Awaitable[set[str]]]


class Gate:
    """Stands before the real storage: counts groups, holds them up, refuses."""

    def __init__(self, world: World) -> None:
        self._store: Store = world.storage.store_deliveries
        self.groups: list[int] = []
        self.open = asyncio.Event()
        self.open.set()
        self.begun = asyncio.Event()
        self.refuse: Callable[[StoredDelivery], Exception | None] = lambda _: None

    async def __call__(self, batch: Sequence[StoredDelivery], enqueue: Any) -> set[str]:
        self.groups.append(len(batch))
        self.begun.set()
        await self.open.wait()
        for one in batch:
            if error := self.refuse(one):
                raise error
        return await self._store(batch, enqueue)


@pytest.fixture
def gate(world: World, monkeypatch: pytest.MonkeyPatch) -> Gate:
    gate = Gate(world)
    monkeypatch.setattr(world.storage, "store_deliveries", gate)
    return gate


@pytest.fixture
async def open_inbox(world: World) -> AsyncIterator[Callable[[InboxLimits], Inbox]]:
    opened: list[Inbox] = []

    def make(limits: InboxLimits) -> Inbox:
        opened.append(Inbox(world.storage, world.jobs, world.clock, registry=CollectorRegistry(), limits=limits))
        opened[-1].start()
        return opened[-1]

    yield make
    for inbox in opened:
        await inbox.aclose()


Open = Callable[[InboxLimits], Inbox]


def items(world: World, *ids: str) -> list[StoredDelivery]:
    return [world.stored({"id": id}) for id in ids]


async def test_whatever_waited_while_the_last_commit_ran_is_the_next_group(
    world: World, gate: Gate, open_inbox: Open
) -> None:
    inbox = open_inbox(InboxLimits())
    gate.open.clear()
    first, *others = (asyncio.create_task(inbox.put(item)) for item in items(world, "1", "2", "3", "4"))
    await gate.begun.wait()
    gate.open.set()
    results = [await first, *[await other for other in others]]
    assert all(result.new for result in results)
    assert sum(gate.groups) == 4
    assert len(gate.groups) <= 2
    assert sorted(i for job in world.jobs.queue for i in json.loads(job.payload)) == sorted(str(r.id) for r in results)


async def test_a_full_room_refuses_at_once(world: World, gate: Gate, open_inbox: Open) -> None:
    inbox = open_inbox(InboxLimits(waiting=2))
    gate.open.clear()
    waiting = [asyncio.create_task(inbox.put(item)) for item in items(world, "1")]
    await gate.begun.wait()
    waiting += [asyncio.create_task(inbox.put(item)) for item in items(world, "2", "3")]
    await asyncio.sleep(0)
    with pytest.raises(StorageUnavailable, match="too many"):
        await inbox.put(items(world, "4")[0])
    gate.open.set()
    assert all(result.new for result in await asyncio.gather(*waiting))


async def test_a_room_full_of_bytes_refuses(world: World, gate: Gate, open_inbox: Open) -> None:
    inbox = open_inbox(InboxLimits(waiting_bytes=10))
    gate.open.clear()
    first = asyncio.create_task(inbox.put(items(world, "1")[0]))
    await gate.begun.wait()
    second = asyncio.create_task(inbox.put(items(world, "2")[0]))
    await asyncio.sleep(0)
    with pytest.raises(StorageUnavailable, match="too many"):
        await inbox.put(items(world, "3")[0])
    gate.open.set()
    await asyncio.gather(first, second)


async def test_nobody_joins_a_queue_that_does_not_move(world: World, gate: Gate, open_inbox: Open) -> None:
    inbox = open_inbox(InboxLimits(age=0.0))
    gate.open.clear()
    first = asyncio.create_task(inbox.put(items(world, "1")[0]))
    await gate.begun.wait()
    with pytest.raises(StorageUnavailable, match="too long"):
        await inbox.put(items(world, "2")[0])
    gate.open.set()
    await first


async def test_those_who_wait_for_a_commit_that_hangs_are_sent_away_and_may_come_again(
    world: World, gate: Gate, open_inbox: Open
) -> None:
    inbox = open_inbox(InboxLimits(patience=0.01))
    gate.open.clear()
    with pytest.raises(StorageUnavailable, match="does not answer"):
        await inbox.put(items(world, "1")[0])
    with pytest.raises(StorageUnavailable, match="does not answer"):
        await inbox.put(items(world, "2")[0])
    gate.open.set()
    await inbox.aclose()
    again = open_inbox(InboxLimits())
    assert not (await again.put(items(world, "1")[0])).new
    assert (await again.put(items(world, "2")[0])).new


async def test_a_failing_store_fails_the_whole_group_and_the_next_one_goes_on(
    world: World, gate: Gate, open_inbox: Open
) -> None:
    inbox = open_inbox(InboxLimits())
    gate.refuse = lambda _: StorageUnavailable("gone")
    results = await asyncio.gather(*(inbox.put(i) for i in items(world, "1", "2", "3")), return_exceptions=True)
    assert all(isinstance(result, RetryableError) for result in results)
    assert await world.deliveries() == []
    gate.refuse = lambda _: None
    assert (await inbox.put(items(world, "1")[0])).new


async def test_one_that_the_database_refuses_does_not_fail_its_neighbours(
    world: World, gate: Gate, open_inbox: Open
) -> None:
    inbox = open_inbox(InboxLimits())
    gate.refuse = lambda one: ValueError("a customer's words") if one.key == "3" else None
    ids = [str(n) for n in range(6)]
    results = await asyncio.gather(*(inbox.put(item) for item in items(world, *ids)), return_exceptions=True)
    assert [isinstance(result, StorageUnavailable) for result in results] == [id == "3" for id in ids]
    assert str(results[3]) == "the database refuses this delivery (ValueError)"
    assert {row["key"] for row in await world.deliveries()} == set(ids) - {"3"}


async def test_closing_stores_what_waits_and_lets_nobody_else_in(world: World, open_inbox: Open) -> None:
    inbox = open_inbox(InboxLimits())
    waiting = [asyncio.create_task(inbox.put(item)) for item in items(world, "1", "2")]
    await asyncio.sleep(0)
    await inbox.aclose()
    assert all(result.new for result in await asyncio.gather(*waiting))
    with pytest.raises(StorageUnavailable, match="shutting down"):
        await inbox.put(items(world, "3")[0])


async def test_one_who_stopped_waiting_harms_nobody(world: World, gate: Gate, open_inbox: Open) -> None:
    inbox = open_inbox(InboxLimits())
    gate.open.clear()
    gone, stays = (asyncio.create_task(inbox.put(item)) for item in items(world, "1", "2"))
    await gate.begun.wait()
    gone.cancel()
    gate.open.set()
    assert (await stays).new


def test_a_job_names_a_bounded_number_of_deliveries_in_order_of_arrival() -> None:
    ids = [f"{n:05}" for n in range(2 * JOB_SIZE + 1)]
    chunks = [json.loads(request.payload) for request in job_requests(ids[::-1])]
    assert [len(chunk) for chunk in chunks] == [JOB_SIZE, JOB_SIZE, 1]
    assert [id for chunk in chunks for id in chunk] == ids
