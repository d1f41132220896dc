"""Webhooks as Zendesk keeps them: listed, made and mended (fact sheet zendesk.md 1.1, 1.7).

A webhook sends events or what triggers tell it, and is of one kind for ever. Events are better, for they tell what
happened and what was before. An account whose plan does not offer ticket events refuses them; then a webhook for
triggers is made, and the two triggers that our template needs. Zendesk chooses the secret.
"""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Mapping
from contextlib import suppress
from typing import Any

import structlog
from cornerdesk import (
    JSON,
    ApiRejectedError,
    CornerdeskError,
    Registration,
    RejectedError,
    RetryableError,
    Subscription,
    SubscriptionState,
)
from pydantic import SecretStr

from cornerdesk_zendesk.client import ZendeskClient
from cornerdesk_zendesk.events import SUBSCRIBED
from cornerdesk_zendesk.schemas import (
    SecretAnswer,
    TriggerRow,
    TriggersAnswer,
    Webhook,
    WebhookAnswer,
    WebhooksAnswer,
)

WEBHOOKS = "/api/v2/webhooks"
TRIGGERS = "/api/v2/triggers"

BY_TRIGGERS = "conditional_ticket_events"
"""What a webhook for triggers and automations subscribes to, and nothing else."""

OF_TICKETS = tuple(event for event in SUBSCRIBED if ":ticket." in event)
"""Those that count as missing. Messaging is a product of its own that an account may not have."""

MOMENTS: Mapping[str, str] = {"created": "Create", "updated": "Change"}
"""When our triggers fire: what the template calls it, and what a trigger's condition does."""

_REFUSED = frozenset({400, 422})
_log = structlog.get_logger()


class Subscriptions:
    """The webhooks of one account.

    Args:
        source: the source's name; webhooks and triggers are titled by it.
    """

    def __init__(self, source: str, client: ZendeskClient) -> None:
        self._title = f"Cornerdesk ({source})"
        self._client = client

    async def list(self) -> tuple[Subscription, ...]:
        """See `Adapter.list_webhooks`."""
        webhooks = [webhook async for webhook in self._webhooks()]
        by_triggers = any(BY_TRIGGERS in webhook.subscriptions for webhook in webhooks)
        triggers = [trigger async for trigger in self._triggers()] if by_triggers else []
        return tuple(subscription_of(webhook, triggers) for webhook in webhooks)

    async def register(self, url: str) -> Registration:
        """See `Adapter.register_webhook`."""
        for events in (SUBSCRIBED, OF_TICKETS):
            with suppress(_NotOfferedError):
                webhook = await self._make(url, events)
                return await self._registration(webhook, f"sends {len(events)} kinds of events")
        webhook = await self._make(url, (BY_TRIGGERS,))
        await self._make_triggers(webhook)
        return await self._registration(
            webhook, "is told by two triggers, as this account does not offer ticket events; see the plugin's README"
        )

    async def repair(self, subscription: Subscription, url: str) -> None:
        """See `Adapter.repair_webhook`. What people chose beside, stays."""
        webhook = await self._find(subscription.id)
        changes: JSON = {"status": "active", "endpoint": url}
        if BY_TRIGGERS in webhook.subscriptions:
            await self._change(webhook, changes)
            await self._mend_triggers(webhook)
            return
        for events in (SUBSCRIBED, OF_TICKETS):
            lacking = [event for event in events if event not in _sent(webhook)]
            more = {"subscriptions": [*webhook.subscriptions, *lacking]} if lacking else {}
            try:
                await self._change(webhook, changes | more)
                return
            except ApiRejectedError as error:
                if events is OF_TICKETS or error.status not in _REFUSED:
                    raise

    # ── webhooks ────────────────────────────────────────────────────────────────────────────────────────────────────

    async def _webhooks(self) -> AsyncIterator[Webhook]:
        async for answer in self._client.pages(WEBHOOKS):
            for webhook in self._client.parse(WebhooksAnswer, answer).webhooks:
                yield webhook

    async def _find(self, webhook_id: str) -> Webhook:
        async for webhook in self._webhooks():
            if webhook.id == webhook_id:
                return webhook
        raise RejectedError(
            f"Zendesk has no webhook {webhook_id} any more; make another: `cornerdesk webhooks register`"
        )

    async def _make(self, url: str, subscriptions: tuple[str, ...]) -> Webhook:
        """
        Raises:
            _NotOfferedError: the account does not offer these events.
        """
        webhook = {
            "name": self._title,
            "description": "Tells Cornerdesk what happens to tickets.",
            "endpoint": url,
            "http_method": "POST",
            "request_format": "json",
            "status": "active",
            "subscriptions": list(subscriptions),
        }
        try:
            answer = await self._client.api.request("POST", WEBHOOKS, json={"webhook": webhook}, repeatable=False)
        except ApiRejectedError as error:
            if BY_TRIGGERS in subscriptions or error.status not in _REFUSED:
                raise
            _log.info("zendesk_events_refused", events=len(subscriptions), reason=str(error))
            raise _NotOfferedError from None
        return self._client.parse(WebhookAnswer, answer).webhook

    async def _change(self, webhook: Webhook, changes: JSON) -> None:
        path = f"{WEBHOOKS}/{webhook.id}"
        await self._client.api.request("PATCH", path, json={"webhook": changes}, repeatable=True)

    async def _registration(self, webhook: Webhook, how: str) -> Registration:
        detail = f"webhook {webhook.id} {how}"
        try:
            secret: SecretStr | None = await self._secret(webhook.id)
        except (RejectedError, RetryableError):
            secret = None  # the webhook is there, and making another would not help
            detail += "; its secret could not be read: open it in the Admin Center and reveal it there"
        return Registration(id=webhook.id, secret=secret, detail=detail)

    async def _secret(self, webhook_id: str) -> SecretStr:
        answer = await self._client.api.request("GET", f"{WEBHOOKS}/{webhook_id}/signing_secret")
        return self._client.parse(SecretAnswer, answer).signing_secret.secret

    # ── triggers ────────────────────────────────────────────────────────────────────────────────────────────────────

    async def _triggers(self) -> AsyncIterator[TriggerRow]:
        async for answer in self._client.pages(TRIGGERS):
            for trigger in self._client.parse(TriggersAnswer, answer).triggers:
                yield trigger

    async def _make_triggers(self, webhook: Webhook) -> None:
        """Both, or none and no webhook either: half of it would look whole."""
        made: list[str] = []
        try:
            for moment in MOMENTS:
                made.append(await self._make_trigger(webhook.id, moment))
        except CornerdeskError:
            for path in [*(f"{TRIGGERS}/{trigger}" for trigger in made), f"{WEBHOOKS}/{webhook.id}"]:
                with suppress(CornerdeskError):
                    await self._client.api.request("DELETE", path, repeatable=True, accept={404})
            raise

    async def _make_trigger(self, webhook_id: str, moment: str) -> str:
        body = {"trigger": trigger_of(self._title, webhook_id, moment)}
        answer = await self._client.api.request("POST", TRIGGERS, json=body, repeatable=False)
        made = answer.json()
        return str(made["trigger"]["id"]) if isinstance(made, dict) and isinstance(made.get("trigger"), dict) else ""

    async def _mend_triggers(self, webhook: Webhook) -> None:
        found = [trigger async for trigger in self._triggers()]
        for moment in missing_moments(webhook, found):
            asleep = [each for each in found if not each.active and tells(each, webhook.id) == moment]
            if asleep:
                await self._wake(asleep[0])
            else:
                await self._make_trigger(webhook.id, moment)

    async def _wake(self, trigger: TriggerRow) -> None:
        """With what people made of its title and conditions, for an update has to name them all."""
        whole = trigger.model_dump(include={"title", "conditions", "actions"}) | {"active": True}
        await self._client.api.request("PUT", f"{TRIGGERS}/{trigger.id}", json={"trigger": whole}, repeatable=True)


