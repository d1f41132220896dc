"""Signing in: tokens fetched once however many ask, renewed when refused, and never lost."""

from __future__ import annotations

import asyncio
import json
import stat
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import structlog
from cornerdesk import CredentialsError, RejectedError, RetryableError
from cornerdesk_zendesk.adapter import ZendeskAdapter
from cornerdesk_zendesk.standin import Credentials, Fault, StandIn
from cornerdesk_zendesk.testing import make_settings

Connect = Callable[..., ZendeskAdapter]


async def test_a_token_is_fetched_when_first_needed_and_once(standin: StandIn, adapter: ZendeskAdapter) -> None:
    ticket = str(standin.open_ticket("a", "b"))
    assert standin.api.tokens_given == 0
    await asyncio.gather(*(adapter.fetch_ticket(ticket) for _ in range(10)))
    assert standin.api.tokens_given == 1


async def test_a_refused_token_is_renewed_once_for_all_who_wait(standin: StandIn, adapter: ZendeskAdapter) -> None:
    ticket = str(standin.open_ticket("a", "b"))
    await adapter.check()
    standin.api.revoke_tokens()
    await asyncio.gather(*(adapter.add_note(ticket, f"note {number}", f"m{number}") for number in range(6)))
    assert standin.api.tokens_given == 2
    assert standin.notes(int(ticket)) == 6


async def test_a_token_is_renewed_before_its_time_is_up(standin: StandIn, connect: Connect) -> None:
    standin.api._token_lifetime = 300.0
    adapter, time = connect(), [1000.0]
    auth: Any = adapter._client.api._auth
    auth._tokens._monotonic = lambda: time[0]
    await adapter.check()
    time[0] += 241
    await adapter.fetch_ticket(str(standin.open_ticket("a", "b")))
    assert standin.api.tokens_given == 2


async def test_a_token_that_stays_refused_is_an_error_and_no_loop(standin: StandIn, adapter: ZendeskAdapter) -> None:
    standin.faults.append(Fault(status=401, path="/api/", times=99))
    with pytest.raises(CredentialsError):
        await adapter.check()
    assert standin.api.tokens_given == 2


async def test_a_wrong_client_is_told_without_its_secret(standin: StandIn, connect: Connect) -> None:
    standin.api._credentials = Credentials(client_id="cd", client_secret="right")
    with pytest.raises(CredentialsError) as refused:
        await connect().check()
    assert "client_id" in str(refused.value)
    assert "client-secret" not in str(refused.value)


async def test_a_token_endpoint_that_is_down_is_no_wrong_client(standin: StandIn, adapter: ZendeskAdapter) -> None:
    standin.faults.append(Fault(status=503, path="/oauth", times=99))
    with pytest.raises(RetryableError):
        await adapter.check()


async def test_a_token_made_elsewhere_is_used_until_it_is_refused(standin: StandIn, connect: Connect) -> None:
    token = standin.api.new_token()["access_token"]
    adapter = connect(oauth={"access_token": token})
    await adapter.check()
    standin.api.revoke_tokens()
    with pytest.raises(CredentialsError, match="no client_id"):
        await adapter.fetch_ticket("1")


async def test_an_api_token_signs_in_with_a_warning(standin: StandIn, connect: Connect) -> None:
    standin.api._credentials = Credentials(email="ada@example.com", api_token="t")
    with structlog.testing.capture_logs() as logs:
        adapter = connect(oauth=None, email="ada@example.com", api_token="t")
    assert [log["event"] for log in logs] == ["zendesk_api_tokens_end"]
    assert "2027" in await adapter.check()
    with pytest.raises(CredentialsError):
        await connect(oauth=None, email="ada@example.com", api_token="wrong").check()


def refreshing(standin: StandIn, connect: Connect, file: Path) -> ZendeskAdapter:
    first = standin.api.new_token()["refresh_token"] if not file.exists() else "used up"
    oauth = {"client_id": "cd", "client_secret": "s", "refresh_token": first, "token_file": str(file)}
    return connect(oauth=oauth)


async def test_a_refreshed_pair_outlives_the_process(standin: StandIn, connect: Connect, tmp_path: Path) -> None:
    file = tmp_path / "tokens.json"
    await refreshing(standin, connect, file).check()
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    standin.api.revoke_tokens()
    await refreshing(standin, connect, file).check()
    assert set(json.loads(file.read_text())) == {"access_token", "refresh_token"}


async def test_two_processes_share_one_pair(standin: StandIn, connect: Connect, tmp_path: Path) -> None:
    file = tmp_path / "tokens.json"
    one = refreshing(standin, connect, file)
    await one.check()
    other = refreshing(standin, connect, file)
    await other.check()
    given = standin.api.tokens_given
    standin.api.revoke_tokens()
    ticket = str(standin.open_ticket("a", "b"))
    await asyncio.gather(one.fetch_ticket(ticket), other.fetch_ticket(ticket))
    assert standin.api.tokens_given == given + 1


async def test_a_token_file_that_cannot_be_read_is_named(connect: Connect, tmp_path: Path) -> None:
    file = tmp_path / "tokens.json"
    file.write_text("{")
    oauth = {"client_id": "cd", "client_secret": "s", "refresh_token": "r", "token_file": str(file)}
    with pytest.raises(RejectedError, match=r"tokens\.json"):
        await connect(oauth=oauth).check()


def test_no_setting_shows_a_secret() -> None:
    settings = make_settings(oauth={"client_id": "a", "client_secret": "hush", "access_token": "hush"})
    assert "hush" not in repr(settings) + str(settings.model_dump())
