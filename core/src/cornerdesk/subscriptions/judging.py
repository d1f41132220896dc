"""What is wrong with a source's subscriptions. Pure: judges what the vendor listed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from cornerdesk.adapters.subscriptions import Subscription, SubscriptionState
from cornerdesk.subscriptions.addresses import same_address, shown_address
from cornerdesk.subscriptions.findings import Finding, Judgement, Trouble

OUR_NAME = "cornerdesk"
_STATES = {SubscriptionState.DISABLED: Trouble.DISABLED, SubscriptionState.SUSPENDED: Trouble.SUSPENDED}
_SAID = {SubscriptionState.DISABLED: "is switched off", SubscriptionState.SUSPENDED: "is paused by the vendor"}


@dataclass(frozen=True)
class Wanted:
    """What a source's subscription should be, and what we may do about it.

    Attributes:
        source: its name.
        address: where it should send to.
        others: the addresses of the other sources here, which may share the vendor's account.
        registers: the vendor's API makes and mends subscriptions.
        chooses_secret: a new one brings a secret that has to be written somewhere.
        heard: deliveries have come here before. Only then what sends to another address was ours: it might as well
            belong to another installation, which would lose it.
    """

    source: str
    address: str
    others: tuple[str, ...] = ()
    registers: bool = True
    chooses_secret: bool = False
    heard: bool = True


def is_ours(subscription: Subscription, address: str) -> bool:
    """Whether it sends to us."""
    return same_address(subscription.url, address)


def is_good(subscription: Subscription, address: str) -> bool:
    """Whether it sends everything we can use, to us, now."""
    working = subscription.state is SubscriptionState.ENABLED and not subscription.missing
    return working and is_ours(subscription, address)


def judge(subscriptions: Sequence[Subscription], wanted: Wanted) -> Judgement:
    """What is wrong, and what would mend it."""
    ours = [each for each in subscriptions if is_ours(each, wanted.address)]
    if not ours:
        return _judge_absent([each for each in subscriptions if _looks_like_ours(each, wanted)], wanted)
    sending = [each for each in ours if each.state is SubscriptionState.ENABLED]
    best = min(sending or ours, key=lambda each: len(each.missing))
    findings = [] if sending else [_not_sending(best, wanted)]
    if len(sending) > 1:
        findings.append(_doubled(sending, wanted))
    missing = [name for name in best.missing if all(name in each.missing for each in sending)]
    if missing:
        findings.append(_lacking(best, missing, wanted))
    mendable = wanted.registers and any(finding.repairable for finding in findings)
    return Judgement(tuple(findings), (best,) if mendable else ())


def _judge_absent(candidates: Sequence[Subscription], wanted: Wanted) -> Judgement:
    if not candidates:
        register = wanted.registers and not wanted.chooses_secret
        return Judgement((_missing(wanted, register),), register=register)
    movable = wanted.registers and wanted.heard and len(candidates) == 1
    findings = tuple(_elsewhere(each, wanted, movable) for each in candidates)
    return Judgement(findings, tuple(candidates) if movable else ())


def _looks_like_ours(subscription: Subscription, wanted: Wanted) -> bool:
    if any(same_address(subscription.url, other) for other in wanted.others):
        return False
    return OUR_NAME in subscription.name.casefold()


def _missing(wanted: Wanted, register: bool) -> Finding:
    return Finding(
        source=wanted.source,
        what=Trouble.MISSING,
        detail=f"no subscription sends to {wanted.address}",
        to_do=_register(wanted) if wanted.registers else _by_hand(wanted, "make one"),
        repairable=register,
    )


def _not_sending(subscription: Subscription, wanted: Wanted) -> Finding:
    said = f' ("{subscription.state_label}")' if subscription.state_label else ""
    return Finding(
        source=wanted.source,
        what=_STATES[subscription.state],
        subscription=subscription.id,
        detail=f"subscription {subscription.id} {_SAID[subscription.state]}{said}: nothing comes from it",
        to_do=_repair(wanted, "switch it on again"),
        repairable=wanted.registers,
    )


def _lacking(subscription: Subscription, missing: Sequence[str], wanted: Wanted) -> Finding:
    return Finding(
        source=wanted.source,
        what=Trouble.LACKING,
        subscription=subscription.id,
        detail=f"subscription {subscription.id} does not send {', '.join(missing)}",
        to_do=_repair(wanted, "add these events"),
        repairable=wanted.registers,
    )


def _doubled(sending: Sequence[Subscription], wanted: Wanted) -> Finding:
    return Finding(
        source=wanted.source,
        what=Trouble.DOUBLED,
        subscription=sending[-1].id,
        detail=f"subscriptions {', '.join(each.id for each in sending)} all send to {wanted.address}:"
        " whatever happens arrives more than once (and is told once)",
        to_do="keep the one whose secret stands in webhook_secret, and delete the others at the vendor",
    )


def _elsewhere(subscription: Subscription, wanted: Wanted, movable: bool) -> Finding:
    name = f' "{subscription.name}"' if subscription.name else ""
    moved = _repair(wanted, "point it here")
    return Finding(
        source=wanted.source,
        what=Trouble.ELSEWHERE,
        subscription=subscription.id,
        detail=f"subscription {subscription.id}{name} looks like ours, and sends to {shown_address(subscription.url)}"
        f" instead of {wanted.address}",
        to_do=moved if movable else f"if it belongs to another installation, leave it alone: {_register(wanted)}",
        repairable=movable,
    )


def _repair(wanted: Wanted, what: str) -> str:
    if not wanted.registers:
        return _by_hand(wanted, what)
    return f"`cornerdesk doctor {wanted.source} --repair` can {what}"


def _register(wanted: Wanted) -> str:
    option = " --secret-file FILE" if wanted.chooses_secret else ""
    return f"make one with `cornerdesk webhooks register {wanted.source}{option}`"


def _by_hand(wanted: Wanted, what: str) -> str:
    return f"{what} at the vendor; `cornerdesk webhooks register {wanted.source}` says how"
