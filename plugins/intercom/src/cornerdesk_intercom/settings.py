"""What an Intercom source has in cornerdesk.yaml. Models only."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated, Literal

from cornerdesk import Duration, SourceSettings
from pydantic import BeforeValidator, Field, SecretStr, field_validator

HOSTS = {
    "us": "https://api.intercom.io",
    "eu": "https://api.eu.intercom.io",
    "au": "https://api.au.intercom.io",
}
"""Where the API is, by the region that hosts the workspace (fact sheet intercom.md 2.1)."""

INBOXES = {
    "us": "https://app.intercom.com",
    "eu": "https://app.eu.intercom.com",
    "au": "https://app.au.intercom.com",
}


def _number(value: object) -> object:
    return str(value) if type(value) is int else value


class IntercomSettings(SourceSettings):
    """One Intercom workspace, reached by a private app of its own in Intercom's Developer Hub."""

    app_id: str = Field(
        pattern=r"^[A-Za-z0-9_-]{1,64}$",
        description="the workspace's id, as in https://app.intercom.com/a/inbox/APP_ID; others are ignored",
    )
    access_token: SecretStr = Field(description="the app's access token; Developer Hub, Authentication")
    client_secret: SecretStr | tuple[SecretStr, ...] = Field(
        description="what Intercom signs webhooks with; Developer Hub, Basic information;"
        " a list of two while it is being rotated"
    )
    region: Literal["us", "eu", "au"] = Field("us", description="where the workspace is hosted: us, eu or au")
    admin_id: Annotated[str | None, BeforeValidator(_number)] = Field(
        None,
        pattern=r"^[0-9]{1,20}$",
        description="the teammate whom Cornerdesk writes as; default: the one that the access token belongs to",
    )
    snooze: Duration = Field(
        timedelta(days=1),
        description="how long `status: pending` snoozes a conversation, for Intercom wants an end; such as 24h",
    )

    @field_validator("client_secret")
    @classmethod
    def _one_or_two(cls, value: SecretStr | tuple[SecretStr, ...]) -> SecretStr | tuple[SecretStr, ...]:
        secrets = (value,) if isinstance(value, SecretStr) else value
        if not 1 <= len(secrets) <= 2 or not all(secret.get_secret_value().strip() for secret in secrets):
            raise ValueError("must be one secret, or a list of two while it is being rotated, and none may be empty")
        return value

    @field_validator("access_token")
    @classmethod
    def _not_empty(cls, value: SecretStr) -> SecretStr:
        if not value.get_secret_value().strip():
            raise ValueError("must not be empty")
        return value

    @field_validator("snooze")
    @classmethod
    def _long_enough(cls, value: timedelta) -> timedelta:
        if value < timedelta(minutes=1):
            raise ValueError("must be a minute or more")
        return value

    @property
    def secrets(self) -> tuple[SecretStr, ...]:
        """Every client secret that is valid now."""
        return (self.client_secret,) if isinstance(self.client_secret, SecretStr) else self.client_secret

    @property
    def address(self) -> str:
        """Where the API is."""
        return self.base_url or HOSTS[self.region]

    @property
    def agent_pages(self) -> str:
        """Where teammates read conversations; a conversation's page is this and its id."""
        return f"{INBOXES[self.region]}/a/inbox/{self.app_id}/inbox/conversation/"
