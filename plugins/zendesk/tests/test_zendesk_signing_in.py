"""Signing in: tokens fetched once however many ask, renewed when refused, and never lost."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import pytest
import structlog
from cornerdesk import CredentialsError, MemoryCredentials, RetryableError
from cornerdesk_zendesk.adapter import ZendeskAdapter
from cornerdesk_zendesk.standin import Credentials, Fault, ZendeskStandIn
from cornerdesk_zendesk.testing import NOW, make_settings

Connect = Callable[..., ZendeskAdapter]


class Time:
    def __init__(self) -> None:
        self.at = NOW

    def now(self) -> datetime:
        return self.at


async def test_a_token_is_fetched_when_first_needed_and_once(standin: ZendeskStandIn, adapter: ZendeskAdapter) -> None:
    ticket = str(standin.open_ticket("a", "b"))
    assert standin.api.tokens_given == 0
    await asyncio.gather(*(adapter.fetch_ticket(ticket) for _ in range(10)))
    assert standin.api.tokens_given == 1


async def test_a_refused_token_is_renewed_once_for_all_who_wait(
    standin: ZendeskStandIn, adapter: ZendeskAdapter
) -> None:
    ticket = str(standin.open_ticket("a", "b"))
    await adapter.check()
    standin.api.revoke_tokens()
    await asyncio.gather(*(adapter.add_note(ticket, f"note {number}", f"m{number}") for number in range(6)))
    assert standin.api.tokens_given == 2
    assert standin.notes(ticket) == 6


async def test_a_token_is_renewed_before_its_time_is_up(standin: ZendeskStandIn, connect: Connect) -> None:
    standin.api.tokens.lifetime = 300.0
    adapter, time = connect(), Time()
    tokens: Any = adapter._client.tokens
    tokens._clock = time
    await adapter.check()
    time.at += timedelta(seconds=239)
    await adapter.fetch_ticket(str(standin.open_ticket("a", "b")))
    assert standin.api.tokens_given == 1
    time.at += timedelta(seconds=2)
    await adapter.fetch_ticket(str(standin.open_ticket("a", "b")))
    assert standin.api.tokens_given == 2


async def test_a_token_that_stays_refused_is_an_error_and_no_loop(
    standin: ZendeskStandIn, adapter: ZendeskAdapter
) -> None:
    standin.faults.append(Fault(status=401, path="/api/", times=99))
    with pytest.raises(CredentialsError):
        await adapter.check()
    assert standin.api.tokens_given == 2


async def test_a_wrong_client_is_told_without_its_secret(standin: ZendeskStandIn, connect: Connect) -> None:
    standin.api.credentials = Credentials(client_id="cd", client_secret="right")
    with pytest.raises(CredentialsError) as refused:
        await connect().check()
    assert "client_id" in str(refused.value)
    assert "client-secret" not in str(refused.value)


async def test_a_token_endpoint_that_is_down_is_no_wrong_client(
    standin: ZendeskStandIn, adapter: ZendeskAdapter
) -> None:
    standin.faults.append(Fault(status=503, path="/oauth", times=99))
    with pytest.raises(RetryableError):
        await adapter.check()


async def test_a_token_made_elsewhere_is_used_until_it_is_refused(standin: ZendeskStandIn, connect: Connect) -> None:
    token = standin.api.new_token()["access_token"]
    adapter = connect(oauth={"access_token": token})
    await adapter.check()
    standin.api.revoke_tokens()
    with pytest.raises(CredentialsError, match="no client_id"):
        await adapter.fetch_ticket("1")


async def test_an_api_token_signs_in_with_a_warning(standin: ZendeskStandIn, connect: Connect) -> None:
    standin.api.credentials = Credentials(email="ada@example.com", api_token="t")
    with structlog.testing.capture_logs() as logs:
        adapter = connect(oauth=None, email="ada@example.com", api_token="t")
    assert [log["event"] for log in logs] == ["zendesk_api_tokens_end"]
    assert "2027" in await adapter.check()
    with pytest.raises(CredentialsError):
        await connect(oauth=None, email="ada@example.com", api_token="wrong").check()


def refreshing(connect: Connect, first: str, store: MemoryCredentials) -> ZendeskAdapter:
    adapter = connect(oauth={"client_id": "cd", "client_secret": "s", "refresh_token": first})
    adapter.use_credentials(store)
    return adapter


async def test_a_refreshed_pair_outlives_the_adapter(standin: ZendeskStandIn, connect: Connect) -> None:
    first, store = standin.api.new_token()["refresh_token"], MemoryCredentials()
    await refreshing(connect, first, store).check()
    standin.api.revoke_tokens()
    await refreshing(connect, first, store).check()
    assert standin.api.tokens_given == 3


async def test_two_who_share_a_store_refresh_once(standin: ZendeskStandIn, connect: Connect) -> None:
    first, store = standin.api.new_token()["refresh_token"], MemoryCredentials()
    one, other = refreshing(connect, first, store), refreshing(connect, first, store)
    await asyncio.gather(one.check(), other.check())
    given = standin.api.tokens_given
    standin.api.revoke_tokens()
    ticket = str(standin.open_ticket("a", "b"))
    await asyncio.gather(one.fetch_ticket(ticket), other.fetch_ticket(ticket))
    assert standin.api.tokens_given == given + 1


async def test_a_used_up_refresh_token_asks_for_a_new_one(connect: Connect) -> None:
    with pytest.raises(CredentialsError, match="put the new refresh token into the configuration"):
        await refreshing(connect, "used up", MemoryCredentials()).check()


def test_stored_tokens_are_encrypted_with_the_clients_secret(connect: Connect) -> None:
    secret = connect().token_secret
    assert secret is not None
    assert secret.get_secret_value() == "client-secret"
    assert connect(oauth={"access_token": "t"}).token_secret is None


def test_no_setting_shows_a_secret() -> None:
    settings = make_settings(oauth={"client_id": "a", "client_secret": "hush", "access_token": "hush"})
    assert "hush" not in repr(settings) + str(settings.model_dump())
