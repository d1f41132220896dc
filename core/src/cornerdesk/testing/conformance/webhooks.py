"""Standard tests of `verify` and `delivery_key`. Pure: no stand-in is needed."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cornerdesk.adapters.interface import Adapter, Capability, Delivery
from cornerdesk.errors import SignatureError
from cornerdesk.testing.conformance.arbitrary import bounded, near_bodies
from cornerdesk.testing.conformance.samples import Sample
from cornerdesk.testing.conformance.standard import NOW, SECRET, StandardTests

LONGEST_KEY = 400
OTHER_SECRET = "another-secret-of-the-conformance-kit"  # noqa: S105


class WebhookTests(StandardTests):
    """Which deliveries are the vendor's, and which of them are the same one again."""

    # ── signatures ──────────────────────────────────────────────────────────────────────────────────────────────────

    def test_a_signed_delivery_is_accepted(self, sample: Sample) -> None:
        """What the vendor signs is taken.

        When it fails: compare with the vendor's documentation what exactly is signed (body alone, time and body), in
        which encoding, and whether the secret counts as text or has to be decoded. `verify` must take the time from
        its argument `now` and not from the clock.
        """
        self.make_adapter().verify(self.make_delivery(sample), NOW)

    def test_a_changed_body_is_refused(self) -> None:
        """One field more, and the signature is of another body.

        When it fails: hand `delivery.body` to `check_signature`, whole and unread. Where the vendor only sends a secret
        in a header, do not declare `SIGNED_WEBHOOKS`; the secret is tested all the same.
        """
        self.need(Capability.SIGNED_WEBHOOKS)
        delivery = self._signed()
        more = delivery.body.rstrip().removesuffix(b"}") + b', "more": 1}'
        self._expect_refusal(delivery.model_copy(update={"body": more}))

    def test_a_body_written_anew_is_refused(self) -> None:
        """The same JSON in other bytes is not what was signed: whoever accepts it signs what it parsed, and what it
        parsed may differ from what is read later.

        When it fails: sign the bytes as they came; never `json.dumps(json.loads(body))`.
        """
        self.need(Capability.SIGNED_WEBHOOKS)
        for sample in self.samples:
            delivery = self.make_delivery(sample)
            for again in {json.dumps(sample.data, indent=7).encode(), json.dumps(sample.data).encode()} - {sample.body}:
                self._expect_refusal(delivery.model_copy(update={"body": again}))

    def test_every_configured_secret_is_accepted(self) -> None:
        """While a secret is being rotated two are valid, whichever stands first.

        When it fails: hand every secret of the settings to `check_signature` or `check_secret`, in one call.
        """
        self._need_secret()
        for secrets in ((SECRET, OTHER_SECRET), (OTHER_SECRET, SECRET)):
            adapter = self.make_adapter(secrets=secrets)
            for secret in secrets:
                adapter.verify(self._signed(secret), NOW)

    def test_a_wrong_secret_is_refused(self) -> None:
        """A signature that anybody could have made is none.

        When it fails: `verify` must raise what `check_signature` raises or, where the vendor signs nothing and sends a
        secret in a header, `check_secret`.
        """
        self._need_secret()
        self._expect_refusal(self._signed(OTHER_SECRET))

    def test_a_missing_signature_is_refused(self) -> None:
        """No header, or an empty one, is no signature.

        When it fails: look for an `if signature:` around the check, or a default that lets it pass.
        """
        self._need_secret()
        delivery = self._signed()
        for header in self._signing_headers():
            without = {name: value for name, value in delivery.headers.items() if name != header}
            self._expect_refusal(delivery.model_copy(update={"headers": without}))
            self._expect_refusal(delivery.model_copy(update={"headers": {**without, header: ""}}))

    def test_a_truncated_signature_is_refused(self) -> None:
        """The beginning of a signature can be guessed.

        When it fails: compare whole signatures with `check_signature` (bare secrets with `check_secret`), not with
        `startswith`, `in` or `zip`.
        """
        self._need_secret()
        delivery = self._signed()
        for header in self._signing_headers():
            whole = delivery.headers[header]
            for end in (-1, -4, len(whole) // 2):
                self._expect_refusal(delivery.model_copy(update={"headers": {**delivery.headers, header: whole[:end]}}))

    def test_a_refusal_tells_no_secret(self) -> None:
        """Refusals are logged and shown: they name what is wrong, and never the secret or the signature expected.

        When it fails: leave secrets and signatures out of messages; `check_signature` and `check_secret` do.
        """
        self._need_secret()
        delivery = self._signed(OTHER_SECRET)
        expected = self._signed()
        with pytest.raises(SignatureError) as refused:
            self.make_adapter().verify(delivery, NOW)
        told = str(refused.value)
        assert told, "the refusal says nothing: name the header, and what to check"
        for header in self._signing_headers():
            assert expected.headers[header] not in told, f"the refusal tells the right {header}"
        assert SECRET not in told, "the refusal tells the secret"

    def test_a_captured_delivery_does_not_work_tomorrow(self) -> None:
        """Where the vendor signs the time of sending, a delivery is good for minutes.

        When it fails: pass the signed time to `check_window`. The time of the event is not meant: retries come late.
        """
        self.need(Capability.SIGNED_WEBHOOKS)
        delivery = self._signed()
        later = self.make_delivery(self.samples[0], at=NOW + timedelta(days=1))
        if all(delivery.headers.get(header) == later.headers.get(header) for header in self._signing_headers()):
            pytest.skip("the vendor signs no time")
        self._expect_refusal(delivery, later=timedelta(days=1))

    def test_odd_headers_are_refused_and_nothing_else(self) -> None:
        """Whatever a stranger puts into the headers is a `SignatureError`, so that it is answered with 401.

        When it fails: decode, parse and compare inside what turns failures into `SignatureError`.
        """
        self._need_secret()
        adapter, delivery, headers = self.make_adapter(), self._signed(), self._signing_headers()

        @bounded(100)
        @given(st.sampled_from(headers), st.text(st.characters(max_codepoint=255), max_size=40))
        def check(header: str, value: str) -> None:
            if value.strip() and value.strip() != delivery.headers[header].strip():
                odd = delivery.model_copy(update={"headers": {**delivery.headers, header: value}})
                with pytest.raises(SignatureError):
                    adapter.verify(odd, NOW)

        check()

    def test_undeclared_signatures_are_not_checked(self) -> None:
        """An adapter that does refuse a changed body has signed webhooks, and should say so.

        When it fails: declare `Capability.SIGNED_WEBHOOKS`, or find out what else refuses the delivery.
        """
        if Capability.SIGNED_WEBHOOKS in self.declared:
            pytest.skip("signed_webhooks: declared")
        delivery = self._signed()
        self.make_adapter().verify(delivery.model_copy(update={"body": delivery.body + b" "}), NOW)

    # ── keys ────────────────────────────────────────────────────────────────────────────────────────────────────────

    def test_a_delivery_keeps_its_key_when_it_is_retried(self, sample: Sample) -> None:
        """A retry that has another key makes every rule fire twice.

        When it fails: build the key from what the vendor keeps in retries (an event's id, an invocation's id); not
        from the time of sending, a signature or an attempt's number.
        """
        adapter = self.make_adapter()
        first = adapter.delivery_key(self.make_delivery(sample))
        for attempt in (2, 3):
            retried = self.make_delivery(sample, at=NOW + timedelta(minutes=attempt), attempt=attempt)
            assert adapter.delivery_key(retried) == first

    def test_different_deliveries_have_different_keys(self) -> None:
        """Two deliveries with one key, and the second is lost.

        When it fails: a ticket's id alone is no key; take the event's, or a hash of the body where there is none.
        """
        adapter = self.make_adapter()
        samples = [*self.samples, *(Sample(f"odd {number}", b'{"odd": %d}' % number) for number in range(2))]
        keys = {sample.name: adapter.delivery_key(self.make_delivery(sample)) for sample in samples}
        assert len(set(keys.values())) == len(samples), keys

    def test_whatever_comes_has_a_key(self) -> None:
        """The key is made while the vendor waits, before anything is stored: an error there is a lost delivery.

        When it fails: fall back to a hash of the body where the id is missing, of another type, or unprintable.
        """
        adapter = self.make_adapter()

        @bounded(150)
        @given(_odd_deliveries(self._signed(), self.samples))
        def check(delivery: Delivery) -> None:
            key = adapter.delivery_key(delivery)
            assert isinstance(key, str)
            assert 0 < len(key) <= LONGEST_KEY, f"a key of {len(key)} characters"
            assert "\0" not in key, "no database keeps a key with a NUL in it"

        check()

    # ── for the tests above ─────────────────────────────────────────────────────────────────────────────────────────

    def _signed(self, secret: str = SECRET) -> Delivery:
        return self.make_delivery(self.samples[0], secret=secret)

    def _need_secret(self) -> None:
        """Skip where deliveries neither are signed nor carry a secret."""
        if Capability.SIGNED_WEBHOOKS not in self.declared and not self._changed_by_secret():
            pytest.skip("signed_webhooks: not declared, and make_delivery puts no secret into the headers")

    def _changed_by_secret(self) -> list[str]:
        one, other = self._signed().headers, self._signed(OTHER_SECRET).headers
        return [name for name in one if one[name] != other.get(name)]

    def _signing_headers(self) -> list[str]:
        """Those that another secret changes."""
        found = self._changed_by_secret()
        assert found, "make_delivery gives the same headers whatever the secret is"
        return found

    def _expect_refusal(self, delivery: Delivery, *, later: timedelta = timedelta(0)) -> None:
        adapter: Adapter = self.make_adapter()
        with pytest.raises(SignatureError):
            adapter.verify(delivery, NOW + later)


def _odd_deliveries(delivery: Delivery, samples: Sequence[Sample]) -> st.SearchStrategy[Delivery]:
    bodies = st.binary(max_size=60) | near_bodies(samples)
    return bodies.map(lambda body: delivery.model_copy(update={"body": body}))
