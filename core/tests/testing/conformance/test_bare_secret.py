"""Vendors that sign nothing and send a secret in a header: the secret is tested as signatures are."""

from __future__ import annotations

from datetime import datetime

import pytest
from cornerdesk import Capability, Delivery, SignatureError, check_secret
from cornerdesk.testing import NOW, SECRET, Sample, WebhookTests

from .broken import without
from .full import SigningInAdapter
from .kit import Plaindesk

HEADER = "x-plaindesk-secret"
OF_SECRETS = [
    "test_every_configured_secret_is_accepted",
    "test_a_wrong_secret_is_refused",
    "test_a_missing_signature_is_refused",
    "test_a_truncated_signature_is_refused",
    "test_a_refusal_tells_no_secret",
    "test_odd_headers_are_refused_and_nothing_else",
]


class CarriesASecret(SigningInAdapter):
    capabilities = without(Capability.SIGNED_WEBHOOKS)

    def verify(self, delivery: Delivery, now: datetime) -> None:
        check_secret(delivery.headers.get(HEADER), self.settings.secrets, header=HEADER)


class Unsigned(Plaindesk, WebhookTests):
    adapter = CarriesASecret

    def make_delivery(self, sample: Sample, *, secret: str = SECRET, at: datetime = NOW, attempt: int = 1) -> Delivery:
        return Delivery(headers={HEADER: secret, **sample.headers}, body=sample.body, received_at=at)


class TestABareSecret(Unsigned): ...


class LetsEverybodyIn(CarriesASecret):
    def verify(self, delivery: Delivery, now: datetime) -> None:
        pass


class BelievesTheBeginning(CarriesASecret):
    def verify(self, delivery: Delivery, now: datetime) -> None:
        given = delivery.headers.get(HEADER)
        if not given or not any(secret.get_secret_value().startswith(given) for secret in self.settings.secrets):
            raise SignatureError(f"{HEADER} is wrong")


class KnowsOnlyTheFirst(CarriesASecret):
    def verify(self, delivery: Delivery, now: datetime) -> None:
        check_secret(delivery.headers.get(HEADER), self.settings.secrets[:1])


class TellsIt(CarriesASecret):
    def verify(self, delivery: Delivery, now: datetime) -> None:
        try:
            super().verify(delivery, now)
        except SignatureError:
            raise SignatureError(f"not {self.settings.secrets[0].get_secret_value()}") from None


class Crashes(CarriesASecret):
    def verify(self, delivery: Delivery, now: datetime) -> None:
        delivery.headers.get(HEADER, "").encode("ascii")
        super().verify(delivery, now)


@pytest.mark.parametrize(
    ("broken", "test"),
    [
        (LetsEverybodyIn, "test_a_wrong_secret_is_refused"),
        (LetsEverybodyIn, "test_a_missing_signature_is_refused"),
        (BelievesTheBeginning, "test_a_truncated_signature_is_refused"),
        (KnowsOnlyTheFirst, "test_every_configured_secret_is_accepted"),
        (TellsIt, "test_a_refusal_tells_no_secret"),
        (Crashes, "test_odd_headers_are_refused_and_nothing_else"),
    ],
)
def test_what_is_broken_is_found(broken: type[SigningInAdapter], test: str) -> None:
    kit = type("Kit", (Unsigned,), {"adapter": broken})()
    with pytest.raises((AssertionError, UnicodeError, SignatureError, pytest.fail.Exception)):
        getattr(kit, test)()


@pytest.mark.parametrize("test", OF_SECRETS)
def test_where_nothing_carries_a_secret_there_is_nothing_to_test(test: str) -> None:
    class Open(Unsigned):
        adapter = LetsEverybodyIn

        def make_delivery(self, sample: Sample, *, secret: str = "", at: datetime = NOW, attempt: int = 1) -> Delivery:
            return Delivery(headers={}, body=sample.body, received_at=at)

    with pytest.raises(pytest.skip.Exception, match="puts no secret into the headers"):
        getattr(Open(), test)()
