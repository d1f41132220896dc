"""From a request to its events, with the real engine between receiver and worker."""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING, Any

from cornerdesk.engine import open_jobs
from cornerdesk.intake import Inbox, Processor
from cornerdesk.intake.inbox import JOB

if TYPE_CHECKING:
    from core.tests.intake.conftest import World


async def test_what_is_received_is_decided_on_by_the_worker(world: World) -> None:
    jobs = open_jobs(world.storage)
    inbox = Inbox(world.storage, jobs, world.clock)
    inbox.start()
    world.desk.tickets |= {str(n): world.state(str(n), at=600) for n in range(5)}
    enough = asyncio.Event()

    async def decide(tx: Any, snapshot: Any) -> None:
        world.decided.append(snapshot)
        if len(world.decided) == 40:
            enough.set()

    world.decide = decide
    processor: Processor = world.processor()
    jobs.handle(JOB, processor.handle)
    stop = asyncio.Event()
    working = asyncio.create_task(jobs.run(stop))
    said = [
        world.fact("message.added", f"m:{n}", ticket=str(n % 5), at=600, message=world.message(str(n), at=600))
        for n in range(40)
    ]
    results = await asyncio.gather(*(inbox.put(world.stored({"id": str(n), "facts": [f]})) for n, f in enumerate(said)))
    assert all(result.new for result in results)
    async with asyncio.timeout(30):
        await enough.wait()
    stop.set()
    await working
    await inbox.aclose()
    rows = await world.deliveries()
    assert {(row["state"], row["events"], row["attempts"]) for row in rows} == {("done", 1, 1)}
    assert sorted(json.loads(row["body"])["id"] for row in rows) == sorted(str(n) for n in range(40))
