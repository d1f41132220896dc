"""Adapters that each break one clause of the contract. `BROKEN` has them with the standard test that guards it."""

from __future__ import annotations

import asyncio
import hashlib
import json
import uuid
from collections.abc import AsyncGenerator, Callable
from contextlib import AbstractAsyncContextManager, nullcontext, suppress
from datetime import UTC, datetime
from typing import Any, ClassVar
from urllib.parse import quote

import httpx
from cornerdesk import (
    ActorKind,
    ApiRejectedError,
    Capability,
    CornerdeskError,
    CredentialsError,
    CredentialStore,
    Delivery,
    Direction,
    EventKind,
    Fact,
    HistoryPage,
    HistoryRecord,
    Message,
    Priority,
    Reading,
    Receipt,
    Registration,
    RejectedError,
    RetryableError,
    SignatureError,
    Status,
    Subscription,
    SubscriptionState,
    TicketState,
    TokenPair,
    UnknownOutcomeError,
    message_hint,
    sign,
    tag_hint,
)
from cornerdesk.testing.conformance.mapping import MARTIAN
from cornerdesk.testing.plaindesk import schemas, webhooks
from cornerdesk.testing.plaindesk.settings import PlainSettings
from cornerdesk.testing.plaindesk.webhooks import SIGNATURE, TIMESTAMP
from cornerdesk.wire import parse_answer

from .full import SigningInAdapter

BROKEN: dict[type[SigningInAdapter], str] = {}


def guarded_by(test: str) -> Callable[[type[SigningInAdapter]], type[SigningInAdapter]]:
    """The one standard test that fails for it."""

    def keep(adapter: type[SigningInAdapter]) -> type[SigningInAdapter]:
        BROKEN[adapter] = test
        return adapter

    return keep


def without(capability: Capability) -> frozenset[Capability]:
    return SigningInAdapter.capabilities - {capability}


# ── deliveries ──────────────────────────────────────────────────────────────────────────────────────────────────────


@guarded_by("test_a_body_written_anew_is_refused")
class SignsWhatItParsed(SigningInAdapter):
    def verify(self, delivery: Delivery, now: datetime) -> None:
        normal = (json.dumps(json.loads(delivery.body), indent=2) + "\n").encode()
        super().verify(delivery.model_copy(update={"body": normal}), now)


@guarded_by("test_a_changed_body_is_refused")
class SignsTheBeginning(SigningInAdapter):
    """And the length does not count either: what stands behind may be anything."""

    def verify(self, delivery: Delivery, now: datetime) -> None:
        for end in range(len(delivery.body), len(delivery.body) - 20, -1):
            with suppress(SignatureError):
                return super().verify(delivery.model_copy(update={"body": delivery.body[:end].rstrip() + b"\n"}), now)
            with suppress(SignatureError):
                body = delivery.body[:end].rstrip() + b"}\n"
                return super().verify(delivery.model_copy(update={"body": body}), now)
            with suppress(SignatureError):
                body = delivery.body[:end].rstrip() + b"\n}\n"
                return super().verify(delivery.model_copy(update={"body": body}), now)
        return super().verify(delivery, now)


@guarded_by("test_every_configured_secret_is_accepted")
class KnowsTheFirstSecretOnly(SigningInAdapter):
    def verify(self, delivery: Delivery, now: datetime) -> None:
        webhooks.verify(delivery, self.settings.secrets[:1], now)


@guarded_by("test_a_missing_signature_is_refused")
class TakesUnsigned(SigningInAdapter):
    def verify(self, delivery: Delivery, now: datetime) -> None:
        if delivery.headers.get(SIGNATURE):
            super().verify(delivery, now)


@guarded_by("test_a_truncated_signature_is_refused")
class ComparesTheBeginning(SigningInAdapter):
    def verify(self, delivery: Delivery, now: datetime) -> None:
        given, stamp = delivery.headers.get(SIGNATURE, ""), delivery.headers.get(TIMESTAMP, "")
        for secret in self.settings.secrets:
            whole = sign(secret, stamp.encode("latin-1"), b".", delivery.body, encoding="hex")
            if len(given) > 20 and whole.startswith(given):
                delivery = delivery.model_copy(update={"headers": {**delivery.headers, SIGNATURE: whole}})
        super().verify(delivery, now)


@guarded_by("test_a_refusal_tells_no_secret")
class TellsTheSecret(SigningInAdapter):
    def verify(self, delivery: Delivery, now: datetime) -> None:
        try:
            super().verify(delivery, now)
        except SignatureError as error:
            raise SignatureError(f"{error}; signed with {self.settings.secrets[0].get_secret_value()}?") from None


@guarded_by("test_a_captured_delivery_does_not_work_tomorrow")
class HasNoWindow(SigningInAdapter):
    def verify(self, delivery: Delivery, now: datetime) -> None:
        super().verify(delivery, delivery.received_at)


