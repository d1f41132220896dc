"""The stand-in's webhooks and triggers, as its API keeps them (fact sheet zendesk.md 1.7)."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import Any

from cornerdesk import JSON
from cornerdesk.testing.desk import Api, page_of
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from cornerdesk_zendesk.standin.desk import refusal

BY_TRIGGERS = ["conditional_ticket_events"]


class Subscriptions:
    """Routes of webhooks and triggers.

    Attributes:
        secret: what the account's webhooks are signed with, all alike.
        webhooks, triggers: by id, as the API shows them.
        offered: domains of events that the account offers: `ticket`, `messaging_ticket`.
        triggers_refused: the account takes no more triggers.
    """

    def __init__(self) -> None:
        self.secret: Callable[[], str] = lambda: "stand-in"
        self._ids = itertools.count(1)
        self.webhooks: dict[str, JSON] = {}
        self.triggers: dict[int, JSON] = {}
        self.offered = {"ticket", "messaging_ticket"}
        self.triggers_refused = False

    def routes(self, api: Api) -> list[Route]:
        at, webhook, trigger = api.at, "/api/v2/webhooks/{webhook}", "/api/v2/triggers/{trigger:int}"
        return [
            at("/api/v2/webhooks", self._webhooks),
            at("/api/v2/webhooks", self._make_webhook, "POST", status=201),
            at(webhook, self._change_webhook, "PATCH", status=204),
            at(webhook, self._delete_webhook, "DELETE", status=204),
            at(f"{webhook}/signing_secret", self._signing_secret),
            at("/api/v2/triggers", self._triggers),
            at("/api/v2/triggers", self._make_trigger, "POST", status=201),
            at(trigger, self._change_trigger, "PUT"),
            at(trigger, self._delete_trigger, "DELETE", status=204),
        ]

    async def _webhooks(self, request: Request) -> JSON:
        return _listed(request, "webhooks", list(self.webhooks.values()))

    async def _make_webhook(self, request: Request) -> JSON:
        asked = (await request.json())["webhook"]
        self._check(asked["subscriptions"])
        made = {"id": f"01HWEBHOOK{next(self._ids):016d}", **asked}
        self.webhooks[made["id"]] = made
        return {"webhook": made}

    async def _change_webhook(self, request: Request) -> Any:
        webhook = self._named(request)
        changes = (await request.json())["webhook"]
        if "subscriptions" in changes:
            self._check(changes["subscriptions"])
            if (webhook["subscriptions"] == BY_TRIGGERS) is not (changes["subscriptions"] == BY_TRIGGERS):
                raise refusal(400, "InvalidSubscription", "The connection method cannot be changed")
        webhook |= changes
        return Response(status_code=204)

    async def _delete_webhook(self, request: Request) -> Any:
        del self.webhooks[self._named(request)["id"]]
        return Response(status_code=204)

    async def _signing_secret(self, request: Request) -> JSON:
        self._named(request)
        return {"signing_secret": {"secret": self.secret(), "algorithm": "SHA256"}}

    async def _triggers(self, request: Request) -> JSON:
        return _listed(request, "triggers", list(self.triggers.values()))

    async def _make_trigger(self, request: Request) -> JSON:
        if self.triggers_refused:
            raise refusal(422, "RecordInvalid", "Record validation errors", {"base": [{"description": "too many"}]})
        made = {"id": 80_000 + next(self._ids), **(await request.json())["trigger"]}
        self.triggers[made["id"]] = made
        return {"trigger": made}

    async def _change_trigger(self, request: Request) -> JSON:
        trigger = self.triggers.get(request.path_params["trigger"])
        if trigger is None:
            raise refusal(404, "RecordNotFound", "Not found")
        trigger |= (await request.json())["trigger"]
        return {"trigger": trigger}

    async def _delete_trigger(self, request: Request) -> Any:
        self.triggers.pop(request.path_params["trigger"], None)
        return Response(status_code=204)

    def _named(self, request: Request) -> JSON:
        if request.path_params["webhook"] not in self.webhooks:
            raise refusal(404, "WebhookNotFound", "Webhook not found")
        return self.webhooks[request.path_params["webhook"]]

    def _check(self, subscriptions: list[str]) -> None:
        if subscriptions == BY_TRIGGERS:
            return
        domains = {each.removeprefix("zen:event-type:").partition(".")[0] for each in subscriptions}
        if not subscriptions or not domains <= self.offered:
            raise refusal(400, "InvalidSubscription", "Invalid event type")


def _listed(request: Request, name: str, rows: list[JSON]) -> JSON:
    page = page_of(request, rows, int(request.query_params.get("page[after]") or 0),
                   int(request.query_params.get("page[size]") or 100))  # fmt: skip
    after = str(page.next) if page.next is not None else None
    return {name: list(page.rows), "meta": {"has_more": after is not None, "after_cursor": after}}
