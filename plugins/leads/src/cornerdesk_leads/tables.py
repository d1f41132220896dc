"""The tables of leads. The revisions under `migrations/` make them; a test holds the two equal."""

from __future__ import annotations

from cornerdesk import UtcDateTime
from sqlalchemy import Column, Float, ForeignKey, Index, MetaData, String, Table, Text

metadata = MetaData()

leads = Table(
    "leads",
    metadata,
    Column("id", String, primary_key=True),
    Column("slot", String, unique=True),  # party and kind while the lead holds its place; null: a new one may follow
    Column("party", String, nullable=False),
    Column("kind", String, nullable=False),
    Column("state", String, nullable=False),
    Column("reason", Text),
    Column("company", String),
    Column("domain", String),
    Column("customer", String),
    Column("account", String),
    Column("account_status", String, nullable=False),
    Column("credited_to", String),
    Column("value", Float),
    Column("currency", String),
    Column("rule", String, nullable=False),
    Column("created_at", UtcDateTime, nullable=False),
    Column("changed_at", UtcDateTime, nullable=False),
    Column("changed_by", String),  # who answered last by hand; null: nobody did
    Column("closed_at", UtcDateTime),
    Index("leads_of_party", "party", "kind"),
    Index("leads_by_state", "state"),
    Index("leads_by_creation", "created_at"),
)

lead_tickets = Table(
    "lead_tickets",
    metadata,
    Column("lead", String, ForeignKey("leads.id", ondelete="CASCADE"), primary_key=True),
    Column("source", String, primary_key=True),
    Column("ticket", String, primary_key=True),
    Column("number", String),
    Column("url", Text),
    Column("customer", String),
    Column("rule", String, nullable=False),
    Column("added_at", UtcDateTime, nullable=False),
    Index("lead_tickets_of_ticket", "source", "ticket"),
)