@guarded_by("test_odd_headers_are_refused_and_nothing_else")
class TrustsHeadersToBeAscii(SigningInAdapter):
    def verify(self, delivery: Delivery, now: datetime) -> None:
        delivery.headers.get(SIGNATURE, "").encode("ascii")
        super().verify(delivery, now)


@guarded_by("test_a_delivery_keeps_its_key_when_it_is_retried")
class NamesAttempts(SigningInAdapter):
    def delivery_key(self, delivery: Delivery) -> str:
        return f"{super().delivery_key(delivery)}:{delivery.headers.get('x-plaindesk-attempt')}"


@guarded_by("test_different_deliveries_have_different_keys")
class NamesTickets(SigningInAdapter):
    def delivery_key(self, delivery: Delivery) -> str:
        with suppress(ValueError, RecursionError, KeyError, TypeError):
            return f"ticket:{int(json.loads(delivery.body)['ticket']['id'])}"
        return super().delivery_key(delivery)


@guarded_by("test_whatever_comes_has_a_key")
class TrustsBodiesToBeJson(SigningInAdapter):
    def delivery_key(self, delivery: Delivery) -> str:
        return f"event:{json.loads(delivery.body).get('id') or hashlib.sha256(delivery.body).hexdigest()}"


# ── mapping ─────────────────────────────────────────────────────────────────────────────────────────────────────────


class ChangesFacts(SigningInAdapter):
    """What a delivery tells, spoilt."""

    def read(self, delivery: Delivery) -> Reading:
        reading = super().read(delivery)
        return Reading(facts=tuple(self.spoil(fact) for fact in reading.facts), ignored=reading.ignored)

    def spoil(self, fact: Fact) -> Fact:
        raise NotImplementedError


@guarded_by("test_a_sample_means_what_it_says")
class ShowsNotesToCustomers(ChangesFacts):
    def spoil(self, fact: Fact) -> Fact:
        if fact.message is None or fact.message.direction is not Direction.INTERNAL:
            return fact
        return fact.model_copy(update={"message": said(fact.message, direction=Direction.OUTBOUND)})


@guarded_by("test_reading_twice_tells_the_same")
class ReadsTheClock(ChangesFacts):
    def spoil(self, fact: Fact) -> Fact:
        return fact.model_copy(update={"occurred_at": datetime.now(UTC)})


@guarded_by("test_facts_have_keys")
class NamesFactsByText(ChangesFacts):
    def spoil(self, fact: Fact) -> Fact:
        return fact.model_copy(update={"keys": (*fact.keys, f"{fact.ticket_id}:{json.dumps(fact.raw, indent=2)}")})


@guarded_by("test_ids_are_text")
class HasNumbersForIds(ChangesFacts):
    def spoil(self, fact: Fact) -> Fact:
        return fact.model_copy(update={"ticket": {**fact.ticket, "assignee": {"id": 11, "name": "Agnes Berg"}}})


@guarded_by("test_times_are_aware")
class ForgetsTheZone(ChangesFacts):
    def spoil(self, fact: Fact) -> Fact:
        created = datetime(2026, 10, 5, 11)
        return fact.model_copy(update={"ticket": {**fact.ticket, "created_at": created}})


@guarded_by("test_what_is_told_of_a_ticket_fits_the_model")
class MisspellsAField(ChangesFacts):
    def spoil(self, fact: Fact) -> Fact:
        return fact.model_copy(update={"ticket": {**fact.ticket, "asignee": None}})


@guarded_by("test_the_same_fact_from_two_deliveries_shares_a_key")
class NamesFactsByDelivery(ChangesFacts):
    def spoil(self, fact: Fact) -> Fact:
        return fact.model_copy(update={"keys": fact.keys[-1:]})


@guarded_by("test_different_facts_share_no_key")
class NamesFactsByTicket(ChangesFacts):
    def spoil(self, fact: Fact) -> Fact:
        return fact.model_copy(update={"keys": (*fact.keys, f"ticket:{fact.ticket_id}")})


@guarded_by("test_unknown_enum_values_survive")
class DropsUnknownWords(ChangesFacts):
    def spoil(self, fact: Fact) -> Fact:
        known = {name: None if value == MARTIAN else value for name, value in fact.ticket.items()}
        return fact.model_copy(update={"ticket": known})


@guarded_by("test_unknown_event_types_are_ignored_with_a_reason")
class MakesDeadLettersOfNewEvents(SigningInAdapter):
    def read(self, delivery: Delivery) -> Reading:
        reading = super().read(delivery)
        if reading.ignored == "unknown event type":
            raise RejectedError(reading.ignored)
        return reading


@guarded_by("test_any_json_is_read_or_rejected")
class TrustsFieldsToBeThere(SigningInAdapter):
    def read(self, delivery: Delivery) -> Reading:
        reading = super().read(delivery)
        for fact in reading.facts:
            ticket = fact.raw["ticket"]
            for text in (fact.raw["actor"]["name"], ticket["subject"], ticket["customer"]["email"], ticket["tags"][0]):
                text.strip()
        return reading


