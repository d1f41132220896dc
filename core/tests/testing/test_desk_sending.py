"""Webhooks of a stand-in are sent, and sent again, by its vendor's rules."""

from __future__ import annotations

from datetime import datetime

import httpx
import pytest
from cornerdesk import SystemClock
from cornerdesk.testing.desk import Packed, RetryRules, Sender, Sent

URL = "http://receiver.example/webhooks/support"


class Receiver:
    """Answers with what stands in `answers`, then with 200."""

    def __init__(self, *answers: httpx.Response | Exception) -> None:
        self.answers = list(answers)
        self.seen: list[httpx.Request] = []

    async def __call__(self, request: httpx.Request) -> httpx.Response:
        self.seen.append(request)
        answer = self.answers.pop(0) if self.answers else httpx.Response(200)
        if isinstance(answer, Exception):
            raise answer
        return answer


def pack(sent: Sent, secret: str, now: datetime) -> Packed:
    return sent.body, {"x-attempt": str(len(sent.attempts) + 1), "x-secret": secret}


class Desk:
    def __init__(self, receiver: Receiver, rules: RetryRules, url: str | None = URL) -> None:
        self.waits: list[float] = []
        self.finished: list[Sent] = []
        self.sender = Sender(
            pack,
            rules,
            receiver=url,
            secret="s",
            clock=SystemClock(),
            finished=self.finished.append,
            sleep=self._sleep,
            transport=httpx.MockTransport(receiver),
        )

    async def _sleep(self, seconds: float) -> None:
        self.waits.append(seconds)

    async def send(self, **more: str) -> Sent:
        sent = self.sender.send(Sent("i1", "e1", "kind", "7", b"{}", **more))  # type: ignore[arg-type]
        await self.sender.settled()
        await self.sender.aclose()
        return sent


def answers(status: int, times: int = 9, wait: str | None = None) -> list[httpx.Response]:
    headers = {} if wait is None else {"retry-after": wait}
    return [httpx.Response(status, headers=headers) for _ in range(times)]


@pytest.mark.parametrize(
    ("rules", "given", "attempts", "waits"),
    [
        (RetryRules(), answers(500), 1, []),
        (RetryRules(otherwise=3, first_wait=1), answers(500), 4, [1, 2, 4]),
        (RetryRules(retries={409: 1}, otherwise=3), answers(409), 2, [0.5]),
        (RetryRules(lost=2, growth=1), [httpx.ReadTimeout("slow")] * 9, 3, [0.5, 0.5]),
        (RetryRules(lost=1), [httpx.ConnectError("away")] * 9, 2, [0.5]),
        (RetryRules(otherwise=1, longest_wait=60), answers(503, wait="7"), 2, [7]),
        (RetryRules(otherwise=1, longest_wait=60), answers(503, wait="90"), 2, [0.5]),
        (RetryRules(otherwise=1), answers(503, wait="7"), 2, [0.5]),
        (RetryRules(otherwise=1, only_when_asked=frozenset({503}), longest_wait=60), answers(503), 1, []),
        (RetryRules(otherwise=5), answers(307, times=2), 3, [0.5, 1]),
    ],
)
async def test_what_is_not_taken_is_sent_again_by_the_rules(
    rules: RetryRules, given: list[httpx.Response | Exception], attempts: int, waits: list[float]
) -> None:
    receiver = Receiver(*given)
    desk = Desk(receiver, rules)
    sent = await desk.send()
    assert len(sent.attempts) == len(receiver.seen) == attempts
    assert desk.waits == waits
    assert sent.state == ("terminated" if receiver.answers else "delivered")
    assert desk.finished == [sent]
    assert [request.headers["x-attempt"] for request in receiver.seen] == [str(n + 1) for n in range(attempts)]


async def test_after_a_410_nothing_more_is_sent() -> None:
    receiver = Receiver(*answers(410))
    desk = Desk(receiver, RetryRules(otherwise=3, switches_off=frozenset({410})))
    assert (await desk.send()).state == "terminated"
    assert (await desk.send()).attempts == []
    assert len(receiver.seen) == 1


async def test_a_delivery_may_go_to_an_address_and_with_a_secret_of_its_own() -> None:
    receiver = Receiver()
    await Desk(receiver, RetryRules()).send(url="http://other.example/x", secret="theirs")
    assert (str(receiver.seen[0].url), receiver.seen[0].headers["x-secret"]) == ("http://other.example/x", "theirs")


async def test_without_a_receiver_deliveries_are_only_counted() -> None:
    receiver = Receiver()
    desk = Desk(receiver, RetryRules(), url=None)
    assert (await desk.send()).state == "delivered"
    assert (receiver.seen, len(desk.sender.sent)) == ([], 1)


async def test_an_address_is_checked_with_head() -> None:
    receiver = Receiver(httpx.Response(200), httpx.ConnectError("away"))
    desk = Desk(receiver, RetryRules())
    assert [await desk.sender.check(), await desk.sender.check()] == [200, "connection"]
    assert receiver.seen[0].method == "HEAD"
    await desk.sender.aclose()
