"""The section `plugins: email:` of cornerdesk.yaml."""

from __future__ import annotations

import ipaddress
from email.headerregistry import Address
from email.utils import parseaddr
from typing import Literal

from cornerdesk import Section
from pydantic import Field, SecretStr, field_validator, model_validator


class EmailSettings(Section):
    """The mail server that takes our messages. Without `host` there is no e-mail, and whoever needs it is told so."""

    host: str | None = Field(None, min_length=1, description="the mail server that takes our messages")
    port: int | None = Field(
        None, ge=1, le=65535, description="its port; absent: 465 with `tls`, 587 with a user name, else 25"
    )
    username: str | None = Field(None, description="absent: no login")
    password: SecretStr | None = Field(None, description="for the login; write ${NAME} or ${file:...}")
    starttls: Literal["auto", "yes", "no"] = Field(
        "auto", description="encrypt once connected: `auto` where the server offers it, `yes` or not at all, `no`"
    )
    tls: bool = Field(False, description="encrypted from the first byte (port 465); instead of `starttls`")
    sender: str = Field(
        "Cornerdesk <cornerdesk@localhost>", description="who our messages are from: an address, or `Name <address>`"
    )
    timeout: float = Field(10.0, gt=0, le=25, description="seconds to wait for each answer of the server")

    @field_validator("sender")
    @classmethod
    def _is_an_address(cls, value: str) -> str:
        name, address = parseaddr(value)
        try:
            Address(name, addr_spec=address)
        except (ValueError, IndexError):
            address = ""
        if not address.partition("@")[2] or not address.isascii() or any(character in value for character in "\r\n"):
            raise ValueError("expected an address such as cornerdesk@acme.example, or `Name <address>`")
        return value

    @model_validator(mode="after")
    def _fits_together(self) -> EmailSettings:
        if (self.username is None) != (self.password is None):
            raise ValueError("`username` and `password` belong together: give both, or neither")
        if self.tls and self.starttls == "yes":
            raise ValueError("`tls` and `starttls: yes` exclude each other: port 465 takes the first, 587 the second")
        if self.password is not None and not self.may_encrypt and not self.on_this_machine:
            raise ValueError("a password does not go over a network in clear: set `starttls: yes` or `tls: true`")
        return self

    @property
    def may_encrypt(self) -> bool:
        """Whether the connection is encrypted, or will be if the server can."""
        return self.tls or self.starttls != "no"

    @property
    def on_this_machine(self) -> bool:
        """Whether the server is this very machine, as far as its name tells."""
        host = (self.host or "").strip("[]").lower()
        try:
            return ipaddress.ip_address(host).is_loopback
        except ValueError:
            return host == "localhost"

    @property
    def connect_port(self) -> int:
        """The port, or the usual one."""
        return self.port or (465 if self.tls else 587 if self.username else 25)

    @property
    def sender_address(self) -> str:
        """The sender's bare address."""
        return parseaddr(self.sender)[1]

    @property
    def domain(self) -> str:
        """The sender's domain: what our message ids end with."""
        return self.sender_address.rpartition("@")[2]