@guarded_by("test_what_is_no_object_is_rejected")
class IgnoresWhatIsNoObject(SigningInAdapter):
    def read(self, delivery: Delivery) -> Reading:
        try:
            return super().read(delivery)
        except RejectedError as error:
            if "no object" in str(error):
                return Reading(ignored="no object")
            raise


@guarded_by("test_reasons_quote_nobody")
class QuotesTheDelivery(SigningInAdapter):
    def read(self, delivery: Delivery) -> Reading:
        try:
            return super().read(delivery)
        except RejectedError as error:
            raise RejectedError(f"{error} in {delivery.body.decode(errors='replace')}") from None


@guarded_by("test_old_values_are_told_as_declared")
class ForgetsToDeclareOldValues(SigningInAdapter):
    capabilities = without(Capability.BEFORE_AND_AFTER)


@guarded_by("test_ratings_are_told_as_declared")
class ForgetsToDeclareRatings(SigningInAdapter):
    capabilities = without(Capability.RATINGS)


# ── hydration ───────────────────────────────────────────────────────────────────────────────────────────────────────


class ChangesStates(SigningInAdapter):
    """The ticket as it stands, spoilt."""

    async def fetch_ticket(self, ticket_id: str) -> TicketState:
        return self.spoil(await super().fetch_ticket(ticket_id))

    def spoil(self, state: TicketState) -> TicketState:
        raise NotImplementedError


@guarded_by("test_a_ticket_is_complete")
class ForgetsTheNumber(ChangesStates):
    def spoil(self, state: TicketState) -> TicketState:
        return state.model_copy(update={"ticket": state.ticket.model_copy(update={"number": None})})


@guarded_by("test_a_ticket_is_told_as_it_stands")
class TakesPendingForOpen(ChangesStates):
    def spoil(self, state: TicketState) -> TicketState:
        if state.ticket.status is not Status.PENDING:
            return state
        return state.model_copy(update={"ticket": state.ticket.model_copy(update={"status": Status.OPEN})})


@guarded_by("test_the_customer_is_whole")
class ForgetsTheAddress(ChangesStates):
    def spoil(self, state: TicketState) -> TicketState:
        assert state.ticket.customer is not None
        customer = state.ticket.customer.model_copy(update={"email": None})
        return state.model_copy(update={"ticket": state.ticket.model_copy(update={"customer": customer})})


@guarded_by("test_a_tickets_messages_are_told_in_order")
class TellsTheNewestFirst(ChangesStates):
    def spoil(self, state: TicketState) -> TicketState:
        return state.model_copy(update={"messages": state.messages[::-1]})


@guarded_by("test_messages_have_the_ids_that_webhooks_give_them")
class NamesMessagesAnew(ChangesStates):
    def spoil(self, state: TicketState) -> TicketState:
        messages = tuple(said(message, id=f"api:{message.id}") for message in state.messages)
        return state.model_copy(update={"messages": messages})


@guarded_by("test_everybody_named_is_known")
class ForgetsAgents(ChangesStates):
    def spoil(self, state: TicketState) -> TicketState:
        people = {id_: person for id_, person in state.people.items() if person.kind is ActorKind.CUSTOMER}
        return state.model_copy(update={"people": people})


@guarded_by("test_authors_are_told_apart")
class TakesEverybodyForABot(ChangesStates):
    def spoil(self, state: TicketState) -> TicketState:
        messages = tuple(
            said(message, author=message.author.model_copy(update={"kind": ActorKind.BOT}))
            for message in state.messages
        )
        return state.model_copy(update={"messages": messages})


@guarded_by("test_a_state_is_as_new_as_the_ticket")
class DatesStatesByTheClock(ChangesStates):
    def spoil(self, state: TicketState) -> TicketState:
        return state.model_copy(update={"as_of": datetime.now(UTC)})


@guarded_by("test_a_ticket_that_is_gone_is_rejected")
class HopesForGoneTickets(SigningInAdapter):
    async def fetch_ticket(self, ticket_id: str) -> TicketState:
        try:
            return await super().fetch_ticket(ticket_id)
        except ApiRejectedError as error:
            if error.status == 404 and ticket_id.isdigit():
                raise RetryableError(str(error)) from None
            raise


@guarded_by("test_an_odd_id_leads_to_no_other_address")
class PutsAnyIdIntoAddresses(SigningInAdapter):
    async def fetch_ticket(self, ticket_id: str) -> TicketState:
        plain = ticket_id.partition("?")[0].partition("#")[0].rpartition("/")[2]
        return await super().fetch_ticket(plain)


@guarded_by("test_we_know_who_we_are")
class TakesSomebodyElseForUs(SigningInAdapter):
    async def own_user_id(self) -> str | None:
        await super().own_user_id()
        return "somebody-else"


