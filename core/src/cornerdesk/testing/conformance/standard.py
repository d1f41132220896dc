"""What every class of the kit shares: what an author gives, and that no standard test is quietly replaced."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, ClassVar

import pytest
import pytest_asyncio

from cornerdesk.adapters.interface import Adapter, Capability, Delivery
from cornerdesk.adapters.transport import Sleep
from cornerdesk.errors import UnsupportedError
from cornerdesk.testing.conformance.bench import Bench, Call, close, opened, trapped
from cornerdesk.testing.conformance.samples import Sample

if TYPE_CHECKING:
    from cornerdesk.clock import Clock
    from cornerdesk.testing.desk import StandIn

SECRET = "a-secret-of-the-conformance-kit"  # noqa: S105 - guards nothing
"""What deliveries are signed with unless a test says otherwise."""

NOW = datetime(2026, 10, 5, 12, tzinfo=UTC)
"""The time at which deliveries of pure tests are sent and received: not today, so that reading the real clock shows."""

NOWHERE = "http://127.0.0.1:9"
"""An API address for tests that must not need one."""

_PURE = frozenset({Capability.SIGNED_WEBHOOKS, Capability.BEFORE_AND_AFTER, Capability.RATINGS})
_OURS = __name__.rpartition(".")[0]


async def no_pause(seconds: float) -> None:
    """Sleeping that takes no time, and lets others run."""
    await asyncio.sleep(0)


class StandardTests:
    """The root of the kit's classes. Subclass it once with what the kit has to know of your adapter, then combine:

        class Acme(StandardTests):
            samples = (Sample.load(FIXTURES / "ticket_created.json", Told(EventKind.TICKET_CREATED, "7")),)
            def make_adapter(self, ...): ...
            def make_delivery(self, ...): ...

        class TestWebhooks(Acme, WebhookTests): ...
        class TestMapping(Acme, MappingTests): ...

    A standard test may only be replaced by one that is marked `pytest.mark.xfail(reason="...")`: a reader of your
    tests then sees what your adapter does not keep, and why.

    Attributes:
        samples: deliveries with what they mean; at least one.
    """

    samples: ClassVar[Sequence[Sample]] = ()

    def __init_subclass__(cls, **more: Any) -> None:
        super().__init_subclass__(**more)
        for name in sorted(_replaced(cls)):
            if not _has_reasoned_xfail(inspect.getattr_static(cls, name)):
                raise TypeError(
                    f"{cls.__name__}.{name} replaces a standard test of cornerdesk.testing;"
                    ' mark it @pytest.mark.xfail(reason="why the adapter does not keep this"), or take it away'
                )

    # ── what an author gives ────────────────────────────────────────────────────────────────────────────────────────

    def make_adapter(
        self,
        *,
        base_url: str = NOWHERE,
        secrets: tuple[str, ...] = (SECRET,),
        sleep: Sleep = no_pause,
    ) -> Adapter:
        """The adapter of one source.

        Args:
            base_url: where its API is.
            secrets: the webhook secrets that are valid.
            sleep: what it waits with between attempts; hand it to `ApiClient`.
        """
        raise NotImplementedError(f"{type(self).__name__} has to give make_adapter")

    def make_delivery(self, sample: Sample, *, secret: str = SECRET, at: datetime = NOW, attempt: int = 1) -> Delivery:
        """A sample as the vendor sends it: `sample.headers`, and those that sign and name the delivery.

        Ids that stand in headers are made from the body, so that each sample has its own and always the same.

        Args:
            secret: what it is signed with.
            at: when this attempt is sent and received.
            attempt: 1, or more for a retry: then whatever the vendor changes in a retry differs, and nothing else.
        """
        raise NotImplementedError(f"{type(self).__name__} has to give make_delivery")

    def make_standin(self, clock: Clock) -> StandIn:
        """A stand-in of the vendor's API, empty, that `make_adapter`'s adapters can sign in to. Needed as soon as the
        adapter declares anything that talks to the vendor.

        Args:
            clock: the time that its tickets carry.
        """
        raise NotImplementedError(
            f"{type(self).__name__} has to give make_standin: the adapter declares what talks to the vendor;"
            " see cornerdesk.testing.desk"
        )

    # ── for the kit's own use ───────────────────────────────────────────────────────────────────────────────────────

    @property
    def declared(self) -> frozenset[Capability]:
        """What the adapter declares."""
        return self.make_adapter().capabilities

    @property
    def talks(self) -> bool:
        """Whether anything is declared that talks to the vendor."""
        return bool(self.declared - _PURE)

    def need(self, *capabilities: Capability) -> None:
        """Skip a test of what the adapter does not declare; another test holds that it then refuses."""
        missing = sorted(set(capabilities) - self.declared)
        if missing:
            pytest.skip(f"{', '.join(missing)}: not declared")

    @pytest_asyncio.fixture
    async def bench(self) -> AsyncIterator[Bench]:
        """A stand-in, served on loopback, and an adapter that talks to it."""
        if not self.talks:
            pytest.skip("declares nothing that talks to the vendor")
        async with opened(self.make_standin, lambda url: self.make_adapter(base_url=url), NOW) as bench:
            yield bench

    async def expect_unsupported(self, calls: Mapping[Capability, Call]) -> None:
        """Of these calls, those whose capability is not declared raise `UnsupportedError` and ask nobody anything."""
        undeclared = {capability: call for capability, call in calls.items() if capability not in self.declared}
        if not undeclared:
            pytest.skip("all of it is declared")
        for capability, call in undeclared.items():
            async with trapped() as trap:
                adapter = self.make_adapter(base_url=trap.url)
                try:
                    with pytest.raises(UnsupportedError) as refused:
                        await call(adapter)
                finally:
                    await close([adapter])
                assert str(refused.value), f"{capability}: says nothing"
                assert not trap.caught, f"{capability} is not declared, and the vendor was asked: {trap.caught[0][:80]}"

    def pytest_generate_tests(self, metafunc: pytest.Metafunc) -> None:
        """A test that takes `sample` runs once for each."""
        if "sample" in metafunc.fixturenames:
            metafunc.parametrize("sample", self.samples, ids=lambda sample: sample.name)


def _replaced(cls: type) -> Iterator[str]:
    standard = [base for base in cls.__mro__ if base.__module__.startswith(_OURS)]
    for base in standard:
        for name in vars(base):
            if name.startswith("test_") and inspect.getattr_static(cls, name) is not vars(base)[name]:
                yield name


def _has_reasoned_xfail(test: object) -> bool:
    marks = getattr(test, "pytestmark", ())
    return any(mark.name == "xfail" and str(mark.kwargs.get("reason") or "").strip() for mark in marks)
