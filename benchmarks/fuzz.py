"""Coverage-guided fuzzing of what an adapter makes of JSON: `python benchmarks/fuzz.py ADAPTER [--seconds 600]`.

Seeds are what the vendor's stand-in sends and tells: signed deliveries of everything people can do there, the pages of
its history, and the JSON files among the adapter's fixtures. They are changed in their structure (a field gone, of
another type, doubled, from another body, an odd value), guided by which lines of the adapter a change reaches
(atheris, libFuzzer). Whatever comes out is a reading whose facts can be stored, or a `RejectedError` with a reason;
anything else ends the run and shows the body. Needs atheris (`make fuzz` installs it); it is no part of the lock,
as it has wheels for few platforms.

Prints how many bodies were read, how many of them told facts, were ignored or rejected, and the coverage reached.
"""

from __future__ import annotations

import argparse
import asyncio
import copy
import importlib
import json
import os
import random
import sys
import time
from collections import Counter
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import atheris
import httpx

ROOT = Path(__file__).parents[1]
BOUNDS = 60_000
"""Bytes of a body at most: more is nothing new."""

FRESH = 0.5
"""How often a seed is taken instead of what earlier changes made of one: those pile up, until everything is refused."""

ODD: tuple[Any, ...] = (
    None, True, False, 0, 1, -1, 10**40, 1.5, "", "0", "x", "OPEN", "null", "5158", "2026-10-05T12:00:00.123456789Z",
    "9999-12-31T23:59:59-12:00", 1_700_000_000, -62135596801, [], {}, [None], [[]], {"id": None}, "a" * 300, "\u0000",
    "\ud800", "<b>&nbsp;</b>", "unheard_of",
)  # fmt: skip


class Target:
    """One adapter and what it is fed with.

    Attributes:
        seeds: deliveries and records: (is it a record, headers, body).
        counts: what became of the bodies.
    """

    def __init__(self, name: str) -> None:
        self.standin, self.adapter = _opened(name)
        told = asyncio.run(self._told())
        # Of some vendors' events only a header tells the name, and fixtures are bodies: each goes with every event.
        events = [headers for record, headers, _ in told if not record] or [{}]
        bare = [(False, one, body) for _, known, body in _fixtures(name) if not known for one in events]
        self.seeds = [*told, *(seed for seed in _fixtures(name) if seed[1]), *bare]
        self.counts: Counter[str] = Counter()

    async def _told(self) -> list[tuple[bool, dict[str, str], bytes]]:
        from cornerdesk import Capability, UnsupportedError

        _everything_that_people_do(self.standin, UnsupportedError)
        deliveries = [self.standin.delivery_of(sent) for sent in self.standin.sent]
        seeds = [(False, dict(each.headers), each.body) for each in deliveries]
        if Capability.HISTORY in self.adapter.capabilities:
            page = await self.adapter.fetch_history(None, None)
            while True:
                seeds += [(True, {}, record.body) for record in page.records]
                if page.end:
                    break
                page = await self.adapter.fetch_history(None, page.cursor)
        await self.adapter.aclose()
        return seeds

    def read(self, data: bytes) -> None:
        """One body: `data` is JSON of a seed's number and the body."""
        from cornerdesk import Delivery, HistoryRecord, RejectedError

        try:
            number, body = json.loads(data)
        except (ValueError, TypeError):
            return
        record, headers, _ = self.seeds[number % len(self.seeds)] if isinstance(number, int) else self.seeds[0]
        raw = json.dumps(body).encode()
        delivery = Delivery(headers=headers, body=raw, received_at=datetime(2026, 10, 5, 12, tzinfo=UTC))
        try:
            if record:
                reading = self.adapter.read_history(HistoryRecord(key="k", ticket_id="1", body=raw))
            else:
                assert self.adapter.delivery_key(delivery)
                reading = self.adapter.read(delivery)
        except RejectedError as error:
            self.counts["rejected" if str(error) else "rejected without a reason"] += 1
            return
        self.counts["facts" if reading.facts else "ignored"] += 1
        _check(reading)


