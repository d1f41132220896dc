"""Zendesk's webhooks: made with all we can use, listed with what they lack, mended without taking anything away."""

from __future__ import annotations

import json

import pytest
from cornerdesk import (
    Capability,
    CredentialsError,
    Registration,
    RejectedError,
    RetryableError,
    Subscription,
    SubscriptionState,
    UnknownOutcomeError,
)
from cornerdesk.testing.desk import Fault
from cornerdesk_zendesk.adapter import ZendeskAdapter
from cornerdesk_zendesk.events import EVENTS, SUBSCRIBED
from cornerdesk_zendesk.standin import ZendeskStandIn
from cornerdesk_zendesk.testing import SECRET, make_delivery
from cornerdesk_zendesk.webhooks import read

URL = "https://cornerdesk.example.com/webhooks/support"
MOVED = "https://corner.example.com/webhooks/support"


async def listed(adapter: ZendeskAdapter, made: Registration) -> Subscription:
    (found,) = [each for each in await adapter.list_webhooks() if each.id == made.id]
    return found


def without_events(standin: ZendeskStandIn) -> None:
    """An account whose plan does not offer ticket events."""
    standin.api.subscriptions.offered.clear()


def test_what_is_needed_is_declared() -> None:
    assert {Capability.WEBHOOK_LISTING, Capability.WEBHOOK_REGISTRATION} <= ZendeskAdapter.capabilities
    assert ZendeskAdapter.vendor_chooses_secret


def test_every_event_that_becomes_something_is_asked_for_and_no_other() -> None:
    handled = {f"zen:event-type:{kind}" for kind, handler in EVENTS.items() if not isinstance(handler, str)}
    assert set(SUBSCRIBED) == handled
    assert {"zen:event-type:ticket.created", "zen:event-type:messaging_ticket.message_added"} <= handled


async def test_a_webhook_is_made_and_brings_zendesks_secret(standin: ZendeskStandIn, adapter: ZendeskAdapter) -> None:
    made = await adapter.register_webhook(URL)
    assert made.secret is not None
    assert made.secret.get_secret_value() == SECRET
    assert SECRET not in f"{made!r} {made.detail}"
    webhook = standin.api.subscriptions.webhooks[made.id]
    assert (webhook["http_method"], webhook["request_format"], webhook["status"]) == ("POST", "json", "active")
    assert tuple(webhook["subscriptions"]) == SUBSCRIBED
    found = await listed(adapter, made)
    assert (found.url, found.state, found.missing) == (URL, SubscriptionState.ENABLED, ())


async def test_an_account_without_messaging_is_asked_for_ticket_events_alone(
    standin: ZendeskStandIn, adapter: ZendeskAdapter
) -> None:
    standin.api.subscriptions.offered.discard("messaging_ticket")
    found = await listed(adapter, await adapter.register_webhook(URL))
    assert found.missing == ()


async def test_an_account_without_ticket_events_gets_triggers(standin: ZendeskStandIn, adapter: ZendeskAdapter) -> None:
    without_events(standin)
    made = await adapter.register_webhook(URL)
    assert "triggers" in made.detail
    assert made.secret is not None
    webhook = standin.api.subscriptions.webhooks[made.id]
    assert webhook["subscriptions"] == ["conditional_ticket_events"]
    triggers = list(standin.api.subscriptions.triggers.values())
    assert [each["conditions"]["all"] for each in triggers] == [
        [{"field": "update_type", "operator": "is", "value": "Create"}],
        [{"field": "update_type", "operator": "is", "value": "Change"}],
    ]
    found = await listed(adapter, made)
    assert (found.state, found.missing) == (SubscriptionState.ENABLED, ())


async def test_what_our_triggers_send_is_what_we_read(standin: ZendeskStandIn, adapter: ZendeskAdapter) -> None:
    without_events(standin)
    made = await adapter.register_webhook(URL)
    filled = {
        "{{ticket.id}}": "5158",
        "{{current_user.id}}": "77",
        "{{ticket.updated_at_with_timestamp}}": "2026-10-05T12:00:00Z",
    }
    for trigger in standin.api.subscriptions.triggers.values():
        (action,) = trigger["actions"]
        webhook, body = action["value"]
        assert (action["field"], webhook) == ("notification_webhook", made.id)
        for placeholder, value in filled.items():
            body = body.replace(placeholder, value)
        (fact,) = read(make_delivery(body.encode()), "https://acme.zendesk.com/agent/tickets/").facts
        assert (fact.ticket_id, fact.actor.id) == ("5158", "77")


async def test_a_webhook_whose_triggers_cannot_be_made_does_not_stay(
    standin: ZendeskStandIn, adapter: ZendeskAdapter
) -> None:
    without_events(standin)
    standin.api.subscriptions.triggers_refused = True
    with pytest.raises(RejectedError):
        await adapter.register_webhook(URL)
    assert not standin.api.subscriptions.webhooks
    assert not standin.api.subscriptions.triggers


async def test_a_secret_that_cannot_be_read_does_not_make_a_second_webhook(
    standin: ZendeskStandIn, adapter: ZendeskAdapter
) -> None:
    standin.faults.append(Fault(status=404, path="/signing_secret"))
    made = await adapter.register_webhook(URL)
    assert made.secret is None
    assert "reveal it" in made.detail
    assert len(standin.api.subscriptions.webhooks) == 1


async def test_an_answer_lost_after_it_was_made_is_an_unknown_outcome(
    standin: ZendeskStandIn, adapter: ZendeskAdapter
) -> None:
    standin.faults.append(Fault("drop_after", method="POST", path="/webhooks"))
    with pytest.raises(UnknownOutcomeError):
        await adapter.register_webhook(URL)
    assert len(await adapter.list_webhooks()) == 1


