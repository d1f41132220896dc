"""What a channel is. This file is the manual: subclass `Channel`, name it, say whom it reaches, send.

A plugin brings its channels with the hook `cornerdesk_channels`. People name them under `notify`, in order of
preference: `email`, `slack:U123`. What stands behind the colon is the channel's to understand.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar

from cornerdesk import (
    Configuration,
    CornerdeskError,
    CredentialsError,
    FrozenModel,
    Person,
    Receipt,
    RejectedError,
    RetryableError,
    SendContext,
    UnknownOutcomeError,
    UnsupportedError,
)


class Notification(FrozenModel):
    """A message to one person.

    Attributes:
        subject: one line, without control characters.
        text: the whole message as plain text; every channel can carry it.
        html: the same for those that show HTML, complete and escaped; None: show `text`.
        link: where the reader acknowledges with one click; None: nothing to acknowledge.
        ticket_url: the agents' page of the ticket.
        marker: the same in every attempt at this message, and in no other: an idempotency key.
        thread: the same in all messages about one matter; None: it stands alone.
    """

    subject: str
    text: str
    html: str | None = None
    link: str | None = None
    ticket_url: str | None = None
    marker: str
    thread: str | None = None


class Channel(ABC):
    """A way to reach people. Made anew for every message: hold nothing open between two."""

    name: ClassVar[str]
    """What people write under `notify`."""

    repeatable: ClassVar[bool] = False
    """Whether a message sent twice with one marker does no harm: say why where you set it. A channel that is not
    repeatable answers `look_up`, or leaves an unknown outcome to a person."""

    @abstractmethod
    def address_of(self, person: Person, detail: str) -> str:
        """Where `send` reaches this person. Pure. `detail` stands behind the colon (`slack:U123`), or is empty.

        Raises:
            RejectedError: not at all; says what is missing in cornerdesk.yaml, and never an address.
        """

    @abstractmethod
    async def send(self, notification: Notification, address: str, context: SendContext) -> Receipt:
        """Send it.

        Raises:
            RetryableError: it did not go out; try again.
            UnknownOutcomeError: it may have gone out.
            RejectedError: this address will never take it. The message never tells the address.
            CredentialsError: the service refuses ours.
        """

    async def look_up(self, marker: str, address: str, context: SendContext) -> Receipt | None:
        """After an unknown outcome: the receipt if it went out, None if it certainly did not or may be repeated.

        Raises:
            UnsupportedError: nobody can tell.
        """
        if self.repeatable:
            return None
        raise UnsupportedError(f"channel {self.name} cannot tell whether a message went out; ask the person")


@dataclass(frozen=True)
class Route:
    """One way to one person: a channel and the address there."""

    spec: str
    channel: Channel
    address: str


def open_channels(context: SendContext) -> dict[str, Channel]:
    """Every channel that plugins bring, by name."""
    answers: Sequence[Sequence[Channel]] = context.hooks.cornerdesk_channels(configuration=context.configuration)
    return {channel.name: channel for answer in answers for channel in answer}


async def notify_person(person: Person, notification: Notification, context: SendContext) -> Receipt:
    """Send by the first of the person's channels that works. The receipt's `detail` is the channel's name.

    Raises:
        UnknownOutcomeError: a channel may have sent it; no other is tried, one message is enough.
        RetryableError, CredentialsError, RejectedError: none did; the most hopeful of the reasons, with all of them.
    """
    problems: list[CornerdeskError] = []
    for route in _routes(person, open_channels(context), problems):
        try:
            receipt = await route.channel.send(notification, route.address, context)
            return receipt.model_copy(update={"detail": route.channel.name})
        except UnknownOutcomeError:
            raise
        except (RetryableError, CredentialsError, RejectedError, UnsupportedError) as error:
            problems.append(error)
    raise _summary(person, problems)


async def look_up_notification(person: Person, context: SendContext) -> Receipt | None:
    """Whether a message with the context's marker reached this person by any of their channels.

    Raises:
        UnsupportedError: one of them cannot tell.
    """
    for route in _routes(person, open_channels(context), []):
        if receipt := await route.channel.look_up(context.marker, route.address, context):
            return receipt.model_copy(update={"detail": route.channel.name})
    return None


def person_of(configuration: Configuration, key: str) -> Person:
    """The person of this name.

    Raises:
        RejectedError: nobody has it any more.
    """
    if key not in configuration.people:
        raise RejectedError(f"{key!r} is not among the people of cornerdesk.yaml any more")
    return configuration.people[key]


def _routes(person: Person, channels: Mapping[str, Channel], problems: list[CornerdeskError]) -> Iterator[Route]:
    if not person.notify:
        problems.append(RejectedError("`notify` names no channel"))
    for spec in person.notify:
        name, _, detail = spec.partition(":")
        if name not in channels:
            known = ", ".join(sorted(channels)) or "none"
            problems.append(RejectedError(f"there is no channel {name!r}; installed: {known}"))
            continue
        try:
            yield Route(spec, channels[name], channels[name].address_of(person, detail))
        except RejectedError as error:
            problems.append(error)


def _summary(person: Person, problems: Sequence[CornerdeskError]) -> CornerdeskError:
    """What passes by itself comes first, then what somebody can repair, then what is hopeless."""
    message = f"{person.key or person.name} cannot be told: {'; '.join(map(str, problems))}"
    waits = [problem for problem in problems if isinstance(problem, RetryableError)]
    if waits:
        return RetryableError(message, retry_after=min((w.retry_after for w in waits if w.retry_after), default=None))
    if any(isinstance(problem, CredentialsError) for problem in problems):
        return CredentialsError(message)
    return RejectedError(message)