def _check(reading: Any) -> None:
    """What the core will do with it: check it against the model, and store it."""
    from cornerdesk.intake.text import with_clean_text
    from cornerdesk.intake.told import checked_fields

    assert bool(reading.facts) != bool(reading.ignored)
    for fact in reading.facts:
        assert all(key for key in fact.keys)
        checked_fields(with_clean_text(fact))
        with_clean_text(fact).model_dump_json()
    for state in reading.states:
        with_clean_text(state).model_dump_json()


def _opened(name: str) -> tuple[Any, Any]:
    from cornerdesk.plugins import adapter_for, load_plugins
    from cornerdesk.testing.desk import StandIn

    module = importlib.import_module(f"cornerdesk_{name}.standin")
    [kind] = [
        each
        for each in vars(module).values()
        if isinstance(each, type) and issubclass(each, StandIn) and each is not StandIn
    ]
    standin = kind()
    made = adapter_for(load_plugins(), name)
    settings = made.settings_model.model_validate({**standin.settings("http://127.0.0.1:1"), "adapter": name})
    transport: Any = httpx.ASGITransport(standin.app)
    return standin, made("support", settings, transport=transport)  # type: ignore[call-arg]


def _everything_that_people_do(standin: Any, unsupported: type[Exception]) -> None:
    ticket = standin.open_ticket("Export", "We will cancel.", requester="bo@example.com", organization="Example Ltd",
                                 domains=["example.com"], tags=["vip"])  # fmt: skip
    other = standin.open_ticket("Second", "Hello again", requester="ada@example.org")
    lasting = standin.open_ticket("Third", "What is gone, some histories do not show.", organization="Example Ltd")
    doings: list[Callable[[], Any]] = [
        lambda: standin.comment(ticket, "Any news?"),
        lambda: standin.comment(ticket, "We look at it.", by="agent"),
        lambda: standin.comment(ticket, "He is angry.", by="agent", public=False),
        lambda: standin.change(ticket, add_tags=["churn"]),
        lambda: standin.change(ticket, remove_tags=["vip"]),
        lambda: standin.change(ticket, priority="urgent"),
        lambda: standin.change(ticket, subject="Export, again"),
        lambda: standin.change(ticket, assignee=standin.agent_id),
        lambda: standin.change(ticket, team=next(iter(standin.teams), None)),
        lambda: standin.change(ticket, fields={"Plan": "enterprise"}),
        lambda: standin.set_status(ticket, "solved"),
        lambda: standin.rate(ticket, "bad", "Slow"),
        lambda: standin.set_status(ticket, "open"),
        lambda: standin.merge(standin.open_ticket("Fourth", "The same again."), lasting),
        lambda: standin.comment(lasting, "We look at it.", by="agent"),
        lambda: standin.change(lasting, fields={"Plan": "enterprise"}, assignee=standin.agent_id),
        lambda: standin.rate(lasting, "good", "Quick"),
        lambda: standin.merge(other, ticket),
        lambda: standin.delete(ticket),
    ]
    for do in doings:
        try:
            do()
        except unsupported:
            continue


def _fixtures(name: str) -> list[tuple[bool, dict[str, str], bytes]]:
    found = []
    for file in sorted((ROOT / "plugins" / name / "tests" / "fixtures").rglob("*.json")):
        body = file.read_bytes()
        try:
            data = json.loads(body)
        except ValueError:
            continue
        if isinstance(data, dict) and isinstance(data.get("headers"), dict) and "body" in data:
            found.append(
                (False, {str(k).lower(): str(v) for k, v in data["headers"].items()}, json.dumps(data["body"]).encode())
            )
        else:
            found.append((False, {}, body))
    return found


# ── mutation ────────────────────────────────────────────────────────────────────────────────────────────────────────


