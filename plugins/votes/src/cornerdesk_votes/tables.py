"""The tables of votes. The revisions under `migrations/` make them; a test holds the two equal."""

from __future__ import annotations

from cornerdesk import UtcDateTime
from sqlalchemy import Column, Float, ForeignKey, Index, Integer, MetaData, String, Table, Text, UniqueConstraint

metadata = MetaData()

votes = Table(
    "votes",
    metadata,
    Column("id", String, primary_key=True),
    Column("feature", String, nullable=False),
    Column("voter", String, nullable=False),  # the person: an e-mail address, else source and customer id
    Column("state", String, nullable=False),
    Column("revision", Integer, nullable=False),  # counts changes of state; names the sync to a board
    Column("customer", String),
    Column("customer_name", String),
    Column("customer_id", String),
    Column("account", String),
    Column("account_name", String),
    Column("account_status", String, nullable=False),
    Column("company", String),  # the account, else the e-mail domain; null: nobody knows
    Column("weight", Float, nullable=False),
    Column("rule", String, nullable=False),
    Column("created_at", UtcDateTime, nullable=False),
    Column("changed_at", UtcDateTime, nullable=False),
    Column("changed_by", String),  # who answered last by hand
    UniqueConstraint("feature", "voter", name="votes_once"),
    Index("votes_by_state", "state"),
    Index("votes_by_creation", "created_at"),
)

vote_tickets = Table(
    "vote_tickets",
    metadata,
    Column("vote", String, ForeignKey("votes.id", ondelete="CASCADE"), primary_key=True),
    Column("source", String, primary_key=True),
    Column("ticket", String, primary_key=True),
    Column("number", String),
    Column("url", Text),
    Column("quote", Text),
    Column("added_at", UtcDateTime, nullable=False),
    Index("vote_tickets_of_ticket", "source", "ticket"),
)
