"""What is wrong with the subscriptions a vendor lists, and what would mend it."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from cornerdesk.adapters.subscriptions import Subscription, SubscriptionState
from cornerdesk.subscriptions.findings import Judgement, Trouble
from cornerdesk.subscriptions.judging import Wanted, judge

ADDRESS = "https://desk.acme.example/webhooks/support"
OLD = "https://old.acme.example/webhooks/support"
SALES = "https://desk.acme.example/webhooks/sales"
WANTED = Wanted("support", ADDRESS, others=(SALES,))


def subscription(id: str = "s1", url: str = ADDRESS, **more: Any) -> Subscription:
    return Subscription(id=id, url=url, **{"state": SubscriptionState.ENABLED, "name": "Cornerdesk", **more})


def troubles(judgement: Judgement) -> list[Trouble]:
    return [finding.what for finding in judgement.findings]


def test_a_good_one_is_fine_whatever_other_people_have() -> None:
    others = [
        subscription("s2", "https://bot.example.com/in", name="Bot", state=SubscriptionState.DISABLED, missing=("x",)),
        subscription("s3", SALES),
        subscription("s4", OLD),
    ]
    assert judge([*others, subscription()], WANTED) == Judgement()


def test_none_is_missing_and_can_be_made() -> None:
    judgement = judge([subscription("s2", "https://bot.example.com/in", name="Bot"), subscription("s3", SALES)], WANTED)
    assert troubles(judgement) == [Trouble.MISSING]
    assert judgement.register
    assert judgement.findings[0].repairable


def test_none_is_made_unasked_when_the_vendor_chooses_a_secret() -> None:
    judgement = judge([], replace(WANTED, chooses_secret=True))
    assert troubles(judgement) == [Trouble.MISSING]
    assert not judgement.register
    assert not judgement.findings[0].repairable
    assert "--secret-file" in judgement.findings[0].to_do


def test_where_only_a_person_can_nothing_is_promised() -> None:
    hands = replace(WANTED, registers=False)
    for listed in ([], [subscription(state=SubscriptionState.DISABLED)], [subscription(missing=("a",))]):
        judgement = judge(listed, hands)
        assert not judgement.register
        assert not judgement.mend
        assert [finding.repairable for finding in judgement.findings] == [False]
        assert "--repair" not in judgement.findings[0].to_do


@pytest.mark.parametrize(
    ("state", "trouble"),
    [(SubscriptionState.DISABLED, Trouble.DISABLED), (SubscriptionState.SUSPENDED, Trouble.SUSPENDED)],
)
def test_one_that_does_not_send_is_told_in_the_vendors_word(state: SubscriptionState, trouble: Trouble) -> None:
    off = subscription(state=state, state_label="circuit broken")
    judgement = judge([off], WANTED)
    assert troubles(judgement) == [trouble]
    assert "circuit broken" in judgement.findings[0].detail
    assert judgement.mend == (off,)


def test_one_that_is_off_beside_one_that_sends_is_nobodys_trouble() -> None:
    assert judge([subscription("s2", state=SubscriptionState.DISABLED), subscription()], WANTED) == Judgement()


def test_of_several_that_are_off_only_the_one_that_lacks_least_is_switched_on() -> None:
    off = SubscriptionState.DISABLED
    judgement = judge([subscription("s1", state=off, missing=("a", "b")), subscription("s2", state=off)], WANTED)
    assert [each.id for each in judgement.mend] == ["s2"]


def test_lacking_events_are_named() -> None:
    judgement = judge([subscription(missing=("ticket.rated", "ticket.merged"))], WANTED)
    assert troubles(judgement) == [Trouble.LACKING]
    assert "ticket.rated, ticket.merged" in judgement.findings[0].detail


def test_two_that_send_to_us_are_doubled_and_left_for_a_person_to_choose() -> None:
    judgement = judge(
        [subscription("s1"), subscription("s2", ADDRESS.replace("desk.acme", "DESK.ACME"))],
        WANTED,
    )
    assert troubles(judgement) == [Trouble.DOUBLED]
    assert "s1, s2" in judgement.findings[0].detail
    assert not judgement.mend


def test_what_one_of_two_sends_is_not_lacking() -> None:
    judgement = judge([subscription("s1", missing=("a", "b")), subscription("s2", missing=("b", "c"))], WANTED)
    assert troubles(judgement) == [Trouble.DOUBLED, Trouble.LACKING]
    assert judgement.findings[1].detail.endswith("does not send b")


def test_ours_by_name_at_another_address_is_pointed_here() -> None:
    old = subscription(url=OLD)
    judgement = judge([old], WANTED)
    assert troubles(judgement) == [Trouble.ELSEWHERE]
    assert judgement.mend == (old,)
    assert OLD in judgement.findings[0].detail


def test_who_never_heard_anything_takes_nothing_away_from_another_installation() -> None:
    judgement = judge([subscription(url=OLD)], replace(WANTED, heard=False))
    assert troubles(judgement) == [Trouble.ELSEWHERE]
    assert not judgement.mend
    assert not judgement.register
    assert "leave it alone" in judgement.findings[0].to_do


def test_of_two_elsewhere_none_is_guessed_to_be_ours() -> None:
    judgement = judge([subscription("s1", OLD), subscription("s2", "https://x.example.com/webhooks/support")], WANTED)
    assert troubles(judgement) == [Trouble.ELSEWHERE, Trouble.ELSEWHERE]
    assert not judgement.mend


def test_a_strangers_subscription_with_our_path_is_never_touched() -> None:
    stranger = subscription(url="https://app.example.com/webhooks/support", name="Other app")
    judgement = judge([stranger], WANTED)
    assert troubles(judgement) == [Trouble.MISSING]
    assert not judgement.mend
