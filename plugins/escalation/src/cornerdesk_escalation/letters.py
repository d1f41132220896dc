"""What a reader gets to read, on a phone, in half a minute: as plain text and as HTML. Pure.

Everything that came from outside is escaped here and nowhere else.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from html import escape
from zoneinfo import ZoneInfo

from cornerdesk import Configuration, Person

from cornerdesk_escalation.channels import Notification
from cornerdesk_escalation.facts import AccountFacts, TicketFacts, one_line, visible, web_address
from cornerdesk_escalation.records import Escalation, State, Tell
from cornerdesk_escalation.settings import EscalationSettings

LONGEST_SUBJECT = 150
_FRAME = (
    '<!doctype html><html lang="en"><head><meta charset="utf-8">'
    '<meta name="viewport" content="width=device-width, initial-scale=1"><title>{title}</title></head>'
    '<body style="margin:0;padding:16px;font:16px/1.5 system-ui,sans-serif;color:#1a1a1a;background:#ffffff">'
    '<div style="max-width:560px;margin:0 auto">{body}</div></body></html>'
)
_BUTTON = (
    "display:inline-block;padding:12px 20px;border-radius:6px;background:#0b57d0;color:#ffffff;text-decoration:none"
)
_QUOTE = "margin:16px 0;padding:4px 0 4px 12px;border-left:3px solid #c4c7c5;white-space:pre-wrap"
_SMALL = "color:#5f6368;font-size:14px"


@dataclass(frozen=True)
class Letter:
    """The parts of a message, in the order in which they are read; what is empty is left out.

    `ask` is what the link is for; `until` what happens when nobody follows it.
    """

    headline: str
    about: tuple[str, ...] = ()
    words: str | None = None
    words_of: str = "the customer"
    noticed: str | None = None
    ask: str | None = None
    link: str | None = None
    until: str | None = None
    ticket_url: str | None = None
    why: str | None = None


def write_escalation(
    configuration: Configuration, escalation: Escalation, tell: Tell, told: list[Tell], *, marker: str
) -> Notification:
    """The message to the one whose turn it is, or was: it may be sent late.

    Args:
        told: everybody whose turn it has been, `tell` included.
    """
    person = configuration.people[tell.person]
    facts, reason = escalation.facts, escalation.reason
    again = any(each.person == tell.person and each.step < tell.step for each in told)
    link = ack_url(configuration, tell.token)
    letter = Letter(
        headline=reason,
        about=_about(facts),
        words=facts.words,
        words_of=facts.customer or "the customer",
        noticed=_noticed(facts),
        ask="I take care of it",
        link=link,
        until=_until(configuration, escalation, tell, told, person),
        ticket_url=facts.url,
        why=f"You get this because rule {escalation.rule} names you" + ("; it is a reminder." if again else "."),
    )
    return Notification(
        subject=_subject(configuration, f"Reminder: {reason}" if again else reason, facts),
        text=as_text(letter),
        html=as_html(letter),
        link=link,
        ticket_url=facts.url,
        marker=marker,
        thread=f"escalation-{escalation.id}",
    )


def write_notice(
    configuration: Configuration, rule: str, text: str, facts: TicketFacts, *, marker: str
) -> Notification:
    """A plain message: nothing to acknowledge."""
    first, _, rest = visible(text).strip().partition("\n")
    letter = Letter(
        headline=one_line(first, 300),
        about=tuple(line for line in (rest.strip(), *_about(facts)) if line),
        ticket_url=facts.url,
        why=f"You get this because rule {rule} names you.",
    )
    return Notification(
        subject=_subject(configuration, first, facts),
        text=as_text(letter),
        html=as_html(letter),
        ticket_url=facts.url,
        marker=marker,
    )


def as_text(letter: Letter) -> str:
    """Plain text. What others wrote is quoted line by line, so that it is never taken for ours."""
    blocks = [letter.headline, "\n".join(letter.about)]
    if letter.words:
        quoted = "\n".join(f"> {line}".rstrip() for line in letter.words.split("\n"))
        blocks.append(f"{letter.words_of} wrote:\n{quoted}")
    blocks.append(letter.noticed or "")
    if letter.ask and letter.link:
        blocks.append(f"{letter.ask}: {letter.link}")
    blocks.append(letter.until or "")
    blocks.append(f"The ticket: {letter.ticket_url}" if letter.ticket_url else "")
    blocks.append(letter.why or "")
    return "\n\n".join(block for block in blocks if block) + "\n"


def as_html(letter: Letter) -> str:
    """HTML without scripts, pictures or anything to fetch."""
    parts = [f'<h1 style="font-size:20px;margin:0 0 12px">{escape(letter.headline)}</h1>']
    parts += [f'<p style="margin:0 0 4px;white-space:pre-wrap">{escape(line)}</p>' for line in letter.about]
    if letter.words:
        parts.append(f'<p style="margin:16px 0 0">{escape(letter.words_of)} wrote:</p>')
        parts.append(f'<blockquote style="{_QUOTE}">{escape(letter.words)}</blockquote>')
    if letter.noticed:
        parts.append(f'<p style="{_SMALL}">{escape(letter.noticed)}</p>')
    if letter.ask and letter.link:
        parts.append(f'<p><a href="{escape(letter.link)}" style="{_BUTTON}">{escape(letter.ask)}</a></p>')
    if letter.until:
        parts.append(f"<p>{escape(letter.until)}</p>")
    if url := web_address(letter.ticket_url):
        parts.append(f'<p><a href="{escape(url)}">Open the ticket</a></p>')
    if letter.why:
        parts.append(f'<p style="{_SMALL}">{escape(letter.why)}</p>')
    return _FRAME.format(title=escape(letter.headline), body="".join(parts))


def ack_url(configuration: Configuration, token: str) -> str:
    """Where this token acknowledges."""
    server = configuration.server
    if server.public_url:
        return f"{server.public_url.rstrip('/')}/ack/{token}"
    host = {"0.0.0.0": "127.0.0.1", "::": "[::1]"}.get(server.host, server.host)  # noqa: S104 - listened on, not bound
    host = f"[{host}]" if ":" in host and not host.startswith("[") else host
    return f"http://{host}:{server.port}/ack/{token}"


def local_time(moment: datetime, person: Person) -> str:
    """A moment as it is for this person: `Tue 4 Mar, 10:30 (Europe/Berlin)`."""
    local = moment.astimezone(ZoneInfo(person.time_zone))
    return f"{local:%a} {local.day} {local:%b, %H:%M} ({person.time_zone})"


def _subject(configuration: Configuration, text: str, facts: TicketFacts) -> str:
    prefix = configuration.settings_of(EscalationSettings).subject_prefix
    tail = f" (ticket {facts.number})"
    head = f"{prefix} {text}".strip()
    return one_line(head, LONGEST_SUBJECT - len(tail)) + tail


def _about(facts: TicketFacts) -> tuple[str, ...]:
    ticket = f"Ticket {facts.number} ({facts.source})"
    if facts.customer:
        ticket += f" from {facts.customer}"
    if facts.subject:
        ticket += f": {facts.subject}"
    account = _account(facts.account) if facts.account else None
    return (account, ticket) if account else (ticket,)


def _account(account: AccountFacts) -> str | None:
    revenue = f"{account.revenue:,.0f} {account.currency or ''}".strip() + " a year" if account.revenue else None
    status = account.status if account.status != "unknown" else None
    plan = f"plan {account.plan}" if account.plan else None
    details = ", ".join(each for each in (account.tier, status, plan, revenue) if each)
    return ": ".join(each for each in (account.name, details) if each) or None


def _noticed(facts: TicketFacts) -> str | None:
    if not facts.signals:
        return None
    seen = [f"{signal.name} (“{signal.words}”)" if signal.words else signal.name for signal in facts.signals]
    return f"Noticed: {', '.join(seen)}"


def _until(
    configuration: Configuration, escalation: Escalation, tell: Tell, told: list[Tell], person: Person
) -> str | None:
    """By when, and who is next; or, when this is sent late, what has become of it since."""
    others = dict.fromkeys(_called(configuration, each.person) for each in told if each.person != tell.person)
    also = f" Told as well, without an answer so far: {', '.join(others)}." if others else ""
    if escalation.state is State.EXHAUSTED:
        return f"There is nobody left to tell.{also}"
    if escalation.step != tell.step or escalation.waits_for or escalation.due_at is None:
        return also.strip() or None
    done = {each.step for each in told}
    rest = [name for step, name in enumerate(escalation.chain) if step not in done]
    following = f"After that {_called(configuration, rest[0])} is told." if rest else "You are the last to be told."
    return f"Please answer by {local_time(escalation.due_at, person)}. {following}{also}"


def _called(configuration: Configuration, key: str) -> str:
    return configuration.people[key].name if key in configuration.people else key
