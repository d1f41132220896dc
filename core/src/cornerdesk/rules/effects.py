"""What a rule that holds asks for: its actions' intents, as effects with scope and owner. Pure."""

from __future__ import annotations

import json
from collections.abc import Sequence

import cel
import structlog

from cornerdesk.actions import ActionSettings, Intent, PlanContext
from cornerdesk.configuration import Configuration
from cornerdesk.model import Snapshot
from cornerdesk.rules.leaves import replace_leaves
from cornerdesk.rules.plan import PlannedEffect, RuleFailure
from cornerdesk.rules.rule import Once, Per, Rule, Step

RECONSIDER = "reconsider"
"""The action that asks an `after` rule again."""

log = structlog.get_logger()


def plan_effects(
    rule: Rule, snapshot: Snapshot, context: cel.Context, configuration: Configuration
) -> tuple[list[PlannedEffect], list[RuleFailure]]:
    """The effects of a rule that holds. What one action breaks does not keep the others from being planned."""
    plan_context = PlanContext(rule.name, snapshot, configuration)
    effects: list[PlannedEffect] = []
    failures: list[RuleFailure] = []
    for step in rule.steps:
        try:
            intents = step.action.plan(_filled(step, context), plan_context)
            effects += [_effect(rule, step, intent, snapshot) for intent in intents]
        except Exception as error:  # noqa: BLE001 - an action may be anybody's code
            failures.append(RuleFailure(rule=rule.name, action=step.action.name, error=type(error).__name__))
            # The error's own words may hold the customer's: only its kind is logged.
            log.error(
                "action_plan_failed",
                rule=rule.name,
                action=step.action.name,
                error=type(error).__name__,
                event_id=snapshot.event.id,
            )
    return effects, failures


def plan_reconsidering(rule: Rule, snapshot: Snapshot) -> PlannedEffect:
    """The timer that asks an `after` rule again.

    Its scope is the event, whatever the rule's `once` says: a timer whose rule turned out not to hold must not keep
    the next message on the ticket from getting its own. What the rule does in the end is still done once only.
    """
    event = snapshot.event
    assert rule.after is not None, "only `after` rules are asked again"
    return PlannedEffect(
        rule=rule.name,
        rule_version=rule.version,
        action=RECONSIDER,
        owner=rule.name,
        scope=scope_of(None, snapshot),
        target=rule.name,
        payload={"rule": rule.name, "event": event.id},
        not_before=event.occurred_at + rule.after,
        internal=True,
    )


def scope_of(once: Once | None, snapshot: Snapshot) -> str:
    """What a rule acts once for, as the second part of the key: `ticket:["support","12"]`.

    An account that the directory knows is the same in every source. A ticket without customer or account stands for
    itself.
    """
    event = snapshot.event
    ticket, per = event.ticket, once.per if once else Per.EVENT
    if per is Per.CUSTOMER and ticket.customer is not None:
        return _scope(per, event.source, ticket.customer.id)
    if per is Per.ACCOUNT and ticket.account is not None:
        known = snapshot.provenance.get("account.id", "").startswith("directory")
        return _scope(per, *([] if known else [event.source]), ticket.account.id)
    if per is Per.EVENT:
        return _scope(per, event.source, ticket.id, event.id)
    return _scope(Per.TICKET, event.source, ticket.id)


def _scope(per: Per, *parts: str) -> str:
    return f"{per}:{json.dumps(parts, ensure_ascii=False, separators=(',', ':'))}"


def _filled(step: Step, context: cel.Context) -> ActionSettings:
    if not step.texts:
        return step.settings
    return replace_leaves(step.settings, {path: text.fill(context) for path, text in step.texts.items()})


def _effect(rule: Rule, step: Step, intent: Intent, snapshot: Snapshot) -> PlannedEffect:
    action = intent.action or step.action.name
    own = intent.scope is not None
    return PlannedEffect(
        rule=rule.name,
        rule_version=rule.version,
        action=action,
        owner=action if own else rule.name,
        scope=intent.scope if intent.scope is not None else scope_of(rule.once, snapshot),
        target=intent.target,
        every=None if own or rule.once is None else rule.once.every,
        payload=intent.payload,
        not_before=intent.not_before,
        internal=intent.internal,
    )


def failure_words(failures: Sequence[RuleFailure]) -> str | None:
    """One line about actions that broke down."""
    if not failures:
        return None
    return "; ".join(f"planning {failure.action} failed ({failure.error})" for failure in failures)
