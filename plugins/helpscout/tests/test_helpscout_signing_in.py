"""How the app signs in: by itself, or by tokens that rotate."""

from __future__ import annotations

from collections.abc import Callable

import httpx
import pytest
from cornerdesk import CredentialsError, MemoryCredentials, RetryableError
from cornerdesk_helpscout.adapter import HelpScoutAdapter
from cornerdesk_helpscout.standin import Fault, HelpScoutStandIn

Connect = Callable[..., HelpScoutAdapter]


async def test_an_app_signs_in_by_itself_and_says_as_whom(standin: HelpScoutStandIn, adapter: HelpScoutAdapter) -> None:
    standin.api.tokens.client_id, standin.api.tokens.client_secret = "cd", "app-secret"
    assert await adapter.check() == f"signed in to 127.0.0.1 as user {standin.own_id} (user)"
    assert await adapter.own_user_id() == standin.own_id
    assert standin.api.tokens.given == 1


async def test_a_wrong_secret_is_told_without_it(standin: HelpScoutStandIn, adapter: HelpScoutAdapter) -> None:
    standin.api.tokens.client_secret = "another"
    with pytest.raises(CredentialsError, match=r"Help Scout \(inbox\)") as refused:
        await adapter.check()
    assert "app-secret" not in str(refused.value)


async def test_a_token_that_ends_in_the_middle_is_renewed(standin: HelpScoutStandIn, adapter: HelpScoutAdapter) -> None:
    ticket = standin.open_ticket("Export stops", "We will cancel.")
    await adapter.check()
    standin.api.revoke_tokens()
    await adapter.add_note(ticket, "Once.", "m-1")
    assert standin.notes(ticket, "Once.") == 1
    assert standin.api.tokens.given == 2


async def test_rotating_tokens_are_stored_and_the_stored_ones_used(standin: HelpScoutStandIn, connect: Connect) -> None:
    first = standin.api.tokens.new()["refresh_token"]
    store = MemoryCredentials()
    one = connect(refresh_token=first)
    one.use_credentials(store)
    await one.check()
    stored = await store.load()
    assert stored is not None
    assert stored.refresh_token not in (None, first)
    standin.api.revoke_tokens()
    other = connect(refresh_token=first)  # as after a restart: the first one is used up by now
    other.use_credentials(store)
    await other.check()
    assert await store.load() != stored


async def test_a_used_refresh_token_asks_for_a_new_consent(standin: HelpScoutStandIn, connect: Connect) -> None:
    adapter = connect(refresh_token="used-before")
    adapter.use_credentials(MemoryCredentials())
    with pytest.raises(CredentialsError, match="refresh token"):
        await adapter.check()


async def test_a_token_endpoint_that_is_away_is_asked_again_later(
    standin: HelpScoutStandIn, adapter: HelpScoutAdapter
) -> None:
    standin.faults.append(Fault.server_error(path="/v2/oauth2/token", times=20))
    with pytest.raises(RetryableError):
        await adapter.check()


async def test_a_refusal_to_give_a_token_is_told_with_its_code(
    standin: HelpScoutStandIn, adapter: HelpScoutAdapter
) -> None:
    standin.faults.append(Fault(path="/v2/oauth2/token", status=400, body='{"error":"invalid_request"}'))
    with pytest.raises(CredentialsError, match="invalid_request"):
        await adapter.check()


async def test_the_token_request_is_a_form_for_json_may_be_refused(standin: HelpScoutStandIn) -> None:
    transport = httpx.ASGITransport(standin.app)
    asked = {"grant_type": "client_credentials", "client_id": "a", "client_secret": "b"}
    async with httpx.AsyncClient(transport=transport, base_url="http://desk.example") as client:
        assert (await client.post("/v2/oauth2/token", json=asked)).status_code == 401
        assert (await client.post("/v2/oauth2/token", data=asked)).status_code == 200


async def test_requests_too_many_are_asked_again_after_the_pause_that_help_scout_names(
    standin: HelpScoutStandIn, adapter: HelpScoutAdapter
) -> None:
    ticket = standin.open_ticket("Export stops", "We will cancel.")
    wait = {"x-ratelimit-retry-after": "17"}
    standin.faults.append(Fault(method="POST", path="/notes", status=429, headers=wait, body='{"message":"slow"}'))
    with pytest.raises(RetryableError) as raised:
        await adapter.add_note(ticket, "x", "m")
    assert raised.value.retry_after == 17
    assert standin.notes(ticket) == 0
