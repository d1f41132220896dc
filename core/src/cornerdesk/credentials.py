"""Tokens that change, kept in the database: encrypted, and renewed by one process at a time on however many machines.

Encrypted with Fernet, by a key that HKDF-SHA256 derives from a secret of the settings (`Adapter.token_secret`): every
process has it, and whoever has only the database has nothing. Tokens that cannot be decrypted, because the secret has
changed, count as none.

Renewing is a lease in the source's row, taken by compare-and-set: transactions stay short while the vendor takes its
time, and the lease of a process that died ends by itself. Machines' clocks may differ by less than `LEASE` minus what a
request to a token endpoint takes.
"""

from __future__ import annotations

import asyncio
import base64
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from datetime import timedelta

import structlog
from cryptography.fernet import Fernet, InvalidToken
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from pydantic import SecretStr, ValidationError
from sqlalchemy import or_, select, update

from cornerdesk.adapters.credentials import TokenPair
from cornerdesk.cancellation import settled
from cornerdesk.clock import Clock, SystemClock
from cornerdesk.errors import RetryableError
from cornerdesk.model import new_id
from cornerdesk.storage import Storage, StorageUnavailable
from cornerdesk.storage.tables import credentials

LEASE = timedelta(seconds=120)
"""A process that has renewed for so long counts as dead. More than one request to a token endpoint takes."""

PATIENCE = 20.0
"""Seconds to wait for another process; then the work is tried again later."""

_POLL = 0.25
_log = structlog.get_logger()


class StoredCredentials:
    """A `CredentialStore` of one source.

    Args:
        secret: what the key is derived from.
        sleep, clock: time; for tests.
    """

    def __init__(
        self,
        storage: Storage,
        source: str,
        secret: SecretStr,
        *,
        clock: Clock | None = None,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._storage = storage
        self._source = source
        self._box = _box(source, secret)
        self._clock = clock or SystemClock()
        self._sleep = sleep
        self._ours = credentials.c.source == source

    async def load(self) -> TokenPair | None:
        async with self._storage.reading() as tx:
            sealed = await tx.value(select(credentials.c.ciphertext).where(self._ours))
        if sealed is None:
            return None
        try:
            return TokenPair.model_validate_json(self._box.decrypt(sealed))
        except (InvalidToken, ValidationError):
            _log.warning(
                "stored_tokens_unreadable",
                source=self._source,
                why="the secret that they were encrypted with has changed; going on as if there were none",
            )
            return None

    async def save(self, pair: TokenPair) -> None:
        sealed = self._box.encrypt(pair.model_dump_json().encode())
        async with self._storage.transaction() as tx:
            await tx.execute(
                update(credentials).where(self._ours).values(ciphertext=sealed, updated_at=self._clock.now())
            )

    def renewing(self) -> AbstractAsyncContextManager[None]:
        return self._renewing()

    @asynccontextmanager
    async def _renewing(self) -> AsyncIterator[None]:
        holder, waited = new_id(), 0.0
        try:
            while not await settled(self._take(holder)):
                if waited >= PATIENCE:
                    raise RetryableError(
                        f"another process has been renewing the tokens of {self._source!r} for {waited:.0f} s",
                        retry_after=PATIENCE,
                    )
                await self._sleep(_POLL)
                waited += _POLL
            yield
        finally:
            await settled(self._give_back(holder))

    async def _take(self, holder: str) -> bool:
        now = self._clock.now()
        free = or_(credentials.c.holder.is_(None), credentials.c.lease_until <= now)
        async with self._storage.transaction() as tx:
            await tx.insert_new(credentials, [{"source": self._source}], unique=["source"], returning="source")
            taken = await tx.execute(
                update(credentials).where(self._ours, free).values(holder=holder, lease_until=now + LEASE)
            )
            return taken.rowcount == 1

    async def _give_back(self, holder: str) -> None:
        try:
            async with self._storage.transaction() as tx:
                ours = (self._ours, credentials.c.holder == holder)
                await tx.execute(update(credentials).where(*ours).values(holder=None, lease_until=None))
        except StorageUnavailable as error:  # it ends by itself
            _log.warning("token_lease_kept", source=self._source, why=str(error))


def _box(source: str, secret: SecretStr) -> Fernet:
    """Each source has a key of its own, so that no row can stand in for another."""
    derive = HKDF(algorithm=SHA256(), length=32, salt=None, info=f"cornerdesk credentials of {source}".encode())
    return Fernet(base64.urlsafe_b64encode(derive.derive(secret.get_secret_value().encode())))
