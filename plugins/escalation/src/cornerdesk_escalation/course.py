"""The course of an escalation: opened, told, acknowledged, gone on, ended. Changes our own tables and gives back what
is to follow as intents; sends nothing.

Every decision raises the escalation's `turn`. A timer belongs to a turn and is void once there was another: so a late
timer, a second one, or one that runs twice changes nothing.
"""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta

from cornerdesk import Configuration, Intent, RejectedError, Transaction

from cornerdesk_escalation import records
from cornerdesk_escalation.chain import Choice, choose
from cornerdesk_escalation.facts import shorten, visible
from cornerdesk_escalation.intents import acknowledged_note, exhausted_note, name_of, tell_intent, timer_intent
from cornerdesk_escalation.records import Escalation, State, Tell, TellState

LONGEST_ANSWER = 1000
ANSWERABLE = (State.WAITING, State.EXHAUSTED)


@dataclass(frozen=True)
class Scene:
    """What a decision may use: the open transaction, the time and the configuration."""

    tx: Transaction
    now: datetime
    configuration: Configuration

    def name(self, key: str) -> str:
        """A person as people would say it: `Ada Park (ceo)`."""
        return name_of(self.configuration, key)

    def ending(self, escalation: Escalation) -> str:
        """How it ended, in a few words."""
        if escalation.state is State.ACKNOWLEDGED and escalation.acknowledged_by:
            return f"acknowledged by {self.name(escalation.acknowledged_by)}"
        return escalation.state.value


@dataclass(frozen=True)
class Answer:
    """What came of acknowledging: `new` is False when it was acknowledged before, or is over."""

    escalation: Escalation
    new: bool
    intents: tuple[Intent, ...] = ()


async def go_on(scene: Scene, escalation: Escalation) -> list[Intent]:
    """Tell the next who can be told; or wait until somebody can; or end, when nobody is left."""
    choice, told_by = await next_choice(scene, escalation)
    for passed in choice.passed:
        await _write(scene, escalation, "passed_over", passed.person, passed.reason)
    if choice.step is None:
        return await _exhaust(scene, escalation)
    if choice.at > scene.now:
        return await _wait(scene, escalation, choice.step, choice.at)
    return await _tell(scene, escalation, choice.step, quiet_for=told_by)


async def next_choice(scene: Scene, escalation: Escalation) -> tuple[Choice, str | None]:
    """Whose turn it is, and the open escalation of the same ticket that has told them already, if one has."""
    told = {tell.step for tell in await records.tells_of(scene.tx, [escalation.id])}
    waited_on = await _waited_on_elsewhere(scene.tx, escalation)
    people = scene.configuration.people
    choice = choose(
        escalation.chain,
        [step for step in range(len(escalation.chain)) if step not in told],
        people,
        await records.count_today(scene.tx, escalation.chain, people, scene.now),
        scene.now,
        waited_on=waited_on,
    )
    person = escalation.chain[choice.step] if choice.step is not None else ""
    return choice, waited_on.get(person)


async def acknowledge(scene: Scene, id: str, person: str, answer: str | None = None) -> Answer:
    """`person` takes care of it. Also of every other open escalation of the ticket that names them: they were told
    once for all of them.

    Raises:
        RejectedError: there is no such escalation.
    """
    asked = await _load(scene.tx, id)
    open_ones = await records.lock_open(scene.tx, asked.source, asked.ticket)
    mine = next((each for each in open_ones if each.id == id), None)
    if mine is None:
        return Answer(await _load(scene.tx, id), new=False)
    words = shorten(visible(answer).strip(), LONGEST_ANSWER) or None if answer else None
    acknowledged = await _acknowledge(scene, mine, person, words)
    also = [each for each in open_ones if each.id != id and person in each.chain]
    for each in also:
        await _acknowledge(scene, each, person, words, through=id)
    noted = any(each.note for each in (mine, *also))
    intents = (acknowledged_note(scene.configuration, acknowledged, scene.now),) if noted else ()
    return Answer(acknowledged, new=True, intents=intents)


