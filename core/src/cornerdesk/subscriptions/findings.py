"""What `doctor` finds: one thing that is wrong with one source, since when, and what to do about it."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum

from cornerdesk.adapters.subscriptions import Subscription
from cornerdesk.model import FrozenModel, UtcTime


class Trouble(StrEnum):
    """What is wrong."""

    CREDENTIALS = "credentials"  # the vendor refuses them
    CREDENTIALS_END = "credentials_end"  # they will stop working
    UNREACHABLE = "unreachable"  # the vendor did not answer
    MISSING = "missing"  # no subscription sends to us
    DISABLED = "disabled"
    SUSPENDED = "suspended"
    ELSEWHERE = "elsewhere"  # what looks like ours sends to another address
    DOUBLED = "doubled"  # whatever happens is sent twice
    LACKING = "lacking"  # events that we could use are not sent
    SILENT = "silent"
    DEAD_LETTERS = "dead_letters"
    RECONCILE_FAILING = "reconcile_failing"
    RECONCILE_OVERDUE = "reconcile_overdue"


OF_SUBSCRIPTIONS = frozenset(
    {
        Trouble.MISSING,
        Trouble.DISABLED,
        Trouble.SUSPENDED,
        Trouble.ELSEWHERE,
        Trouble.DOUBLED,
        Trouble.LACKING,
    }
)
"""What the vendor's list of subscriptions tells."""


class Finding(FrozenModel):
    """One thing that is wrong.

    Attributes:
        source: its name in the configuration.
        what: the kind of it.
        since: when it began, as far as anybody knows: else when it was first noticed.
        subscription: the vendor's id of the one it is about.
        detail: a sentence for people, without a customer's words.
        to_do: what a person should do about it.
        repairable: `doctor --repair` can mend it.
        repaired: `doctor --repair` did.
    """

    source: str
    what: Trouble
    since: UtcTime | None = None
    subscription: str | None = None
    detail: str
    to_do: str
    repairable: bool = False
    repaired: bool = False

    @property
    def name(self) -> tuple[str, str]:
        """What makes it the same finding tomorrow, within its source."""
        return self.what.value, self.subscription or ""


@dataclass(frozen=True)
class Judgement:
    """What is wrong with a source's subscriptions, and by whom each could be mended.

    Attributes:
        findings: what is wrong.
        mend: the subscriptions that are to be mended, each once.
        register: a new one is to be made.
    """

    findings: tuple[Finding, ...] = ()
    mend: tuple[Subscription, ...] = ()
    register: bool = False


@dataclass(frozen=True)
class Examination:
    """All that is known of one source.

    Attributes:
        line: what the vendor said of our credentials; None: they do not work, or nobody could tell.
        findings: what is wrong.
        remarks: what could not be judged, and why; sentences for people.
        unjudged: of these kinds nothing is known this time.
        judgement: of the subscriptions; None where they could not be asked for.
    """

    source: str
    line: str | None = None
    findings: tuple[Finding, ...] = ()
    remarks: tuple[str, ...] = ()
    unjudged: frozenset[Trouble] = field(default_factory=frozenset)
    judgement: Judgement | None = None
