"""What a rule writes behind `vote`, and the section `plugins: {votes: ...}`. Models only."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Literal

from cornerdesk import Account, ActionSettings, FeatureName, Section
from pydantic import Field

Weight = Annotated[float, Field(ge=0, allow_inf_nan=False)]


class VoteState(StrEnum):
    """`proposed` waits for a person's yes, `counted` counts, `withdrawn` does not and stays so."""

    PROPOSED = "proposed"
    COUNTED = "counted"
    WITHDRAWN = "withdrawn"


class VoteSettings(ActionSettings):
    """`vote: sso`."""

    feature: FeatureName = Field(description="a feature of the catalogue, by its key")


class Settings(Section):
    """How votes are counted and weighed."""

    mode: Literal["counted", "proposed"] = Field(
        "counted", description="`counted`: a vote counts at once; `proposed`: a person says yes to each"
    )
    weights: dict[str, Weight] = Field(
        default_factory=lambda: {"canary": 10.0, "key": 5.0, "default": 1.0},
        description="a vote's weight by the account's tier, else by its status, else `default`",
    )
    revenue_per_weight: float | None = Field(
        None, gt=0, description="yearly revenue that weighs as much as 1; used where the tier names no weight"
    )
    board: str | None = Field(None, description="the vote board that counted votes go to, by its name; absent: none")

    def weigh(self, account: Account | None) -> float:
        """A vote's weight: the tier's; else the revenue's, at least `default`; else the status's; else `default`."""
        default = self.weights.get("default", 1.0)
        if account is None:
            return self.weights.get("unknown", default)
        if account.tier in self.weights:
            return self.weights[account.tier]
        if self.revenue_per_weight and account.revenue is not None:
            return max(default, round(account.revenue / self.revenue_per_weight, 2))
        return self.weights.get(account.status.value, default)
