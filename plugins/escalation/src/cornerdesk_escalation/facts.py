"""What a reader must know of a ticket, taken from the snapshot while it is there. Pure; imports no I/O."""

from __future__ import annotations

import unicodedata

from cornerdesk import Account, Direction, FrozenModel, Snapshot

# Marks that turn the direction of writing (Unicode UAX 9); joiners stay, some scripts cannot be read without them.
TURNING = frozenset("\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")
MANY_SIGNALS = 6
ONE_LINE = 300


class Noticed(FrozenModel):
    """A signal and the words it rests on."""

    name: str
    words: str | None = None


class AccountFacts(FrozenModel):
    """The customer's company, as far as known. `revenue` is yearly, in `currency`."""

    name: str | None = None
    status: str | None = None
    tier: str | None = None
    plan: str | None = None
    revenue: float | None = None
    currency: str | None = None


class TicketFacts(FrozenModel):
    """One ticket as a message tells of it.

    Attributes:
        number: what people see in the inbox.
        url: the agents' page, only ever http or https.
        words: what the customer wrote, shortened; None when the event carries no words of theirs.
    """

    number: str
    url: str | None = None
    source: str
    subject: str | None = None
    customer: str | None = None
    account: AccountFacts | None = None
    words: str | None = None
    signals: tuple[Noticed, ...] = ()


def take_facts(snapshot: Snapshot, *, words: int) -> TicketFacts:
    """The facts of this snapshot, with at most `words` characters of what the customer wrote (0: none of them)."""
    ticket, customer = snapshot.ticket, snapshot.customer
    return TicketFacts(
        number=one_line(ticket.number or ticket.id, 60),
        url=web_address(ticket.url),
        source=snapshot.event.source,
        subject=one_line(ticket.subject, ONE_LINE) if ticket.subject else None,
        customer=one_line(customer.name or customer.email or "", 120) or None if customer else None,
        account=_account(snapshot.account),
        words=_words(snapshot, words),
        signals=_signals(snapshot) if words else _names_only(snapshot),
    )


def one_line(text: str, limit: int) -> str:
    """Text as one visible line: it will stand in subjects, labels and notes."""
    return shorten(visible(" ".join(text.split())), limit)


def shorten(text: str, limit: int) -> str:
    """At most `limit` characters, cut at a word where there is one near."""
    if len(text) <= limit:
        return text
    space = max(text.rfind(" ", 0, limit), text.rfind("\n", 0, limit))
    return text[: space if space > limit * 2 // 3 else limit - 1].rstrip() + "…"


def visible(text: str) -> str:
    """Without control characters and without the marks that turn the direction of writing: a stranger's text must not
    be able to rearrange the words around it."""
    return "".join(
        character
        for character in text
        if character == "\n" or (unicodedata.category(character) not in {"Cc", "Cs"} and character not in TURNING)
    )


def web_address(url: str | None) -> str | None:
    """The address if a reader may safely follow it."""
    if url and url.lower().startswith(("https://", "http://")) and not any(c.isspace() for c in url):
        return url
    return None


def _account(account: Account | None) -> AccountFacts | None:
    if account is None:
        return None
    return AccountFacts(
        name=one_line(account.name, 120) if account.name else None,
        status=account.status.value,
        tier=account.tier,
        plan=account.plan,
        revenue=account.revenue,
        currency=account.currency,
    )


def _words(snapshot: Snapshot, limit: int) -> str | None:
    message = snapshot.message
    if not limit or message is None or message.direction is not Direction.INBOUND:
        return None
    return shorten(visible(message.text.replace("\r\n", "\n").replace("\t", " ")).strip(), limit) or None


def _signals(snapshot: Snapshot) -> tuple[Noticed, ...]:
    return tuple(
        Noticed(name=signal.name, words=one_line(signal.evidence[0].text, 120) if signal.evidence else None)
        for signal in snapshot.signals[:MANY_SIGNALS]
    )


def _names_only(snapshot: Snapshot) -> tuple[Noticed, ...]:
    return tuple(Noticed(name=signal.name) for signal in snapshot.signals[:MANY_SIGNALS])
