"""A mail server on loopback that answers as it is told to."""

from __future__ import annotations

import asyncio
import shutil
import subprocess
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default
from pathlib import Path
from typing import Any

import pytest
from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session
from cornerdesk import Configuration, SendContext
from cornerdesk_email.channel import EmailChannel
from cornerdesk_email.settings import EmailSettings

NOW = datetime(2026, 3, 3, 9, 0, tzinfo=UTC)


@dataclass
class Mailbox:
    """What arrived, and what the server says to each command; a `drop` breaks the connection instead."""

    says: dict[str, str] = field(default_factory=dict)
    drops_at: str | None = None
    mails: list[EmailMessage] = field(default_factory=list)
    envelopes: list[Envelope] = field(default_factory=list)
    logins: list[tuple[str, str]] = field(default_factory=list)
    port: int = 0

    async def handle_MAIL(self, server: SMTP, session: Session, envelope: Envelope, address: str, options: Any) -> str:
        if said := self.says.get("MAIL"):
            return said
        envelope.mail_from = address
        envelope.mail_options.extend(options)
        return "250 OK"

    async def handle_RCPT(self, server: SMTP, session: Session, envelope: Envelope, address: str, options: Any) -> str:
        if said := self.says.get("RCPT"):
            return said
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:
        if self.drops_at != "DATA" and "DATA" in self.says:
            return self.says["DATA"]
        content = envelope.content if isinstance(envelope.content, bytes) else b""
        self.mails.append(message_from_bytes(content, policy=default))
        self.envelopes.append(envelope)
        if self.drops_at == "DATA":
            assert isinstance(server.transport, asyncio.Transport)
            server.transport.abort()
        return "250 OK"

    def authenticate(self, server: SMTP, session: Session, envelope: Envelope, kind: str, data: Any) -> AuthResult:
        assert isinstance(data, LoginPassword)
        self.logins.append((data.login.decode(), data.password.decode()))
        good = data.password == b"right"
        return AuthResult(success=good, handled=good)


StartServer = Callable[..., Any]


@pytest.fixture
async def mailbox() -> AsyncIterator[Mailbox]:
    """A server that takes everything."""
    box = Mailbox()
    server = await _serve(box)
    yield box
    await _stop(server)


@pytest.fixture
async def start_mailbox() -> AsyncIterator[StartServer]:
    """Starts servers with other settings: a certificate, a login."""
    servers: list[asyncio.Server] = []

    async def start(**options: Any) -> Mailbox:
        box = Mailbox()
        if options.pop("login", False):
            options |= {"authenticator": box.authenticate, "auth_require_tls": options.pop("login_needs_tls", False)}
        servers.append(await _serve(box, **options))
        return box

    yield start
    for server in servers:
        await _stop(server)


async def _serve(box: Mailbox, **options: Any) -> asyncio.Server:
    loop = asyncio.get_running_loop()
    server = await loop.create_server(
        lambda: SMTP(box, hostname="mail.example.com", enable_SMTPUTF8=True, loop=loop, **options), "127.0.0.1", 0
    )
    box.port = server.sockets[0].getsockname()[1]
    return server


async def _stop(server: asyncio.Server) -> None:
    server.close()
    await server.wait_closed()


@pytest.fixture
def context() -> SendContext:
    """What the executor hands to a channel."""
    return SendContext(NOW, Configuration(), {}, None, "cd-0123456789abcdef0123")


@pytest.fixture
def channel_to() -> Callable[..., EmailChannel]:
    """A channel that talks to a mailbox."""

    def make(box: Mailbox, **settings: Any) -> EmailChannel:
        given = {"host": "127.0.0.1", "port": box.port, "sender": "Cornerdesk <desk@acme.example>", "timeout": 5}
        return EmailChannel(EmailSettings.model_validate({**given, **settings}))

    return make


@pytest.fixture
def certificate(tmp_path: Path) -> Path:
    """A certificate for localhost that nobody has vouched for, with its key."""
    if (openssl := shutil.which("openssl")) is None:
        pytest.skip("no openssl to make a certificate with")
    made = tmp_path / "certificate.pem"
    command = [
        *(openssl, "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=localhost"),
        *("-addext", "subjectAltName=DNS:localhost", "-keyout", str(tmp_path / "key"), "-out", str(made)),
    ]
    subprocess.run(command, check=True, capture_output=True)
    made.write_text(made.read_text() + (tmp_path / "key").read_text())
    return made