async def test_whoever_may_not_see_webhooks_is_told_so(standin: ZendeskStandIn, adapter: ZendeskAdapter) -> None:
    standin.faults += [Fault(status=403, path="/webhooks"), Fault(status=403, path="/webhooks")]
    with pytest.raises(CredentialsError):
        await adapter.list_webhooks()
    with pytest.raises(CredentialsError):
        await adapter.register_webhook(URL)


async def test_every_page_of_webhooks_is_listed_other_peoples_too(
    standin: ZendeskStandIn, adapter: ZendeskAdapter
) -> None:
    kept = standin.api.subscriptions.webhooks
    for number in range(120):
        kept[f"01H{number:023d}"] = {
            "id": f"01H{number:023d}",
            "name": "theirs",
            "endpoint": "https://example.com/in",
            "status": "inactive" if number else "paused",
            "subscriptions": ["zen:event-type/ticket.created"],
        }
    found = await adapter.list_webhooks()
    assert len(found) == 120
    assert {each.state for each in found} == {SubscriptionState.DISABLED, SubscriptionState.SUSPENDED}
    assert "zen:event-type:ticket.created" not in found[0].missing
    assert "zen:event-type:ticket.comment_added" in found[0].missing


async def test_mending_switches_it_on_points_it_here_and_adds_what_it_lacks(
    standin: ZendeskStandIn, adapter: ZendeskAdapter
) -> None:
    made = await adapter.register_webhook(URL)
    webhook = standin.api.subscriptions.webhooks[made.id]
    theirs = "zen:event-type:user.created"
    webhook |= {"status": "inactive", "subscriptions": ["zen:event-type:ticket.created", theirs]}
    standin.api.subscriptions.offered.add("user")
    broken = await listed(adapter, made)
    assert broken.state is SubscriptionState.DISABLED
    assert broken.missing
    await adapter.repair_webhook(broken, MOVED)
    mended = await listed(adapter, made)
    assert (mended.url, mended.state, mended.missing) == (MOVED, SubscriptionState.ENABLED, ())
    assert theirs in webhook["subscriptions"]
    assert len(standin.api.subscriptions.webhooks) == 1


@pytest.mark.parametrize("domains", [{"ticket"}, {"ticket", "messaging_ticket"}])
async def test_mending_adds_every_event_that_the_account_offers(
    standin: ZendeskStandIn, adapter: ZendeskAdapter, domains: set[str]
) -> None:
    standin.api.subscriptions.offered = domains
    made = await adapter.register_webhook(URL)
    webhook = standin.api.subscriptions.webhooks[made.id]
    webhook["subscriptions"] = ["zen:event-type:ticket.created"]
    await adapter.repair_webhook(await listed(adapter, made), URL)
    chats = "zen:event-type:messaging_ticket.message_added" in webhook["subscriptions"]
    assert chats is ("messaging_ticket" in domains)
    assert (await listed(adapter, made)).missing == ()


async def test_a_list_that_goes_round_in_circles_is_left(standin: ZendeskStandIn, adapter: ZendeskAdapter) -> None:
    told = '{"webhooks": [], "meta": {"has_more": true, "after_cursor": "same"}}'
    fault = Fault(method="GET", path="/webhooks", status=200, body=told, times=99)
    standin.faults.append(fault)
    assert await adapter.list_webhooks() == ()
    assert fault.times == 99 - 2


async def test_mending_wakes_a_trigger_and_makes_the_one_that_is_gone(
    standin: ZendeskStandIn, adapter: ZendeskAdapter
) -> None:
    without_events(standin)
    made = await adapter.register_webhook(URL)
    triggers = standin.api.subscriptions.triggers
    created, updated = triggers
    triggers[created]["active"] = False
    triggers[created]["conditions"]["all"].append({"field": "status", "operator": "is_not", "value": "closed"})
    del triggers[updated]
    broken = await listed(adapter, made)
    assert broken.missing == ("trigger:created", "trigger:updated")
    await adapter.repair_webhook(broken, URL)
    assert (await listed(adapter, made)).missing == ()
    assert len(triggers) == 2
    assert triggers[created]["active"] is True
    assert len(triggers[created]["conditions"]["all"]) == 2


async def test_somebody_elses_trigger_is_none_of_ours(standin: ZendeskStandIn, adapter: ZendeskAdapter) -> None:
    without_events(standin)
    made = await adapter.register_webhook(URL)
    for number, trigger in enumerate(standin.api.subscriptions.triggers.values()):
        body = json.dumps({"id": "{{ticket.id}}"}) if number else "no JSON"
        trigger["actions"] = [{"field": "notification_webhook", "value": [made.id, body]}, {"field": "status"}]
    assert (await listed(adapter, made)).missing == ("trigger:created", "trigger:updated")


async def test_one_that_is_gone_cannot_be_mended(adapter: ZendeskAdapter) -> None:
    with pytest.raises(RejectedError, match="no webhook 987654321 any more"):
        await adapter.repair_webhook(Subscription(id="987654321", url=URL, state=SubscriptionState.ENABLED), URL)


async def test_a_list_of_no_known_shape_is_tried_again_later(standin: ZendeskStandIn, adapter: ZendeskAdapter) -> None:
    standin.faults.append(Fault(status=200, path="/webhooks", body='{"webhooks": [{"id": null}]}'))
    with pytest.raises(RetryableError):
        await adapter.list_webhooks()