@guarded_by("test_who_we_are_is_asked_once")
class AsksWhoWeAreEachTime(SigningInAdapter):
    async def own_user_id(self) -> str | None:
        self._me = None
        return await super().own_user_id()


@guarded_by("test_attachments_are_not_fetched")
class FetchesAttachments(SigningInAdapter):
    async def fetch_ticket(self, ticket_id: str) -> TicketState:
        state = await super().fetch_ticket(ticket_id)
        async with httpx.AsyncClient() as client:
            for file in (file for message in state.messages for file in message.attachments):
                await client.get(str(file.url))
        return state


@guarded_by("test_undeclared_hydration_is_refused")
class HidesHydration(SigningInAdapter):
    capabilities = without(Capability.HYDRATION)


# ── write-back ──────────────────────────────────────────────────────────────────────────────────────────────────────


@guarded_by("test_a_note_is_internal")
class AnswersTheCustomer(SigningInAdapter):
    async def add_note(self, ticket_id: str, text: str, marker: str) -> Receipt:
        path = f"/v1/tickets/{ticket_id}/messages"
        answer = await self._client.api.request("POST", path, json={"text": text, "key": marker})
        message = parse_answer(schemas.Written, answer).event.message  # type: ignore[union-attr]
        return Receipt(id=message.id, echoes=(message_hint(message.id),))  # type: ignore[union-attr]


@guarded_by("test_a_note_says_what_it_was_told")
class FoldsLines(SigningInAdapter):
    async def add_note(self, ticket_id: str, text: str, marker: str) -> Receipt:
        return await super().add_note(ticket_id, " ".join(text.split()), marker)


@guarded_by("test_a_note_is_known_as_ours")
class ForgetsHints(SigningInAdapter):
    async def add_note(self, ticket_id: str, text: str, marker: str) -> Receipt:
        receipt = await super().add_note(ticket_id, text, marker)
        return receipt.model_copy(update={"echoes": ("message:somebody-elses",)})


@guarded_by("test_a_receipt_names_the_note")
class ForgetsTheReceipt(SigningInAdapter):
    async def add_note(self, ticket_id: str, text: str, marker: str) -> Receipt:
        return (await super().add_note(ticket_id, text, marker)).model_copy(update={"id": None})


@guarded_by("test_a_note_on_a_ticket_that_is_gone_is_rejected")
class HopesToNoteGoneTickets(SigningInAdapter):
    async def add_note(self, ticket_id: str, text: str, marker: str) -> Receipt:
        try:
            return await super().add_note(ticket_id, text, marker)
        except ApiRejectedError as error:
            raise RetryableError(str(error)) from None


@guarded_by("test_a_note_without_an_answer_is_of_unknown_outcome")
class RepeatsNotes(SigningInAdapter):
    async def add_note(self, ticket_id: str, text: str, marker: str) -> Receipt:
        try:
            return await super().add_note(ticket_id, text, marker)
        except UnknownOutcomeError as error:
            raise RetryableError(str(error)) from None


@guarded_by("test_a_note_that_was_not_sent_is_simply_retried")
class KnowsNothingOfNotes(SigningInAdapter):
    async def add_note(self, ticket_id: str, text: str, marker: str) -> Receipt:
        try:
            return await super().add_note(ticket_id, text, marker)
        except RetryableError as error:
            raise UnknownOutcomeError(str(error)) from None


@guarded_by("test_a_write_that_took_place_is_found")
class FindsNothing(SigningInAdapter):
    async def find_write(self, ticket_id: str, marker: str) -> Receipt | None:
        await super().find_write(ticket_id, marker)
        return None


@guarded_by("test_a_write_that_did_not_take_place_is_not_found")
class FindsAnything(SigningInAdapter):
    async def find_write(self, ticket_id: str, marker: str) -> Receipt | None:
        for event in (await self._client.record(ticket_id)).events[::-1]:
            if event.message is not None and event.message.internal:
                return Receipt(id=event.id, echoes=(message_hint(event.message.id),))
        return None


@guarded_by("test_looking_up_gives_no_false_answer")
class TakesSilenceForNo(SigningInAdapter):
    async def find_write(self, ticket_id: str, marker: str) -> Receipt | None:
        with suppress(RetryableError):
            return await super().find_write(ticket_id, marker)
        return None


class SetsAllTags(SigningInAdapter):
    """As with an API that only replaces all tags: what came in between is lost."""

    async def _set_tags(self, ticket_id: str, before: set[str], after: set[str], marker: str) -> None:
        changes = {"add_tags": sorted(after - before), "remove_tags": sorted(before - after)}
        await self._client.change(ticket_id, changes, marker)
        now = set((await self._client.record(ticket_id)).ticket.tags)
        if now != after:
            await self._client.change(ticket_id, {"remove_tags": sorted(now - after)}, marker)


