"""The first of a person's channels that works is used, and no error is lost."""

from __future__ import annotations

from typing import Any

import pytest
from cornerdesk import (
    CredentialsError,
    EffectState,
    RejectedError,
    RetryableError,
    UnknownOutcomeError,
    UnsupportedError,
)

Stage = Any


async def notify(stage: Stage, snapshots: Any) -> Any:
    effect = stage.planned("notify", "r", snapshots(), {"to": "ceo", "text": "hello"})[0]
    await stage.run()
    return stage.effect(effect.id)


async def test_the_first_channel_is_used(stage: Stage, snapshots: Any) -> None:
    stage.person("ceo", notify=("slack:U123", "email"))
    await notify(stage, snapshots)
    assert [address for address, _ in stage.chat.sent] == ["U123"]
    assert stage.told == []


@pytest.mark.parametrize("error", [RetryableError("away"), RejectedError("no"), CredentialsError("who are you")])
async def test_the_next_channel_is_used_when_one_fails(stage: Stage, snapshots: Any, error: Exception) -> None:
    stage.person("ceo", notify=("slack:U123", "email"))
    stage.chat.trouble["U123"] = error
    assert (await notify(stage, snapshots)).state is EffectState.CONFIRMED
    assert stage.told == ["ceo"]


async def test_a_channel_that_nobody_installed_is_named_and_passed_over(stage: Stage, snapshots: Any) -> None:
    stage.person("ceo", notify=("fax:1", "email"))
    assert (await notify(stage, snapshots)).state is EffectState.CONFIRMED
    stage.person("ceo", notify=("fax:1",))
    effect = await notify(stage, snapshots)
    assert (effect.state, effect.reason) == (
        EffectState.DEAD,
        "ceo cannot be told: there is no channel 'fax'; installed: email, slack",
    )


async def test_where_all_fail_the_most_hopeful_reason_decides(stage: Stage, snapshots: Any) -> None:
    stage.person("ceo", notify=("fax", "slack:U123", "email"))
    stage.chat.trouble["U123"] = RejectedError("U123 has left")
    stage.email.trouble["ceo"] = RetryableError("the mail server is away", retry_after=60)
    effect = await notify(stage, snapshots)
    assert effect.state is EffectState.FAILED
    assert "there is no channel 'fax'" in effect.reason
    assert effect.reason.endswith("U123 has left; the mail server is away")


async def test_a_message_that_may_have_gone_out_is_not_sent_by_another_channel(stage: Stage, snapshots: Any) -> None:
    stage.person("ceo", notify=("slack:U123", "email"))
    stage.chat.trouble["U123"] = UnknownOutcomeError("no answer")
    assert (await notify(stage, snapshots)).state is EffectState.UNKNOWN
    assert stage.told == []


async def test_an_unknown_outcome_is_for_a_person_where_the_channel_cannot_tell(stage: Stage, snapshots: Any) -> None:
    stage.person("ceo", notify=("slack:U123", "email"))
    effect = await notify(stage, snapshots)
    with pytest.raises(UnsupportedError, match="channel slack cannot tell"):
        await stage.actions["notify"].look_up(effect, stage.context(effect))
    stage.person("ceo", notify=("email",))
    assert await stage.actions["notify"].look_up(effect, stage.context(effect)) is None


async def test_somebody_without_an_address_is_told_by_no_mail(stage: Stage, snapshots: Any) -> None:
    stage.person("ceo", email=None)
    effect = await notify(stage, snapshots)
    assert effect.reason == "ceo cannot be told: ceo has no `email` in cornerdesk.yaml"


async def test_somebody_without_channels_or_name_is_told_apart(stage: Stage, snapshots: Any) -> None:
    stage.person("ceo", notify=())
    assert (await notify(stage, snapshots)).reason == "ceo cannot be told: `notify` names no channel"
    del stage.people["ceo"]
    assert "is not among the people" in (await notify(stage, snapshots)).reason