async def end(scene: Scene, id: str, state: State, by: str, reason: str | None) -> Escalation:
    """Withdraw it (it was never needed) or resolve it (it is taken care of).

    Raises:
        RejectedError: it has ended so already, or cannot.
    """
    escalation = await _load(scene.tx, id, lock=True)
    allowed = ANSWERABLE if state is State.WITHDRAWN else (*ANSWERABLE, State.ACKNOWLEDGED)
    if escalation.state not in allowed:
        raise RejectedError(f"escalation {id} is {escalation.state.value} and cannot be {state.value}")
    ended = await records.change(
        scene.tx,
        escalation,
        state=state,
        turn=escalation.turn + 1,
        due_at=None,
        waits_for=None,
        closed_at=scene.now,
    )
    await _write(scene, escalation, state.value, by, reason)
    return ended


async def _waited_on_elsewhere(tx: Transaction, escalation: Escalation) -> dict[str, str]:
    """Who was told of this ticket by another escalation that still waits, and by which."""
    others = await records.waiting_on_ticket(tx, escalation.source, escalation.ticket, but=escalation.id)
    tells = await records.tells_of(tx, others)
    return {tell.person: tell.escalation for tell in tells if tell.state in (TellState.PLANNED, TellState.TOLD)}


async def _tell(scene: Scene, escalation: Escalation, step: int, *, quiet_for: str | None) -> list[Intent]:
    person, due = escalation.chain[step], scene.now + timedelta(seconds=escalation.within)
    now_waiting = await records.change(
        scene.tx, escalation, step=step, turn=escalation.turn + 1, due_at=due, waits_for=None, state=State.WAITING
    )
    tell = Tell(
        token=secrets.token_urlsafe(24),
        escalation=escalation.id,
        step=step,
        person=person,
        at=scene.now,
        state=TellState.QUIET if quiet_for else TellState.PLANNED,
    )
    await records.add_tell(scene.tx, tell)
    if quiet_for:
        await _write(scene, escalation, "not_told_twice", person, f"was told by escalation {quiet_for} already")
        return [timer_intent(now_waiting, person, "deadline")]
    await _write(scene, escalation, "telling", person)
    return [tell_intent(now_waiting, step), timer_intent(now_waiting, person, "deadline")]


async def _wait(scene: Scene, escalation: Escalation, step: int, until: datetime) -> list[Intent]:
    person = escalation.chain[step]
    waiting = await records.change(
        scene.tx, escalation, turn=escalation.turn + 1, due_at=until, waits_for=person, state=State.WAITING
    )
    text = f"nobody can be told now; {scene.name(person)} is the first who can"
    await _write(scene, escalation, "waiting", person, text)
    return [timer_intent(waiting, person, "opening")]


async def _exhaust(scene: Scene, escalation: Escalation) -> list[Intent]:
    exhausted = await records.change(
        scene.tx,
        escalation,
        state=State.EXHAUSTED,
        turn=escalation.turn + 1,
        due_at=None,
        waits_for=None,
        closed_at=scene.now,
    )
    await _write(scene, escalation, "exhausted", None, "nobody is left to tell")
    if not escalation.note:
        return []
    told = [tell for tell in await records.tells_of(scene.tx, [escalation.id]) if tell.state is not TellState.FAILED]
    return [exhausted_note(scene.configuration, exhausted, told)]


async def _acknowledge(
    scene: Scene, escalation: Escalation, person: str, answer: str | None, through: str | None = None
) -> Escalation:
    changed = await records.change(
        scene.tx,
        escalation,
        state=State.ACKNOWLEDGED,
        turn=escalation.turn + 1,
        due_at=None,
        waits_for=None,
        closed_at=scene.now,
        acknowledged_by=person,
        answer=answer,
    )
    await _write(scene, escalation, "acknowledged", person, f"with escalation {through}" if through else answer)
    return changed


async def _load(tx: Transaction, id: str, *, lock: bool = False) -> Escalation:
    escalation = await records.load(tx, id, lock=lock)
    if escalation is None:
        raise RejectedError(f"there is no escalation {id}; `cornerdesk escalations` lists them")
    return escalation


async def _write(scene: Scene, escalation: Escalation, what: str, person: str | None, text: str | None = None) -> None:
    await records.write_history(scene.tx, escalation.id, scene.now, what, person=person, text=text)
