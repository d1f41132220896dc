"""The action `vote`. `plan` is pure; `record` counts the vote, or joins the ticket to the one that is there."""

from __future__ import annotations

import json
from collections.abc import Sequence

from cornerdesk import (
    Account,
    AccountStatus,
    Customer,
    Effect,
    EffectState,
    FrozenModel,
    Intent,
    Outcome,
    PlanContext,
    RecordContext,
    RecordedAction,
    RejectedError,
    company_domain,
)

from cornerdesk_votes import records
from cornerdesk_votes.quotes import quote_of
from cornerdesk_votes.settings import Settings, VoteSettings, VoteState
from cornerdesk_votes.sync import sync_intents


class VotePayload(FrozenModel):
    """What `record` needs to know of the snapshot. `voter` is None when the ticket has no customer."""

    feature: str
    voter: str | None
    customer: str | None = None
    customer_name: str | None = None
    customer_id: str | None = None
    account: str | None = None
    account_name: str | None = None
    account_status: AccountStatus = AccountStatus.UNKNOWN
    company: str | None = None
    weight: float
    quote: str | None = None
    source: str
    ticket: str
    number: str | None = None
    url: str | None = None


class VoteAction(RecordedAction[VoteSettings]):
    """Counts a vote for a feature on behalf of the customer, once per person and feature."""

    name = "vote"
    about = "count a vote for a feature on behalf of the customer, once per person"
    settings_model = VoteSettings
    shorthand = "feature"

    def plan(self, settings: VoteSettings, context: PlanContext) -> Sequence[Intent]:
        payload = _payload(settings.feature, context)
        # Once per ticket: a further ticket adds its words and no second vote.
        scope = json.dumps(["vote", payload.source, payload.ticket])
        return [Intent(target=settings.feature, scope=scope, payload=payload.model_dump(mode="json"))]

    async def record(self, effect: Effect, context: RecordContext) -> Outcome:
        payload = VotePayload.model_validate(effect.payload)
        if payload.voter is None:
            raise RejectedError("the ticket has no customer, and a vote needs a person; set the ticket's requester")
        settings = context.configuration.settings_of(Settings)
        vote = payload.model_dump(exclude={"quote", "source", "ticket", "number", "url"}, mode="json")
        done = await records.record(
            context.tx,
            {**vote, "state": VoteState(settings.mode).value, "rule": effect.rule},
            payload.model_dump(include={"quote", "source", "ticket", "number", "url"}),
            context.now,
        )
        return _outcome(done, settings)


def _outcome(done: records.Recorded, settings: Settings) -> Outcome:
    vote = done.vote
    if done.new:
        counted = vote["state"] == VoteState.COUNTED
        return Outcome(follow_ups=tuple(sync_intents(vote, settings)) if counted else ())
    if done.joined:
        return Outcome(reason=f"this person has voted before; the ticket joins vote {vote['id']}, {vote['state']}")
    return Outcome(state=EffectState.SUPPRESSED, reason=f"this ticket is part of vote {vote['id']} already")


def _payload(feature: str, context: PlanContext) -> VotePayload:
    snapshot = context.snapshot
    customer, account, ticket = snapshot.customer, snapshot.account, snapshot.ticket
    email = customer.email.strip().casefold() if customer and customer.email else None
    return VotePayload(
        feature=feature,
        voter=_voter(snapshot.event.source, customer, email),
        customer=email or (customer.name if customer else None),
        customer_name=customer.name if customer else None,
        customer_id=customer.id if customer else None,
        account=account.id if account else None,
        account_name=account.name if account else None,
        account_status=account.status if account else AccountStatus.UNKNOWN,
        company=_company(account, email),
        weight=context.configuration.settings_of(Settings).weigh(account),
        quote=quote_of(snapshot, feature),
        source=snapshot.event.source,
        ticket=ticket.id,
        number=ticket.number,
        url=ticket.url,
    )


def _voter(source: str, customer: Customer | None, email: str | None) -> str | None:
    if customer is None:
        return None
    return email or json.dumps([source, customer.id])


def _company(account: Account | None, email: str | None) -> str | None:
    return account.id if account else company_domain(email)
