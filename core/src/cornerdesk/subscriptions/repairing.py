"""Mends what a vendor's API can mend, and has the gap filled that there was meanwhile."""

from __future__ import annotations

import asyncio
from dataclasses import replace

from cornerdesk.adapters.interface import Adapter, Capability
from cornerdesk.clock import SystemClock
from cornerdesk.configuration import Configuration
from cornerdesk.errors import CornerdeskError, RetryableError
from cornerdesk.intake.runs import HistoryRuns
from cornerdesk.storage import Storage
from cornerdesk.subscriptions.asking import PATIENCE
from cornerdesk.subscriptions.doctor import examine_online, wanted_of
from cornerdesk.subscriptions.findings import Examination, Finding, Trouble

_LEFT_A_GAP = frozenset(
    {
        Trouble.MISSING,
        Trouble.DISABLED,
        Trouble.SUSPENDED,
        Trouble.ELSEWHERE,
        Trouble.LACKING,
        Trouble.SILENT,
    }
)


async def repair(
    adapter: Adapter, configuration: Configuration, storage: Storage, examination: Examination
) -> Examination:
    """Mend what `examination` found, look again, and have the API asked for what was missed.

    Returns:
        The same findings, those mended marked as repaired; why others could not be is among the remarks.
    """
    remarks: list[str] = []
    findings = examination.findings
    if await _mend(adapter, configuration, examination, remarks):
        after = await examine_online(adapter, configuration, heard=True)
        left = {finding.name for finding in after.findings}
        seen = after.judgement is not None
        findings = tuple(
            each.model_copy(update={"repaired": seen and each.repairable and each.name not in left})
            for each in examination.findings
        )
        remarks += _reappeared(findings, after)
    if any(_leaves_a_gap(finding) for finding in findings):
        remarks.append(await _fill_the_gap(adapter, storage))
    return replace(examination, findings=findings, remarks=(*examination.remarks, *remarks))


async def _mend(adapter: Adapter, configuration: Configuration, examination: Examination, remarks: list[str]) -> bool:
    """Whether anything was done that is worth looking at."""
    wanted, judgement = wanted_of(adapter, configuration, heard=True), examination.judgement
    if wanted is None or judgement is None or not (judgement.mend or judgement.register):
        return False
    try:
        async with asyncio.timeout(PATIENCE):
            for subscription in judgement.mend:
                await adapter.repair_webhook(subscription, wanted.address)
            if judgement.register:
                await adapter.register_webhook(wanted.address)
    except TimeoutError:
        remarks.append(f"{adapter.helpdesk} did not answer within {PATIENCE:g} s; look again before you repeat it")
    except CornerdeskError as error:
        remarks.append(f"not repaired: {error}")
    except Exception as error:  # noqa: BLE001 - a plugin may raise anything, and the other sources want to be mended
        remarks.append(f"not repaired: the adapter {adapter.helpdesk} broke: {type(error).__name__}")
    return True


def _reappeared(findings: tuple[Finding, ...], after: Examination) -> list[str]:
    """What only mending brought to light."""
    before = {finding.name for finding in findings}
    return [
        f"now that this is mended: {each.detail}; {each.to_do}" for each in after.findings if each.name not in before
    ]


def _leaves_a_gap(finding: Finding) -> bool:
    """What was mended now, or silent with nothing to mend: what came meanwhile has to be fetched."""
    return finding.what in _LEFT_A_GAP and (finding.repaired or finding.what is Trouble.SILENT)


async def _fill_the_gap(adapter: Adapter, storage: Storage) -> str:
    """Make reconcile due now: it goes on where it certainly was, and so tells whatever webhooks did not."""
    if Capability.HISTORY not in adapter.capabilities or adapter.settings.reconcile is None:
        return f"what was missed meanwhile cannot be fetched by itself: {adapter.source!r} has no reconcile"
    try:
        asked = await HistoryRuns(storage, SystemClock()).make_due(adapter.source)
    except RetryableError as error:
        return f"what was missed meanwhile is fetched when reconcile is due next: {error}"
    if asked:
        return "what was missed meanwhile is fetched within a minute by `cornerdesk serve`"
    return "`cornerdesk serve` has not served this source yet, so nothing was missed"