@guarded_by("test_adding_tags_loses_nobody_elses")
class LosesTagsWhenAdding(SetsAllTags):
    async def add_tags(self, ticket_id: str, tags: tuple[str, ...], marker: str) -> Receipt:
        before = set((await self._client.record(ticket_id)).ticket.tags)
        await self._set_tags(ticket_id, before, before | set(tags), marker)
        return Receipt(echoes=tuple(tag_hint(tag, added=True) for tag in tags))


@guarded_by("test_adding_tags_twice_is_harmless")
class MindsTagsThatAreThere(SigningInAdapter):
    async def add_tags(self, ticket_id: str, tags: tuple[str, ...], marker: str) -> Receipt:
        if set(tags) & set((await self._client.record(ticket_id)).ticket.tags):
            raise RejectedError("it is there already")
        return await super().add_tags(ticket_id, tags, marker)


@guarded_by("test_tags_are_added")
class FoldsTags(SigningInAdapter):
    async def add_tags(self, ticket_id: str, tags: tuple[str, ...], marker: str) -> Receipt:
        receipt = await super().add_tags(ticket_id, tags, marker)
        return receipt.model_copy(update={"echoes": ("tag:+another",)})


@guarded_by("test_removing_tags_loses_nobody_elses")
class LosesTagsWhenRemoving(SetsAllTags):
    async def remove_tags(self, ticket_id: str, tags: tuple[str, ...], marker: str) -> Receipt:
        before = set((await self._client.record(ticket_id)).ticket.tags)
        await self._set_tags(ticket_id, before, before - set(tags), marker)
        return Receipt(echoes=tuple(tag_hint(tag, added=False) for tag in tags))


@guarded_by("test_tags_are_removed")
class MindsTagsThatAreNotThere(SigningInAdapter):
    async def remove_tags(self, ticket_id: str, tags: tuple[str, ...], marker: str) -> Receipt:
        if set(tags) - set((await self._client.record(ticket_id)).ticket.tags):
            raise RejectedError("it is not there")
        return await super().remove_tags(ticket_id, tags, marker)


@guarded_by("test_a_ticket_is_assigned_to_an_agent")
class AssignsToUs(SigningInAdapter):
    async def assign(self, ticket_id: str, agent: str | None, team: str | None, marker: str) -> Receipt:
        known = agent and "@" not in agent
        return await super().assign(ticket_id, await self.own_user_id() if known else agent, team, marker)


@guarded_by("test_a_ticket_is_assigned_to_a_team")
class ForgetsTeams(SigningInAdapter):
    async def assign(self, ticket_id: str, agent: str | None, team: str | None, marker: str) -> Receipt:
        return await super().assign(ticket_id, agent, None, marker) if agent else Receipt(echoes=("team:x",))


@guarded_by("test_an_unknown_assignee_is_rejected")
class AssignsToNobody(SigningInAdapter):
    async def assign(self, ticket_id: str, agent: str | None, team: str | None, marker: str) -> Receipt:
        with suppress(RejectedError):
            return await super().assign(ticket_id, agent, team, marker)
        return Receipt(echoes=("assignee:nobody",))


@guarded_by("test_a_priority_is_set")
class TakesHighForUrgent(SigningInAdapter):
    async def set_priority(self, ticket_id: str, priority: Priority, marker: str) -> Receipt:
        higher = Priority.URGENT if priority is Priority.HIGH else priority
        return await super().set_priority(ticket_id, higher, marker)


@guarded_by("test_a_status_is_set")
class TakesPendingForOnHold(SigningInAdapter):
    async def set_status(self, ticket_id: str, status: Status, marker: str) -> Receipt:
        other = Status.ON_HOLD if status is Status.PENDING else status
        return await super().set_status(ticket_id, other, marker)


@guarded_by("test_undeclared_writes_are_refused")
class HidesTagging(SigningInAdapter):
    capabilities = without(Capability.TAG)


# ── credentials ─────────────────────────────────────────────────────────────────────────────────────────────────────


@guarded_by("test_credentials_that_work_are_told_so")
class SaysNothing(SigningInAdapter):
    async def check(self) -> str:
        await super().check()
        return ""


@guarded_by("test_refused_credentials_are_told")
class HopesForBetterCredentials(SigningInAdapter):
    async def check(self) -> str:
        try:
            return await super().check()
        except CredentialsError as error:
            raise RetryableError(str(error)) from None


@guarded_by("test_no_error_tells_a_secret")
class TellsTheToken(SigningInAdapter):
    async def check(self) -> str:
        try:
            return await super().check()
        except (CredentialsError, RetryableError) as error:
            raise type(error)(f"{error}, with {self.settings.api_token.get_secret_value()}") from None


class OpenSettings(PlainSettings):
    def __repr__(self) -> str:
        return f"OpenSettings(api_token={self.api_token.get_secret_value()!r})"


@guarded_by("test_settings_show_no_secret")
class ShowsSettings(SigningInAdapter):
    settings_model = OpenSettings


