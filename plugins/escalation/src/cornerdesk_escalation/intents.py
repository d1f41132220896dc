"""What an escalation asks to be done next: messages, timers, notes. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from cornerdesk import Configuration, Intent

from cornerdesk_escalation.records import Escalation, Tell


def tell_intent(escalation: Escalation, step: int) -> Intent:
    """Tell the person at this place. The words are made when it is sent, from the escalation as it stands then."""
    return Intent(
        action="escalation.tell",
        target=escalation.chain[step],
        scope=f"escalation:{escalation.id}:{escalation.turn}:tell",
        payload={"escalation": escalation.id, "step": step, "turn": escalation.turn},
    )


def told_intent(escalation: str, step: int, person: str, channel: str) -> Intent:
    """Write down that they were told."""
    return Intent(
        action="escalation.told",
        target=person,
        scope=f"escalation:{escalation}:{step}:told",
        payload={"escalation": escalation, "step": step, "channel": channel},
        internal=True,
    )


def timer_intent(escalation: Escalation, person: str, cause: str) -> Intent:
    """Look again when this turn is over: at the deadline, or when somebody's hours open."""
    return Intent(
        action="escalation.step",
        target=person,
        scope=f"escalation:{escalation.id}:{escalation.turn}:{cause}",
        payload={"escalation": escalation.id, "turn": escalation.turn, "cause": cause},
        not_before=escalation.due_at,
        internal=True,
    )


def unreachable_intent(escalation: str, step: int, turn: int, person: str) -> Intent:
    """Go on at once: this person cannot be reached."""
    return Intent(
        action="escalation.step",
        target=person,
        scope=f"escalation:{escalation}:{turn}:unreachable",
        payload={"escalation": escalation, "step": step, "turn": turn, "cause": "unreachable"},
        internal=True,
    )


def acknowledged_note(configuration: Configuration, escalation: Escalation, now: datetime) -> Intent:
    """Tell the agents, on the ticket, who takes care of it."""
    who = name_of(configuration, escalation.acknowledged_by or "")
    text = f"Acknowledged by {who} at {clock(now)}: {escalation.reason}"
    if escalation.answer:
        text += f"\n\n{escalation.answer}"
    return _note(escalation, "acknowledged", text)


def exhausted_note(configuration: Configuration, escalation: Escalation, told: Sequence[Tell]) -> Intent:
    """Tell the agents, on the ticket, that nobody answered."""
    names = ", ".join(f"{name_of(configuration, tell.person)} at {clock(tell.at)}" for tell in told)
    who = f"Told: {names}." if told else "Nobody of its chain could be told."
    text = f"Nobody has acknowledged this escalation: {escalation.reason}\n\n{who} There is nobody left to tell."
    return _note(escalation, "exhausted", text)


def name_of(configuration: Configuration, key: str) -> str:
    """A person as people would say it: `Ada Park (ceo)`."""
    person = configuration.people.get(key)
    return f"{person.name} ({key})" if person else key


def clock(moment: datetime) -> str:
    """A moment as notes tell it: agents sit anywhere, so in UTC."""
    return moment.strftime("%Y-%m-%d %H:%M UTC")


def _note(escalation: Escalation, what: str, text: str) -> Intent:
    return Intent(action="note", target="ticket", scope=f"escalation:{escalation.id}:{what}", payload={"text": text})
