"""Standard tests of webhook subscriptions, over the stand-in."""

from __future__ import annotations

import pytest

from cornerdesk.adapters.interface import Adapter, Capability
from cornerdesk.adapters.subscriptions import Subscription, SubscriptionState
from cornerdesk.errors import RejectedError, UnsupportedError
from cornerdesk.testing.conformance.bench import Bench, Call
from cornerdesk.testing.conformance.standard import StandardTests

OURS = "https://cornerdesk.example.com/webhooks/support"
MOVED = "https://corner.example.com/webhooks/support"


@pytest.mark.asyncio
class SubscriptionTests(StandardTests):
    """Subscriptions: made, compared, mended."""

    def disable_webhook(self, bench: Bench, webhook: str) -> None:
        """Somebody switches the subscription with this id off, in the stand-in."""
        pytest.skip(f"{type(self).__name__} does not give disable_webhook")

    async def test_what_was_registered_is_listed(self, bench: Bench) -> None:
        """A subscription that we made is found again, enabled, complete and under the id that we were told.

        When it fails: compare what is sent when it is made with what the list's answer holds.
        """
        self.need(Capability.WEBHOOK_REGISTRATION, Capability.WEBHOOK_LISTING)
        made = await bench.adapter.register_webhook(OURS)
        found = await self._listed(bench, made.id)
        assert found.url == OURS
        assert found.state is SubscriptionState.ENABLED
        assert found.missing == (), f"does not send {', '.join(found.missing)}"

    async def test_a_second_one_is_listed_beside_the_first(self, bench: Bench) -> None:
        """`doctor` tells doubled subscriptions, and other people's are left alone.

        When it fails: list every page, and filter nothing.
        """
        self.need(Capability.WEBHOOK_REGISTRATION, Capability.WEBHOOK_LISTING)
        made = [await bench.adapter.register_webhook(url) for url in (OURS, MOVED)]
        assert {each.id for each in made} <= {each.id for each in await bench.adapter.list_webhooks()}

    async def test_a_secret_that_the_vendor_chose_is_not_shown(self, bench: Bench) -> None:
        """A registration is printed; its secret goes into a file.

        When it fails: hand the secret on as `SecretStr`, and keep it out of `detail`.
        """
        self.need(Capability.WEBHOOK_REGISTRATION)
        made = await bench.adapter.register_webhook(OURS)
        if made.secret is None:
            pytest.skip("the vendor takes our secret")
        assert made.secret.get_secret_value() not in f"{made!r} {made.detail}"

    async def test_one_that_points_elsewhere_is_mended(self, bench: Bench) -> None:
        """It sends to the new address afterwards, and there is still one.

        When it fails: change the subscription by its id rather than making another.
        """
        self.need(Capability.WEBHOOK_REGISTRATION, Capability.WEBHOOK_LISTING)
        made = await bench.adapter.register_webhook(OURS)
        before = len(await bench.adapter.list_webhooks())
        await bench.adapter.repair_webhook(await self._listed(bench, made.id), MOVED)
        assert [each.url for each in await bench.adapter.list_webhooks()].count(MOVED) == 1
        assert len(await bench.adapter.list_webhooks()) == before

    async def test_one_that_was_switched_off_is_told_and_mended(self, bench: Bench) -> None:
        """The vendor switches off what failed too often: silence is all that one would notice.

        When it fails: map every state of the vendor's that does not send to `DISABLED` or `SUSPENDED`.
        """
        self.need(Capability.WEBHOOK_REGISTRATION, Capability.WEBHOOK_LISTING)
        made = await bench.adapter.register_webhook(OURS)
        self.disable_webhook(bench, made.id)
        found = await self._listed(bench, made.id)
        assert found.state is not SubscriptionState.ENABLED
        await bench.adapter.repair_webhook(found, OURS)
        enabled = [
            each
            for each in await bench.adapter.list_webhooks()
            if each.url == OURS and each.state is SubscriptionState.ENABLED
        ]
        assert len(enabled) == 1

    async def test_one_that_is_gone_cannot_be_mended(self, bench: Bench) -> None:
        """Somebody took it away meanwhile: `RejectedError`, and another has to be made.

        When it fails: let `ApiRejectedError` of a 404 through.
        """
        self.need(Capability.WEBHOOK_REGISTRATION)
        with pytest.raises(RejectedError):
            await bench.adapter.repair_webhook(_subscription(), OURS)

    async def test_undeclared_subscriptions_are_refused(self) -> None:
        """What is not declared raises `UnsupportedError` and asks the vendor nothing.

        When it fails: declare the capability that the message names, or leave its methods as `Adapter` has them.
        """

        async def registration(adapter: Adapter) -> None:
            with pytest.raises(UnsupportedError):
                await adapter.repair_webhook(_subscription(), OURS)
            await adapter.register_webhook(OURS)

        calls: dict[Capability, Call] = {
            Capability.WEBHOOK_LISTING: lambda adapter: adapter.list_webhooks(),
            Capability.WEBHOOK_REGISTRATION: registration,
        }
        await self.expect_unsupported(calls)

    # ── for the tests above ─────────────────────────────────────────────────────────────────────────────────────────

    async def _listed(self, bench: Bench, webhook: str) -> Subscription:
        found = [each for each in await bench.adapter.list_webhooks() if each.id == webhook]
        assert len(found) == 1, f"{len(found)} subscriptions have the id that we were told"
        return found[0]


def _subscription() -> Subscription:
    return Subscription(id="987654321", url=OURS, state=SubscriptionState.ENABLED)