class EachForItself(httpx.Auth):
    def __init__(self, adapter: SigningInAdapter) -> None:
        self._adapter = adapter

    async def async_auth_flow(self, request: httpx.Request) -> AsyncGenerator[httpx.Request, httpx.Response]:
        tokens = self._adapter.tokens
        request.headers["authorization"] = f"Bearer {await tokens.access()}"
        response = yield request
        if response.status_code == 401:
            again = await self._adapter.make_tokens().access()
            request.headers["authorization"] = f"Bearer {again}"
            yield request


@guarded_by("test_an_expired_token_is_renewed_once_for_all")
class RenewsForEach(SigningInAdapter):
    def make_auth(self) -> Any:
        return super().make_auth() if self.client.refresh_token else EachForItself(self)


class LaterStore:
    """Lets everybody use what it will store in a moment."""

    fresh: ClassVar[dict[int, TokenPair]] = {}

    def __init__(self, store: CredentialStore) -> None:
        self._store = store
        self._saving: asyncio.Task[None] | None = None
        self.renewing = store.renewing

    async def load(self) -> TokenPair | None:
        return self.fresh.get(id(self._store)) or await self._store.load()

    async def save(self, pair: TokenPair) -> None:
        self.fresh[id(self._store)] = pair

        async def later() -> None:
            await asyncio.sleep(0.05)
            async with self._store.renewing():
                await self._store.save(pair)

        self._saving = asyncio.create_task(later())

    async def saved(self) -> None:
        if self._saving is not None:
            await self._saving
            self.fresh.pop(id(self._store), None)


@guarded_by("test_a_rotated_token_is_stored_before_it_is_used")
class StoresTooLate(SigningInAdapter):
    later: LaterStore | None = None

    def use_credentials(self, store: CredentialStore) -> None:
        self.later = LaterStore(store)
        super().use_credentials(self.later)

    async def fetch_ticket(self, ticket_id: str) -> TicketState:
        state = await super().fetch_ticket(ticket_id)
        if self.later is not None:
            await self.later.saved()
        return state


class Unlocked:
    """Lets everybody renew at once."""

    def __init__(self, store: CredentialStore) -> None:
        self.load, self.save = store.load, store.save

    def renewing(self) -> AbstractAsyncContextManager[None]:
        return nullcontext()


@guarded_by("test_one_process_refreshes_at_a_time")
class RefreshesWithoutAsking(SigningInAdapter):
    def use_credentials(self, store: CredentialStore) -> None:
        super().use_credentials(Unlocked(store))


# ── faults ──────────────────────────────────────────────────────────────────────────────────────────────────────────


class ChangesErrors(SigningInAdapter):
    """What goes wrong when a ticket is fetched, told otherwise."""

    async def fetch_ticket(self, ticket_id: str) -> TicketState:
        try:
            return await super().fetch_ticket(ticket_id)
        except CornerdeskError as error:
            raise self.spoil(error) from None

    def spoil(self, error: CornerdeskError) -> CornerdeskError:
        raise NotImplementedError


@guarded_by("test_too_many_requests_tell_how_long_to_wait")
class ForgetsTheWait(ChangesErrors):
    def spoil(self, error: CornerdeskError) -> CornerdeskError:
        return RetryableError(str(error)) if isinstance(error, RetryableError) else error


@guarded_by("test_a_servers_errors_are_passing")
class GivesUpOnServers(ChangesErrors):
    def spoil(self, error: CornerdeskError) -> CornerdeskError:
        return RejectedError(str(error)) if ": 504" in str(error) else error


@guarded_by("test_a_page_instead_of_json_is_passing")
class GivesUpOnPages(ChangesErrors):
    def spoil(self, error: CornerdeskError) -> CornerdeskError:
        return RejectedError(str(error)) if "instead of JSON" in str(error) else error


@guarded_by("test_a_refusal_of_one_item_is_no_passing_error")
class NeverGivesUp(ChangesErrors):
    def spoil(self, error: CornerdeskError) -> CornerdeskError:
        refused = isinstance(error, ApiRejectedError) and error.status in (400, 422)
        return RetryableError(str(error)) if refused else error


@guarded_by("test_json_of_another_shape_is_no_crash")
class TrustsAnswers(SigningInAdapter):
    async def fetch_ticket(self, ticket_id: str) -> TicketState:
        if ticket_id.startswith("tic_"):
            answer = await self._client.api.request("GET", f"/v1/tickets/{quote(ticket_id, safe='')}")
            answer.json()["ticket"]["id"]
        return await super().fetch_ticket(ticket_id)


