"""The action `lead`. `plan` is pure; `record` writes the lead, or joins the ticket to the one that is there."""

from __future__ import annotations

import json
from collections.abc import Sequence

from cornerdesk import (
    AccountStatus,
    ActorKind,
    Agent,
    Effect,
    EffectState,
    FrozenModel,
    Intent,
    Outcome,
    PlanContext,
    RecordContext,
    RecordedAction,
    Snapshot,
)
from pydantic import Field

from cornerdesk_leads.party import Party, party_of
from cornerdesk_leads.records import Claim, join_ticket, open_or_find
from cornerdesk_leads.settings import LeadSettings, Settings
from cornerdesk_leads.states import LeadKind, LeadState, doubt_about


class LeadPayload(FrozenModel):
    """What `record` needs to know of the snapshot."""

    kind: LeadKind
    party: Party
    account: str | None = None
    account_status: AccountStatus = AccountStatus.UNKNOWN
    credit: str | None = None
    value: float | None = Field(None, ge=0)
    currency: str | None = None
    source: str
    ticket: str
    number: str | None = None
    url: str | None = None


class LeadAction(RecordedAction[LeadSettings]):
    """Counts a lead, once per company and kind; further tickets of the company join it."""

    name = "lead"
    about = "count a support-sourced lead, once per company and kind"
    settings_model = LeadSettings
    shorthand = "kind"

    def plan(self, settings: LeadSettings, context: PlanContext) -> Sequence[Intent]:
        snapshot = context.snapshot
        payload = _payload(settings, snapshot, context.configuration.settings_of(Settings))
        # Once per ticket, company and kind; and once more when there is somebody to credit who was not there before.
        scope = ["lead", payload.source, payload.ticket, *(["credited"] if payload.credit else [])]
        target = f"{payload.party.domain or 'a person'} ({payload.kind})"
        return [Intent(target=target, scope=json.dumps(scope), payload=payload.model_dump(mode="json"))]

    async def record(self, effect: Effect, context: RecordContext) -> Outcome:
        payload = LeadPayload.model_validate(effect.payload)
        lead, new = await open_or_find(context.tx, _claim(payload, effect, context), context.now)
        added = await join_ticket(context.tx, lead, _claim(payload, effect, context), context.now)
        if new:
            return Outcome(reason=lead["reason"])
        if not added:
            return Outcome(state=EffectState.SUPPRESSED, reason=f"this ticket is part of lead {lead['id']} already")
        return Outcome(reason=f"joined to lead {lead['id']}, which is {lead['state']}")


def _payload(settings: LeadSettings, snapshot: Snapshot, plugin: Settings) -> LeadPayload:
    ticket, account = snapshot.ticket, snapshot.account
    currency = settings.currency or plugin.currency or (account.currency if account else None)
    return LeadPayload(
        kind=settings.kind,
        party=party_of(snapshot),
        account=account.id if account else None,
        account_status=account.status if account else AccountStatus.UNKNOWN,
        credit=_credit(snapshot) if settings.credit is None else settings.credit.strip() or None,
        value=settings.value,
        currency=None if settings.value is None else currency,
        source=snapshot.event.source,
        ticket=ticket.id,
        number=ticket.number,
        url=ticket.url,
    )


def _credit(snapshot: Snapshot) -> str | None:
    """The assignee, else the agent who acted or wrote."""
    if snapshot.ticket.assignee:
        return _agent(snapshot.ticket.assignee)
    actors = [snapshot.event.actor, *([snapshot.message.author] if snapshot.message else [])]
    for actor in actors:
        if actor.kind is ActorKind.AGENT and (actor.email or actor.name or actor.id):
            return actor.email or actor.name or actor.id
    return None


def _agent(agent: Agent) -> str:
    return agent.email or agent.name or agent.id


def _claim(payload: LeadPayload, effect: Effect, context: RecordContext) -> Claim:
    doubt = doubt_about(payload.kind, payload.account_status)
    mode = context.configuration.settings_of(Settings).mode
    return Claim(
        keys=payload.party.keys,
        kind=payload.kind,
        state=LeadState.PROPOSED if doubt or mode == "proposed" else LeadState.OPEN,
        rule=effect.rule,
        credit=payload.credit,
        row={
            "reason": doubt,
            "company": payload.party.company,
            "domain": payload.party.domain,
            "customer": payload.party.customer,
            "account": payload.account,
            "account_status": payload.account_status.value,
            "value": payload.value,
            "currency": payload.currency,
        },
        ticket={
            "source": payload.source,
            "ticket": payload.ticket,
            "number": payload.number,
            "url": payload.url,
            "customer": payload.party.customer,
        },
    )