def mutate(data: bytes, most: int, seed: int, target: Target) -> bytes:
    """A body like this one: between one and four places of it changed."""
    draw = random.Random(seed)
    number, body = draw.randrange(len(target.seeds)), None
    if draw.random() < FRESH:
        body = json.loads(target.seeds[number][2])
    else:
        try:
            number, body = json.loads(data)
        except (ValueError, TypeError):
            body = json.loads(target.seeds[number][2])
    for _ in range(draw.randint(1, 4)):
        body = _changed(body, draw, target)
    out = json.dumps([number, body]).encode()
    return out if len(out) <= min(most, BOUNDS) else data[:most]


def _changed(body: Any, draw: random.Random, target: Target) -> Any:
    places = list(_places(body))
    if not places:
        return _value(draw, target)
    holder, key = draw.choice(places)
    doing = draw.randrange(5)
    if doing == 0:
        del holder[key]
    elif doing == 1:
        holder[key] = _value(draw, target)
    elif doing == 2:
        other, place = draw.choice(places)
        holder[key] = json.loads(json.dumps(other[place])) if _holds(other, place) else None
    elif doing == 3 and isinstance(holder, list):
        holder.insert(key, json.loads(json.dumps(holder[key])))
    else:
        holder[key] = str(holder[key]) if isinstance(holder[key], int | float) else [holder[key]]
    return body


def _places(value: Any) -> Any:
    if isinstance(value, dict):
        for key in list(value):
            yield value, key
            yield from _places(value[key])
    elif isinstance(value, list):
        for index in range(len(value)):
            yield value, index
            yield from _places(value[index])


def _holds(holder: Any, key: Any) -> bool:
    return key in holder if isinstance(holder, dict) else key < len(holder)


def _value(draw: random.Random, target: Target) -> Any:
    if draw.random() < 0.7:
        return copy.deepcopy(draw.choice(ODD))  # what is put into one must not come with it the next time
    places = list(_places(json.loads(draw.choice(target.seeds)[2])))
    holder, key = draw.choice(places)
    return holder[key]


# ── the run ─────────────────────────────────────────────────────────────────────────────────────────────────────────


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("adapter")
    parser.add_argument("--seconds", type=int, default=600)
    options = parser.parse_args()
    with atheris.instrument_imports(include=[f"cornerdesk_{options.adapter}", "cornerdesk.wire", "cornerdesk.intake"]):
        importlib.import_module(f"cornerdesk_{options.adapter}")
    target = Target(options.adapter)
    print(f"{options.adapter}: {len(target.seeds)} seeds", flush=True)
    corpus = Path(os.environ.get("TMPDIR", "/tmp")) / f"cornerdesk-fuzz-{options.adapter}-{os.getpid()}"
    corpus.mkdir()
    for number, (_, _, body) in enumerate(target.seeds):
        (corpus / str(number)).write_bytes(json.dumps([number, json.loads(body)]).encode())
    began = time.monotonic()

    def tell() -> None:
        seconds = time.monotonic() - began
        runs = sum(target.counts.values())
        told = ", ".join(f"{count} {word}" for word, count in target.counts.most_common())
        print(
            f"{options.adapter}: {runs} bodies in {seconds:.0f} s ({runs / seconds:.0f}/s): {told}; no other error",
            flush=True,
        )

    def one(data: bytes) -> None:
        target.read(data)
        if time.monotonic() - began > options.seconds:
            tell()
            os._exit(0)

    atheris.Setup(
        [
            sys.argv[0],
            str(corpus),
            "-timeout=20",
            f"-max_len={BOUNDS}",
            "-rss_limit_mb=4096",
            f"-artifact_prefix={corpus}/",
        ],
        one,
        custom_mutator=lambda data, most, seed: mutate(data, most, seed, target),
    )
    atheris.Fuzz()


if __name__ == "__main__":
    main()
