"""The kinds and states of leads, and which kind fits which customer. Pure."""

from __future__ import annotations

from enum import StrEnum

from cornerdesk import AccountStatus


class LeadKind(StrEnum):
    """Counted apart: a company that is no customer, one that is, one that was."""

    NEW_BUSINESS = "new_business"
    EXPANSION = "expansion"
    WIN_BACK = "win_back"


class LeadState(StrEnum):
    """`proposed` waits for a person's yes; `open` counts; `won` and `lost` are outcomes; `not_a_lead` never counts."""

    PROPOSED = "proposed"
    OPEN = "open"
    WON = "won"
    LOST = "lost"
    NOT_A_LEAD = "not_a_lead"


_FITS = {
    LeadKind.NEW_BUSINESS: {AccountStatus.PROSPECT, AccountStatus.TRIAL, AccountStatus.UNKNOWN},
    LeadKind.EXPANSION: {AccountStatus.ACTIVE},
    LeadKind.WIN_BACK: {AccountStatus.CANCELLED},
}
_MEANT = {
    AccountStatus.ACTIVE: LeadKind.EXPANSION,
    AccountStatus.CANCELLED: LeadKind.WIN_BACK,
}


def doubt_about(kind: LeadKind, status: AccountStatus) -> str | None:
    """Why a lead of this kind from an account of this status needs a person's yes; None when it fits.

    Nothing is guessed: the kind stays what the rule says, and the lead counts only when somebody opens it.
    """
    if status in _FITS[kind]:
        return None
    fitting = _MEANT.get(status, LeadKind.NEW_BUSINESS)
    return (
        f"the rule says {kind}, but the account's status is {status}: `leads open ID` to count it as it is,"
        f" `leads open ID --kind {fitting}` to count it as {fitting}"
    )


def holds_place(kind: LeadKind, state: LeadState) -> bool:
    """Whether the company's next ticket joins this lead and makes no new one.

    A lost lead, or an expansion won, may be followed by another. A company is new business, or won back, once; and
    what was found to be no lead does not come back.
    """
    if state is LeadState.LOST:
        return False
    return state is not LeadState.WON or kind is not LeadKind.EXPANSION
