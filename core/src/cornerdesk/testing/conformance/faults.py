"""Standard tests of what goes wrong between us and the vendor's API, over the stand-in."""

from __future__ import annotations

from collections.abc import Awaitable

import pytest

from cornerdesk.adapters.interface import Capability
from cornerdesk.errors import CornerdeskError, RetryableError
from cornerdesk.testing.conformance.bench import Bench, trapped
from cornerdesk.testing.conformance.standard import StandardTests
from cornerdesk.testing.desk import Fault

_ALWAYS = 999
_MOST_REQUESTS = 12
"""For one question, retries and signing in included."""


@pytest.mark.asyncio
class FaultTests(StandardTests):
    """An API that is slow, away, confused or malicious. Asked is for a ticket or, without HYDRATION, for history."""

    async def test_too_many_requests_tell_how_long_to_wait(self, bench: Bench) -> None:
        """429 with `Retry-After`: the error carries the vendor's seconds, so that nobody asks earlier.

        When it fails: let `ApiClient`'s `RetryableError` through as it is.
        """
        error = await self._ask_in_vain(bench, Fault.too_many(wait="17", times=_ALWAYS))
        assert error.retry_after is not None, "retry_after is lost"
        assert 17 <= error.retry_after <= 20

    async def test_too_many_requests_without_a_time_are_passing(self, bench: Bench) -> None:
        """429 that names no time, and is no JSON.

        When it fails: read no part of an answer before its status.
        """
        await self._ask_in_vain(bench, Fault.too_many(plain=True, times=_ALWAYS))

    @pytest.mark.parametrize("status", [500, 502, 503, 504])
    async def test_a_servers_errors_are_passing(self, bench: Bench, status: int) -> None:
        """5xx is `RetryableError`: nothing that a person would have to mend, and no dead letter.

        When it fails: let `ApiClient`'s `RetryableError` through; do not catch broadly around requests.
        """
        await self._ask_in_vain(bench, Fault.html_page(status, times=_ALWAYS))

    async def test_a_broken_connection_is_passing(self, bench: Bench) -> None:
        """The connection ends before an answer came.

        When it fails: make requests with `ApiClient`, which turns httpx's errors into ours.
        """
        await self._ask_in_vain(bench, Fault.lost(times=_ALWAYS))

    async def test_half_an_answer_is_passing(self, bench: Bench) -> None:
        """The connection ends in the middle of an answer.

        When it fails: make requests with `ApiClient`, which reads the whole answer or raises.
        """
        await self._ask_in_vain(bench, Fault.truncated(times=_ALWAYS))

    async def test_a_page_instead_of_json_is_passing(self, bench: Bench) -> None:
        """200 with a maintenance page.

        When it fails: read answers with `cornerdesk.wire.parse_answer`, not with `json.loads`.
        """
        await self._ask_in_vain(bench, Fault.not_json(times=_ALWAYS))

    @pytest.mark.parametrize("body", ["null", "[]", '"text"', "{}", '{"error": null}'])
    async def test_json_of_another_shape_is_no_crash(self, bench: Bench, body: str) -> None:
        """200 with JSON, but none that we know: an error of ours, which names no value.

        When it fails: read answers with `cornerdesk.wire.parse_answer` and a schema, not by `answer["key"]`.
        """
        await self._sign_in(bench)
        fault = Fault(status=200, body=body, content_type="application/json", times=_ALWAYS)
        bench.standin.faults.append(fault)
        with pytest.raises(CornerdeskError):
            await self._ask(bench)

    async def test_a_redirect_is_not_followed(self, bench: Bench) -> None:
        """Credentials go to the configured host and nowhere else, wherever an answer points.

        When it fails: make requests with `ApiClient`, which follows nothing; or httpx with `follow_redirects=False`.
        """
        await self._sign_in(bench)
        async with trapped() as trap:
            for status in (301, 302, 307):
                bench.standin.faults.append(Fault.redirect(f"{trap.url}/elsewhere", status, times=_ALWAYS))
                with pytest.raises(CornerdeskError):
                    await self._ask(bench)
                bench.standin.faults.clear()
            assert not trap.caught, f"another host was asked: {trap.caught[0].splitlines()[0]}"

    async def test_addresses_in_answers_are_not_asked(self, bench: Bench) -> None:
        """Links to a next page or to a person may point anywhere: only their path and query may be used.

        When it fails: build addresses from ids and cursors; hand `ApiClient.request` a path.
        """
        bench.open_ticket()
        async with trapped() as trap:
            bench.watch.rewrite = (bench.url.encode(), trap.url.encode())
            if Capability.HYDRATION in self.declared:
                await bench.adapter.fetch_ticket(bench.standin.tickets()[0])
            if Capability.HISTORY in self.declared:
                cursor = None
                for _ in range(3):
                    cursor = (await bench.adapter.fetch_history(None, cursor)).cursor
            assert not trap.caught, f"another host was asked: {trap.caught[0].splitlines()[0]}"

    async def test_a_refusal_of_one_item_is_no_passing_error(self, bench: Bench) -> None:
        """422 and 400 stay so however often they are asked for: `RetryableError` would try for a day.

        When it fails: let `ApiClient`'s `ApiRejectedError` through.
        """
        await self._sign_in(bench)
        for status in (400, 422):
            bench.standin.faults.append(Fault(status=status, body='{"error": "invalid"}', times=_ALWAYS))
            with pytest.raises(CornerdeskError) as raised:
                await self._ask(bench)
            assert not isinstance(raised.value, RetryableError), f"{status} would be tried again and again"
            bench.standin.faults.clear()

    # ── for the tests above ─────────────────────────────────────────────────────────────────────────────────────────

    async def _ask_in_vain(self, bench: Bench, fault: Fault) -> RetryableError:
        await self._sign_in(bench)
        bench.standin.faults.append(fault)
        before = len(bench.watch.asked)
        with pytest.raises(RetryableError) as raised:
            await self._ask(bench)
        assert len(bench.watch.asked) - before <= _MOST_REQUESTS, "asks on and on; hand the wait to the caller"
        return raised.value

    async def _sign_in(self, bench: Bench) -> None:
        """What is to fail is the question, not signing in."""
        bench.open_ticket()
        await self._ask(bench)

    def _ask(self, bench: Bench) -> Awaitable[object]:
        if Capability.HYDRATION in self.declared:
            return bench.adapter.fetch_ticket(bench.standin.tickets()[0])
        self.need(Capability.HISTORY)
        return bench.adapter.fetch_history(None, None)