class _NotOfferedError(Exception):
    """The account refuses these events; fewer may do."""


def subscription_of(webhook: Webhook, triggers: list[TriggerRow]) -> Subscription:
    """One webhook, ours or somebody else's. Of one for triggers, triggers that use our template are missing."""
    if BY_TRIGGERS in webhook.subscriptions:
        missing = tuple(f"trigger:{moment}" for moment in missing_moments(webhook, triggers))
    else:
        missing = tuple(event for event in OF_TICKETS if event not in _sent(webhook))
    states = {"active": SubscriptionState.ENABLED, "inactive": SubscriptionState.DISABLED}
    return Subscription(
        id=webhook.id,
        url=webhook.endpoint,
        state=states.get(webhook.status or "", SubscriptionState.SUSPENDED),
        state_label=webhook.status or "",
        name=webhook.name or "",
        missing=missing,
    )


def _sent(webhook: Webhook) -> set[str]:
    """Event types in the spelling with a colon; there is one with a slash, too (fact sheet zendesk.md 1.2)."""
    return {event.replace("zen:event-type/", "zen:event-type:") for event in webhook.subscriptions}


def missing_moments(webhook: Webhook, triggers: list[TriggerRow]) -> tuple[str, ...]:
    """When no active trigger tells this webhook by our template."""
    told = {tells(trigger, webhook.id) for trigger in triggers if trigger.active}
    return tuple(moment for moment in MOMENTS if moment not in told)


def tells(trigger: TriggerRow, webhook_id: str) -> str | None:
    """What a trigger tells a webhook by our template: `created`, `updated`; None: it does not."""
    for action in trigger.actions:
        value = action.value
        if action.field != "notification_webhook" or not isinstance(value, list) or len(value) != 2:
            continue
        if str(value[0]) == webhook_id and isinstance(value[1], str):
            with suppress(ValueError):
                body = json.loads(value[1])
                if isinstance(body, dict) and "cornerdesk" in body and body.get("what") in MOMENTS:
                    return str(body["what"])
    return None


def trigger_of(title: str, webhook_id: str, moment: str) -> dict[str, Any]:
    """A trigger with our template: only ids and times, for a quote or a line break that somebody typed would break the
    JSON (README.md)."""
    template = {
        "cornerdesk": 1,
        "what": moment,
        "ticket": "{{ticket.id}}",
        "actor": "{{current_user.id}}",
        "updated_at": "{{ticket.updated_at_with_timestamp}}",
    }
    return {
        "title": f"{title}: ticket is {moment}",
        "active": True,
        "conditions": {"all": [{"field": "update_type", "operator": "is", "value": MOMENTS[moment]}], "any": []},
        "actions": [{"field": "notification_webhook", "value": [webhook_id, json.dumps(template)]}],
    }
