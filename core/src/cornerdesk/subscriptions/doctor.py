"""Examines a source: asks the vendor, reads our tables, and has both judged."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

from cornerdesk.adapters.interface import Adapter, Capability
from cornerdesk.configuration import Configuration
from cornerdesk.durations import write_duration
from cornerdesk.storage import Storage
from cornerdesk.subscriptions.addresses import webhook_address
from cornerdesk.subscriptions.asking import Said, ask
from cornerdesk.subscriptions.backlog import dead_letters, reconcile_troubles
from cornerdesk.subscriptions.findings import OF_SUBSCRIPTIONS, Examination, Finding, Trouble
from cornerdesk.subscriptions.judging import Wanted, judge
from cornerdesk.subscriptions.rhythm import read_rhythm
from cornerdesk.subscriptions.silence import MISSED, Rhythm, Silence, judge_silence

_NO_ADDRESS = "server.public_url is not set in cornerdesk.yaml, so nobody can tell which subscription is ours"


async def examine(adapter: Adapter, configuration: Configuration, storage: Storage, now: datetime) -> Examination:
    """Everything about one source.

    Raises:
        StorageUnavailable: the database is away. What the vendor does wrong is a finding.
    """
    async with storage.reading() as tx:
        rhythm = await read_rhythm(tx, adapter.source, now)
        own = [*await dead_letters(tx, adapter.source), *await reconcile_troubles(tx, adapter, now)]
    asked = await examine_online(adapter, configuration, heard=rhythm.last is not None)
    silence = judge_silence(rhythm, now)
    findings = [*asked.findings, *_silent(adapter.source, rhythm, silence), *own]
    remarks = [*asked.remarks, *_unheard(silence)]
    return replace(asked, findings=tuple(findings), remarks=tuple(remarks))


async def examine_online(adapter: Adapter, configuration: Configuration, *, heard: bool = False) -> Examination:
    """Only what the vendor can say: credentials and subscriptions.

    Args:
        heard: deliveries have come here before.
    """
    said = await ask(adapter)
    wanted = wanted_of(adapter, configuration, heard=heard)
    unjudged = _unjudged(said)
    if said.subscriptions is None or wanted is None:
        remarks = said.remarks if said.subscriptions is None else (*said.remarks, _NO_ADDRESS)
        return Examination(adapter.source, said.line, said.findings, remarks, unjudged | OF_SUBSCRIPTIONS)
    judgement = judge(said.subscriptions, wanted)
    findings = (*said.findings, *judgement.findings)
    return Examination(adapter.source, said.line, findings, said.remarks, unjudged, judgement)


def wanted_of(adapter: Adapter, configuration: Configuration, *, heard: bool) -> Wanted | None:
    """What this source's subscription should be; None without a `server.public_url`."""
    public_url = configuration.server.public_url
    if public_url is None:
        return None
    return Wanted(
        adapter.source,
        webhook_address(public_url, adapter.source),
        tuple(webhook_address(public_url, name) for name in configuration.sources if name != adapter.source),
        registers=Capability.WEBHOOK_REGISTRATION in adapter.capabilities,
        chooses_secret=adapter.vendor_chooses_secret,
        heard=heard,
    )


def _unjudged(said: Said) -> frozenset[Trouble]:
    """Who did not answer may still have ending credentials."""
    return frozenset({Trouble.CREDENTIALS_END}) if said.line is None else frozenset()


def _silent(source: str, rhythm: Rhythm, silence: Silence) -> list[Finding]:
    if not silence.silent:
        return []
    return [
        Finding(
            source=source,
            what=Trouble.SILENT,
            since=rhythm.last,
            detail=f"nothing has come for {write_duration(_rounded(silence))}; {_why(silence)}",
            to_do="look at the vendor's own log of deliveries, and whether server.public_url is reached from outside;"
            f" `cornerdesk doctor {source} --repair` fetches what was missed",
        )
    ]


def _why(silence: Silence) -> str:
    if silence.missed >= MISSED:
        return f"meanwhile the API told of {silence.missed} messages of customers that no webhook told"
    chance = f"by chance that would happen less than once in {_odds(silence.chance):,} times"
    if not silence.weeks:
        return f"by the rate of the few days before, {chance}"
    weeks = f"{silence.weeks} weeks" if silence.weeks > 1 else "week"
    return f"in the {weeks} before, such a time had {silence.expected:.0f} hours with deliveries; {chance}"


def _odds(chance: float) -> int:
    return int(min(1 / max(chance, 1e-6), 1_000_000))


def _rounded(silence: Silence) -> timedelta:
    unit = timedelta(minutes=1) if silence.length < timedelta(days=1) else timedelta(hours=1)
    return max(silence.length // unit * unit, timedelta(minutes=1))


def _unheard(silence: Silence) -> list[str]:
    return ["no webhook has come yet, so nobody can tell what silence means"] if silence.silent is None else []