@guarded_by("test_a_redirect_is_not_followed")
class FollowsRedirects(SigningInAdapter):
    async def fetch_ticket(self, ticket_id: str) -> TicketState:
        token = await self.tokens.access()
        headers = {"authorization": f"Bearer {token}"}
        async with httpx.AsyncClient(follow_redirects=True, headers=headers, timeout=5) as client:
            with suppress(httpx.HTTPError, httpx.InvalidURL):
                await client.get(f"{self.settings.address}/v1/tickets/{ticket_id}")
        return await super().fetch_ticket(ticket_id)


@guarded_by("test_addresses_in_answers_are_not_asked")
class FollowsLinks(SigningInAdapter):
    async def fetch_ticket(self, ticket_id: str) -> TicketState:
        record = await self._client.record(ticket_id)
        async with httpx.AsyncClient() as client:
            await client.get((record.model_extra or {})["link"])
        return await super().fetch_ticket(ticket_id)


# ── history ─────────────────────────────────────────────────────────────────────────────────────────────────────────


class ChangesPages(SigningInAdapter):
    """A page of history, spoilt."""

    async def fetch_history(self, since: datetime | None, cursor: str | None) -> HistoryPage:
        return self.spoil(await super().fetch_history(since, cursor))

    def spoil(self, page: HistoryPage) -> HistoryPage:
        raise NotImplementedError

    def renamed(self, page: HistoryPage, **changes: Callable[[HistoryRecord], Any]) -> HistoryPage:
        records = (
            record.model_copy(update={name: make(record) for name, make in changes.items()}) for record in page.records
        )
        return page.model_copy(update={"records": tuple(records)})


class ChangesRecords(SigningInAdapter):
    """What a record tells, spoilt."""

    def read_history(self, record: HistoryRecord) -> Reading:
        reading = super().read_history(record)
        facts = [self.spoil(fact) for fact in reading.facts]
        return Reading(facts=tuple(fact for fact in facts if fact is not None), states=reading.states)

    def spoil(self, fact: Fact) -> Fact | None:
        raise NotImplementedError


@guarded_by("test_every_ticket_and_message_is_told")
class LosesSecondMessages(ChangesRecords):
    def read_history(self, record: HistoryRecord) -> Reading:
        reading = super().read_history(record)
        states = [state.model_copy(update={"messages": state.messages[:1]}) for state in reading.states]
        return reading.model_copy(update={"states": tuple(states)})

    def spoil(self, fact: Fact) -> Fact | None:
        return fact.model_copy(update={"message": None}) if fact.kind is EventKind.MESSAGE_ADDED else fact


@guarded_by("test_an_empty_page_is_no_end")
class EndsAtEmptyPages(ChangesPages):
    def spoil(self, page: HistoryPage) -> HistoryPage:
        return page.model_copy(update={"end": page.end or not page.records})


@guarded_by("test_a_repeated_page_does_no_harm")
class EndsWhenNothingNewCame(SigningInAdapter):
    last: tuple[str | None, frozenset[str]] | None = None

    async def fetch_history(self, since: datetime | None, cursor: str | None) -> HistoryPage:
        page = await super().fetch_history(since, cursor)
        keys = frozenset(record.key for record in page.records)
        again = self.last is not None and self.last[0] != cursor and bool(keys) and keys == self.last[1]
        self.last = cursor, keys
        return page.model_copy(update={"end": page.end or again})


@guarded_by("test_pages_that_shift_leave_nothing_out")
class CountsRows(SigningInAdapter):
    """Goes on by the number of rows seen; only the last cursor is the vendor's."""

    async def fetch_history(self, since: datetime | None, cursor: str | None) -> HistoryPage:
        kind, _, number = (cursor or "rows:0").partition(":")
        if kind != "rows":
            return await super().fetch_history(since, cursor)
        pages, at, more = list[HistoryPage](), None, True
        while more:
            pages.append(await super().fetch_history(since, at))
            at, more = pages[-1].cursor, not pages[-1].end
        rows = [record for page in pages for record in page.records]
        end = int(number) + 10
        last = end >= len(rows)
        return HistoryPage(
            records=tuple(rows[int(number) : end]), cursor=pages[-1].cursor if last else f"rows:{end}", end=last
        )


@guarded_by("test_a_run_goes_on_from_the_cursor_alone")
class KeepsTheCursor(SigningInAdapter):
    kept: dict[str, str]

    async def fetch_history(self, since: datetime | None, cursor: str | None) -> HistoryPage:
        self.kept = getattr(self, "kept", {})
        if cursor is not None and cursor not in self.kept:
            raise RejectedError("begun by somebody else")
        page = await super().fetch_history(since, self.kept[cursor] if cursor else None)
        ours = uuid.uuid4().hex
        self.kept[ours] = page.cursor
        return page.model_copy(update={"cursor": ours})


@guarded_by("test_a_page_asked_for_again_tells_the_same_records")
class NamesRecordsAnew(ChangesPages):
    def spoil(self, page: HistoryPage) -> HistoryPage:
        return self.renamed(page, key=lambda record: uuid.uuid4().hex)


