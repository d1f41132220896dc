"""Subscriptions: listed with what they lack, made, and mended without undoing what people chose."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from cornerdesk import RejectedError, SubscriptionState, UnknownOutcomeError, UnsupportedError
from cornerdesk_helpscout.adapter import HelpScoutAdapter
from cornerdesk_helpscout.events import SUBSCRIBED
from cornerdesk_helpscout.standin import Fault, HelpScoutStandIn, Hook
from cornerdesk_helpscout.testing import SECRET

URL = "https://cornerdesk.example.com/webhooks/inbox"


async def test_one_that_is_made_sends_all_that_we_read(standin: HelpScoutStandIn, adapter: HelpScoutAdapter) -> None:
    made = await adapter.register_webhook(URL)
    hook = standin.api.hooks[int(made.id)]
    assert (hook.url, hook.secret, hook.payloadVersion, hook.notification) == (URL, SECRET, "V2", False)
    assert set(hook.events) == set(SUBSCRIBED)
    assert made.secret is None
    (listed,) = await adapter.list_webhooks()
    assert (listed.id, listed.url, listed.state, listed.missing) == (made.id, URL, SubscriptionState.ENABLED, ())
    assert listed.name == "Cornerdesk"


async def test_what_it_sends_is_verified_with_the_settings_secret(
    standin: HelpScoutStandIn, connect: Callable[..., HelpScoutAdapter]
) -> None:
    adapter = connect(webhook_secret=["new-secret", "old-secret"])
    await adapter.register_webhook("http://127.0.0.1:9/")
    standin.open_ticket("Export stops", "We will cancel.")
    delivery = standin.delivery_of(standin.sent[-1])
    adapter.verify(delivery, delivery.received_at)
    await standin.sender.aclose()


@pytest.mark.parametrize(
    "changes",
    [{"events": ["convo.created"]}, {"notification": True}, {"payloadVersion": "V1"}, {"events": []}],
)
async def test_what_is_missing_is_listed(
    standin: HelpScoutStandIn, adapter: HelpScoutAdapter, changes: dict[str, object]
) -> None:
    await adapter.register_webhook(URL)
    (hook,) = standin.api.hooks.values()
    vars(hook).update(changes)
    (listed,) = await adapter.list_webhooks()
    assert set(listed.missing) == set(SUBSCRIBED) - ({"convo.created"} if changes.get("events") else set())


async def test_other_peoples_are_listed_too(standin: HelpScoutStandIn, adapter: HelpScoutAdapter) -> None:
    standin.api.hooks |= {n: Hook(n, f"https://x.example.com/{n}", ["tag.created"], "s") for n in range(1, 60)}
    assert len(await adapter.list_webhooks()) == 59


async def test_one_that_help_scout_switched_off_is_on_again(
    standin: HelpScoutStandIn, adapter: HelpScoutAdapter
) -> None:
    await adapter.register_webhook(URL)
    (hook,) = standin.api.hooks.values()
    hook.state, hook.label, hook.mailboxIds = "disabled", "Support only", [85]
    hook.events = ["convo.created", "customer.updated"]
    (listed,) = await adapter.list_webhooks()
    assert (listed.state, listed.state_label) == (SubscriptionState.DISABLED, "disabled")
    await adapter.repair_webhook(listed, URL + "/new")
    (mended,) = standin.api.hooks.values()
    assert (mended.state, mended.url, mended.secret) == ("enabled", URL + "/new", SECRET)
    assert (mended.label, mended.mailboxIds) == ("Support only", [85])
    assert set(mended.events) == {*SUBSCRIBED, "customer.updated"}


async def test_one_that_tells_bots_apart_still_does_after_it_was_mended(
    standin: HelpScoutStandIn, adapter: HelpScoutAdapter
) -> None:
    """Payload version V3 is not documented, and nobody who got it is to lose it (1.4)."""
    await adapter.register_webhook(URL)
    (hook,) = standin.api.hooks.values()
    assert hook.payloadVersion == "V2"
    hook.state, hook.payloadVersion = "disabled", "V3"
    (listed,) = await adapter.list_webhooks()
    assert listed.missing == ()
    await adapter.repair_webhook(listed, URL)
    (mended,) = standin.api.hooks.values()
    assert (mended.state, mended.payloadVersion) == ("enabled", "V3")


async def test_a_secret_longer_than_help_scout_takes_is_told_before(
    standin: HelpScoutStandIn, connect: Callable[..., HelpScoutAdapter]
) -> None:
    with pytest.raises(UnsupportedError, match="40 characters") as refused:
        await connect(webhook_secret="s" * 41).register_webhook(URL)
    assert "s" * 41 not in str(refused.value)
    assert standin.api.hooks == {}


async def test_making_one_is_never_simply_repeated(standin: HelpScoutStandIn, adapter: HelpScoutAdapter) -> None:
    await adapter.check()
    standin.faults.append(Fault.lost(after=True, path="/v2/webhooks", method="POST"))
    with pytest.raises(UnknownOutcomeError):
        await adapter.register_webhook(URL)
    assert len(standin.api.hooks) == 1


async def test_mending_one_that_is_gone_is_refused(standin: HelpScoutStandIn, adapter: HelpScoutAdapter) -> None:
    await adapter.register_webhook(URL)
    (listed,) = await adapter.list_webhooks()
    standin.api.hooks.clear()
    with pytest.raises(RejectedError, match="404"):
        await adapter.repair_webhook(listed, URL)
