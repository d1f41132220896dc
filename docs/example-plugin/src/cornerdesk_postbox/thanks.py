"""The action `thank`: a card for a customer, written once, sent by a person. Its table, and its list with a verb."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import datetime
from typing import ClassVar

from cornerdesk import (
    ActionSettings,
    Effect,
    EffectState,
    Filter,
    FrozenModel,
    Intent,
    Listing,
    Outcome,
    PlanContext,
    Question,
    RecordContext,
    RecordedAction,
    RejectedError,
    Request,
    TextSetting,
    UtcDateTime,
    Verb,
    new_id,
)
from pydantic import Field
from sqlalchemy import Column, MetaData, String, Table, Text, select, update

metadata = MetaData()

cards = Table(
    "postbox_cards",
    metadata,
    Column("id", String, primary_key=True),
    Column("customer", String, nullable=False, unique=True),
    Column("text", Text, nullable=False),
    Column("state", String, nullable=False),
    Column("rule", String, nullable=False),
    Column("ticket", String),
    Column("created_at", UtcDateTime, nullable=False),
    Column("sent_by", String),
)


class ThankSettings(ActionSettings):
    """What a rule writes: `thank: Dear {{ customer.name }}`, or `thank: {text: ...}`."""

    text: TextSetting = Field(min_length=1, description="what stands on the card")


class ThankAction(RecordedAction[ThankSettings]):
    """Changes only our own table, so it is done wholly or not at all, whatever crashes."""

    name: ClassVar[str] = "thank"
    about: ClassVar[str] = "write a card for a customer, once per customer"
    settings_model: ClassVar[type[ActionSettings]] = ThankSettings
    shorthand: ClassVar[str | None] = "text"

    def plan(self, settings: ThankSettings, context: PlanContext) -> Sequence[Intent]:
        """Pure. The scope makes it once per customer, whichever rule asks, and however often."""
        customer = context.snapshot.customer
        if customer is None or not customer.email:
            return []
        scope = json.dumps(["card", customer.email])
        return [Intent(target=customer.email, scope=scope, payload={"text": settings.text})]

    async def record(self, effect: Effect, context: RecordContext) -> Outcome:
        """Within the transaction that marks the effect done."""
        card = {
            "id": new_id(),
            "customer": effect.target,
            "text": effect.payload["text"],
            "state": "written",
            "rule": effect.rule,
            "ticket": effect.ticket,
            "created_at": context.now,
            "sent_by": None,
        }
        if await context.tx.insert_new(cards, [card], unique=["customer"], returning="id"):
            return Outcome()
        return Outcome(state=EffectState.SUPPRESSED, reason="this customer has a card already")


class CardRow(FrozenModel):
    """A card. The fields of this model are the fields of `--json` and of the API."""

    id: str
    customer: str
    text: str
    state: str
    rule: str
    ticket: str | None
    created_at: datetime
    sent_by: str | None


def thanks_listing() -> Listing:
    """`cornerdesk thanks`, and `cornerdesk thanks sent ID`."""
    return Listing(
        name="thanks",
        about="cards for customers who praised us",
        row=CardRow,
        columns=("id", "state", "customer", "text", "ticket", "created_at"),
        rows=_rows,
        filters=(Filter("state", "only in this state", choices=("written", "sent")),),
        verbs=(Verb("sent", "say that it is in the post", _sent),),
        example="cornerdesk thanks --state written --json",
    )


async def _rows(question: Question) -> Sequence[CardRow]:
    statement = select(cards).order_by(cards.c.created_at.desc(), cards.c.id.desc()).limit(question.limit)
    if "state" in question.filters:
        statement = statement.where(cards.c.state == question.filters["state"])
    return [CardRow.model_validate(row) for row in await question.tx.rows(statement)]


async def _sent(request: Request) -> str:
    changed = await request.tx.execute(
        update(cards)
        .where(cards.c.id == request.id, cards.c.state == "written")
        .values(state="sent", sent_by=request.by)
    )
    if not changed.rowcount:
        raise RejectedError(f"there is no card {request.id} that waits to be sent; `cornerdesk thanks` lists them")
    return f"card {request.id} is sent"