@guarded_by("test_a_changed_ticket_is_another_record")
class NamesRecordsByTicket(ChangesPages):
    def spoil(self, page: HistoryPage) -> HistoryPage:
        return self.renamed(page, key=lambda record: record.ticket_id)


@guarded_by("test_what_changed_before_since_is_left_out")
class IgnoresSince(SigningInAdapter):
    async def fetch_history(self, since: datetime | None, cursor: str | None) -> HistoryPage:
        return await super().fetch_history(None, cursor)


@guarded_by("test_what_happens_after_the_end_comes_with_the_last_cursor")
class EndsForGood(ChangesPages):
    def spoil(self, page: HistoryPage) -> HistoryPage:
        return page.model_copy(update={"cursor": "999999999"}) if page.end else page


@guarded_by("test_history_gives_facts_the_keys_that_webhooks_give_them")
class NamesThePastOtherwise(ChangesRecords):
    def spoil(self, fact: Fact) -> Fact | None:
        return fact.model_copy(update={"keys": tuple(f"past:{key}" for key in fact.keys)})


@guarded_by("test_reading_a_record_asks_nobody")
class DatesThePastByTheClock(ChangesRecords):
    def spoil(self, fact: Fact) -> Fact | None:
        return fact.model_copy(update={"occurred_at": datetime.now(UTC)})


@guarded_by("test_a_deleted_ticket_is_told")
class ForgetsDeletions(ChangesRecords):
    def spoil(self, fact: Fact) -> Fact | None:
        return None if fact.kind is EventKind.TICKET_DELETED else fact


@guarded_by("test_a_merged_ticket_is_told")
class ForgetsMerges(ChangesRecords):
    def spoil(self, fact: Fact) -> Fact | None:
        return None if fact.kind is EventKind.TICKET_MERGED else fact


@guarded_by("test_parts_are_counted")
class CountsNoParts(ChangesPages):
    def spoil(self, page: HistoryPage) -> HistoryPage:
        return self.renamed(page, parts=lambda record: 0)


@guarded_by("test_a_record_gone_wrong_is_read_or_rejected")
class TrustsRecords(SigningInAdapter):
    def read_history(self, record: HistoryRecord) -> Reading:
        json.loads(record.body)["ticket"]["id"]
        return super().read_history(record)


@guarded_by("test_a_page_that_cannot_be_had_now_is_passing")
class TakesSilenceForAnEmptyPage(SigningInAdapter):
    async def fetch_history(self, since: datetime | None, cursor: str | None) -> HistoryPage:
        with suppress(RetryableError):
            return await super().fetch_history(since, cursor)
        return HistoryPage(cursor=cursor or "0")


@guarded_by("test_undeclared_history_is_refused")
class HidesHistory(SigningInAdapter):
    capabilities = without(Capability.HISTORY)


# ── subscriptions ───────────────────────────────────────────────────────────────────────────────────────────────────


@guarded_by("test_what_was_registered_is_listed")
class SubscribesToLittle(SigningInAdapter):
    async def register_webhook(self, url: str) -> Registration:
        hook = await self._client.make_hook(url, ("ticket.created",))
        return Registration(id=hook.id)


@guarded_by("test_a_second_one_is_listed_beside_the_first")
class ListsOne(SigningInAdapter):
    async def list_webhooks(self) -> tuple[Subscription, ...]:
        return (await super().list_webhooks())[:1]


@guarded_by("test_a_secret_that_the_vendor_chose_is_not_shown")
class ShowsTheSecret(SigningInAdapter):
    async def register_webhook(self, url: str) -> Registration:
        made = await super().register_webhook(url)
        secret = made.secret.get_secret_value() if made.secret else ""
        return made.model_copy(update={"detail": f"signed with {secret}"})


@guarded_by("test_one_that_points_elsewhere_is_mended")
class MakesAnother(SigningInAdapter):
    async def repair_webhook(self, subscription: Subscription, url: str) -> None:
        if subscription.id not in {each.id for each in await self.list_webhooks()}:
            raise RejectedError("it is gone")
        await self.register_webhook(url)


@guarded_by("test_one_that_was_switched_off_is_told_and_mended")
class TakesAllForEnabled(SigningInAdapter):
    async def list_webhooks(self) -> tuple[Subscription, ...]:
        enabled = {"state": SubscriptionState.ENABLED}
        return tuple(each.model_copy(update=enabled) for each in await super().list_webhooks())


@guarded_by("test_one_that_is_gone_cannot_be_mended")
class MendsWhatIsGone(SigningInAdapter):
    async def repair_webhook(self, subscription: Subscription, url: str) -> None:
        with suppress(RejectedError):
            await super().repair_webhook(subscription, url)


@guarded_by("test_undeclared_subscriptions_are_refused")
class HidesListing(SigningInAdapter):
    capabilities = without(Capability.WEBHOOK_LISTING)


def said(message: Message, **changes: Any) -> Message:
    return message.model_copy(update=changes)
