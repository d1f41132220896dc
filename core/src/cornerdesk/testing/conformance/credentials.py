"""Standard tests of how an adapter signs in, over the stand-in."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator, Iterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any, ClassVar

import pytest
from pydantic import BaseModel, SecretStr

from cornerdesk.adapters.credentials import CredentialStore, TokenPair
from cornerdesk.adapters.interface import Adapter, Capability
from cornerdesk.errors import CornerdeskError, CredentialsError, UnsupportedError
from cornerdesk.testing.conformance.bench import Bench, close
from cornerdesk.testing.conformance.standard import StandardTests
from cornerdesk.testing.desk import Fault

_ALWAYS = 999
_MOST_REQUESTS = 12
_SECRET_NAME = re.compile(r"secret|token|password|api_key", re.IGNORECASE)


@pytest.mark.asyncio
class CredentialsTests(StandardTests):
    """Who we are at the vendor: told when it is wrong, renewed when it is old, lost never.

    Attributes:
        renews: the adapter gets another access token by itself when the vendor refuses one.
    """

    renews: ClassVar[bool] = False

    def make_rotating_adapter(self, bench: Bench) -> Adapter:
        """An adapter that signs in with a refresh token of the stand-in's which is good once; the same for each call
        within a test. Only where the vendor has such."""
        pytest.skip(f"{type(self).__name__} does not give make_rotating_adapter")

    async def test_credentials_that_work_are_told_so(self, bench: Bench) -> None:
        """`check` asks the vendor and says who we are there.

        When it fails: ask for something that every user may see, and name it in a line.
        """
        line = await bench.adapter.check()
        assert line.strip()
        assert "\n" not in line
        assert bench.watch.asked, "the vendor was not asked"

    @pytest.mark.parametrize("status", [401, 403])
    async def test_refused_credentials_are_told(self, bench: Bench, status: int) -> None:
        """`CredentialsError`, after one or two tries: a person has to renew them, and hammering locks accounts.

        When it fails: let `ApiClient`'s `CredentialsError` through, and ask for another token at most once.
        """
        bench.standin.faults.append(Fault(status=status, body='{"error": "invalid_token"}', times=_ALWAYS))
        with pytest.raises(CredentialsError):
            await bench.adapter.check()
        assert len(bench.watch.asked) <= _MOST_REQUESTS, "asks on and on"

    async def test_no_error_tells_a_secret(self, bench: Bench) -> None:
        """Errors are logged, and shown in lists.

        When it fails: name the setting that holds the secret, never its value, nor headers or bodies of requests.
        """
        secrets = list(_secrets(bench.adapter.settings))
        for status in (400, 401, 403, 404, 429, 500):
            bench.standin.faults.append(Fault(status=status, body=" ".join(secrets), times=_ALWAYS))
            adapter = bench.connect()
            with pytest.raises(CornerdeskError) as raised:
                await adapter.check()
            bench.standin.faults.clear()
            told = _chain(raised.value)
            assert not [secret for secret in secrets if secret in told], f"{status}: the error tells a secret"

    async def test_settings_show_no_secret(self, bench: Bench) -> None:
        """Settings are printed by `check`, and in tracebacks.

        When it fails: the type of the setting is `pydantic.SecretStr`.
        """
        given = _named(bench.standin.settings(bench.url))
        settings = bench.adapter.settings
        shown = f"{settings!r} {settings!s} {settings.model_dump()}"
        told = [name for name, value in given if len(value) > 3 and _SECRET_NAME.search(name) and repr(value) in shown]
        assert not told, f"shown in clear: {', '.join(told)}"

    async def test_an_expired_token_is_renewed_once_for_all(self, bench: Bench) -> None:
        """Six requests find the token expired: one asks for another, and all six are answered.

        When it fails: keep tokens with `cornerdesk.OAuthTokens`; by hand, hold a lock and look again behind it.
        """
        if not self.renews:
            pytest.skip("does not renew its tokens (`renews`)")
        await bench.adapter.check()
        bench.standin.api.revoke_tokens()
        before = len(bench.watch.asked)
        await asyncio.gather(*(bench.adapter.check() for _ in range(2)), *self._questions(bench))
        seen = set(bench.watch.credentials(before)) - set(bench.watch.credentials()[:1])
        assert len(seen) <= 1, f"{len(seen)} new tokens"

    # ── tokens that rotate ──────────────────────────────────────────────────────────────────────────────────────────

    async def test_a_rotated_token_is_stored_before_it_is_used(self, bench: Bench) -> None:
        """The vendor has forgotten the old pair by now: a crash between use and storing would lose both.

        When it fails: `await store.save(pair)` before the first request with it; `OAuthTokens` does.
        """
        async with self._rotating(bench) as adapter:
            store = WatchedStore(bench)
            adapter.use_credentials(store)
            await self._use(bench, adapter)
            bench.standin.api.revoke_tokens()
            await self._use(bench, adapter)
            assert store.saved, "nothing was stored"
            used = [asked.credentials or "" for asked in bench.watch.asked]
            for pair, when in store.saved:
                early = [each for each in used[:when] if pair.access_token in each]
                assert not early, "used before it was stored"

    async def test_a_rotated_token_outlives_the_process(self, bench: Bench) -> None:
        """The next process signs in with what the last one stored; what stands in the settings is used up.

        When it fails: load the store before the configured refresh token is used.
        """
        async with self._rotating(bench) as first, self._rotating(bench) as second:
            store = WatchedStore(bench)
            first.use_credentials(store)
            await self._use(bench, first)
            bench.standin.api.revoke_tokens()
            second.use_credentials(store)
            await self._use(bench, second)

    async def test_one_process_refreshes_at_a_time(self, bench: Bench) -> None:
        """Two that refresh with one token: the second is refused, and may take the whole pair with it.

        When it fails: refresh within `store.renewing()`, and look into the store again behind it.
        """
        async with self._rotating(bench) as first, self._rotating(bench) as second:
            store = WatchedStore(bench)
            for adapter in (first, second):
                adapter.use_credentials(store)
                await self._use(bench, adapter)
            bench.standin.api.revoke_tokens()
            stored = len(store.saved)
            await asyncio.gather(self._use(bench, first), self._use(bench, second))
            assert len(store.saved) - stored == 1, f"{len(store.saved) - stored} refreshes"
            assert not store.together, "two were refreshing at a time"

    # ── capabilities ────────────────────────────────────────────────────────────────────────────────────────────────

    async def test_an_adapter_without_an_api_asks_nobody(self) -> None:
        """Where nothing is declared that talks to the vendor, `check` raises `UnsupportedError`.

        When it fails: leave `check` as `Adapter` has it, or declare what the credentials are for.
        """
        if self.talks:
            pytest.skip("talks to the vendor")
        with pytest.raises(UnsupportedError):
            await self.make_adapter().check()

    # ── for the tests above ─────────────────────────────────────────────────────────────────────────────────────────

    def _questions(self, bench: Bench) -> list[Any]:
        if Capability.HYDRATION not in self.declared:
            return []
        ticket = bench.open_ticket()
        return [bench.adapter.fetch_ticket(ticket) for _ in range(4)]

    @asynccontextmanager
    async def _rotating(self, bench: Bench) -> AsyncIterator[Adapter]:
        adapter = self.make_rotating_adapter(bench)
        try:
            yield adapter
        finally:
            await close([adapter])

    async def _use(self, bench: Bench, adapter: Adapter) -> None:
        """A request that needs the token, whatever the adapter remembers."""
        if Capability.HYDRATION in self.declared:
            await adapter.fetch_ticket(bench.open_ticket())
        else:
            await adapter.check()


class WatchedStore(CredentialStore):
    """Keeps tokens as the core does, and what happened.

    Attributes:
        saved: pairs, each with the number of requests that came before it was stored.
        together: two renewed at once.
    """

    def __init__(self, bench: Bench) -> None:
        self._bench = bench
        self._lock = asyncio.Lock()
        self._pair: TokenPair | None = None
        self._held = False
        self.saved: list[tuple[TokenPair, int]] = []
        self.together = False

    async def load(self) -> TokenPair | None:
        await asyncio.sleep(0)
        return self._pair

    async def save(self, pair: TokenPair) -> None:
        await asyncio.sleep(0)
        self.together |= not self._held
        self._pair = pair
        self.saved.append((pair, len(self._bench.watch.asked)))

    def renewing(self) -> AbstractAsyncContextManager[None]:
        return self._renewing()

    @asynccontextmanager
    async def _renewing(self) -> AsyncIterator[None]:
        async with self._lock:
            self._held = True
            try:
                yield
            finally:
                self._held = False


def _secrets(value: Any) -> Iterator[str]:
    if isinstance(value, SecretStr):
        yield value.get_secret_value()
    elif isinstance(value, BaseModel):
        for name in type(value).model_fields:
            yield from _secrets(getattr(value, name))
    elif isinstance(value, list | tuple):
        for inner in value:
            yield from _secrets(inner)


def _named(value: Any, name: str = "") -> Iterator[tuple[str, str]]:
    """Texts in JSON with the name that they stand under."""
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from _named(inner, key)
    elif isinstance(value, list | tuple):
        for inner in value:
            yield from _named(inner, name)
    elif isinstance(value, str):
        yield name, value


def _chain(error: BaseException | None) -> str:
    """What a traceback would show of the errors."""
    if error is None:
        return ""
    inner = error.__cause__ or (None if error.__suppress_context__ else error.__context__)
    return f"{error} {_chain(inner)}"
