"""The channel `email`: one SMTP conversation for each message, and what its end means.

What the server says decides: 4xx comes again, 5xx is final, and a connection that breaks after the message went out
leaves the outcome unknown. No error tells an address.
"""

from __future__ import annotations

import ssl
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import UTC
from email.message import EmailMessage
from typing import ClassVar

import aiosmtplib
from cornerdesk import (
    CornerdeskError,
    CredentialsError,
    Person,
    Receipt,
    RejectedError,
    RetryableError,
    SendContext,
    UnknownOutcomeError,
)
from cornerdesk_escalation import Channel, Notification

from cornerdesk_email.message import write_mail
from cornerdesk_email.settings import EmailSettings


class EmailChannel(Channel):
    """Mail to the person's `email`, or to the address behind the colon: `email:ada@home.example`."""

    name: ClassVar[str] = "email"

    # A mail sent twice carries the same Message-ID, which mailboxes that look take for one; and where one does not, a
    # second copy of a call for help does less harm than none.
    repeatable: ClassVar[bool] = True

    def __init__(self, settings: EmailSettings) -> None:
        self.settings = settings

    def address_of(self, person: Person, detail: str) -> str:
        """The person's address."""
        if self.settings.host is None:
            raise RejectedError("e-mail is not set up: `plugins: email: host` is missing in cornerdesk.yaml")
        address = detail or person.email
        if not address:
            raise RejectedError(f"{person.key or person.name} has no `email` in cornerdesk.yaml")
        return address

    async def send(self, notification: Notification, address: str, context: SendContext) -> Receipt:
        """Hand it to the mail server; its id is the receipt."""
        mail = write_mail(notification, address, self.settings, context.now.astimezone(UTC))
        client = self._client()
        with self._translated():
            await client.connect()
        try:
            with self._translated():
                await self._encrypt(client)
                await self._log_in(client)
                await self._address(client, address)
            await self._hand_over(client, mail)
        finally:
            await _hang_up(client)
        return Receipt(id=mail["Message-ID"])

    def _client(self) -> aiosmtplib.SMTP:
        settings = self.settings
        return aiosmtplib.SMTP(
            hostname=settings.host,
            port=settings.connect_port,
            timeout=settings.timeout,
            use_tls=settings.tls,
            start_tls=False,  # done in `_encrypt`, which can tell what is wrong
            # Given, because asking the system for our name may take it seconds, and tells the machine's.
            local_hostname=settings.domain,
        )

    async def _encrypt(self, client: aiosmtplib.SMTP) -> None:
        settings = self.settings
        await client.ehlo()
        if settings.tls or settings.starttls == "no":
            return
        if client.supports_extension("starttls"):
            await client.starttls()
        elif settings.starttls == "yes":
            raise RejectedError(f"mail server {settings.host} offers no encryption, and `starttls: yes` insists on it")

    async def _log_in(self, client: aiosmtplib.SMTP) -> None:
        """After the connection stands, so that no password is sent before it is known how."""
        settings = self.settings
        if settings.username is None or settings.password is None:
            return
        if client.get_transport_info("sslcontext") is None and not settings.on_this_machine:
            raise CredentialsError(
                f"mail server {settings.host} offers no encryption, and a password does not go over a network in clear"
            )
        try:
            await client.login(settings.username, settings.password.get_secret_value())
        except aiosmtplib.SMTPAuthenticationError as error:
            if 400 <= error.code < 500:
                raise RetryableError(f"mail server {settings.host} cannot check our login ({error.code})") from None
            raise CredentialsError(
                f"mail server {settings.host} refuses our login ({error.code}); see `plugins: email: password`"
            ) from None
        except (aiosmtplib.SMTPResponseException, aiosmtplib.SMTPServerDisconnected, aiosmtplib.SMTPTimeoutError):
            raise
        except aiosmtplib.SMTPException:
            raise CredentialsError(f"mail server {settings.host} takes no login of a kind we know") from None

    async def _address(self, client: aiosmtplib.SMTP, address: str) -> None:
        """The envelope."""
        await client.mail(self.settings.sender_address)
        await client.rcpt(address)

    async def _hand_over(self, client: aiosmtplib.SMTP, mail: EmailMessage) -> None:
        """The message itself. From here on no answer means: nobody knows."""
        try:
            await client.data(mail.as_bytes())
        except (aiosmtplib.SMTPException, OSError) as error:
            if isinstance(error, aiosmtplib.SMTPResponseException) and 400 <= error.code < 600:
                raise self._answer(error.code, "the message") from None
            what = type(error).__name__
            raise UnknownOutcomeError(
                f"mail server {self.settings.host} did not confirm the message ({what})"
            ) from None

    @contextmanager
    def _translated(self) -> Iterator[None]:
        """Before the message goes out: nothing has taken place, whatever went wrong."""
        host = self.settings.host
        try:
            yield
        except CornerdeskError:
            raise
        except aiosmtplib.SMTPSenderRefused as error:
            raise self._answer(error.code, "our sender address (`plugins: email: sender`)") from None
        except aiosmtplib.SMTPRecipientRefused as error:
            raise self._answer(error.code, "the recipient's address") from None
        except aiosmtplib.SMTPResponseException as error:
            raise self._answer(error.code, "the conversation") from None
        except (aiosmtplib.SMTPException, OSError) as error:
            causes = (error, error.__cause__)
            bad = next((cause for cause in causes if isinstance(cause, ssl.SSLCertVerificationError)), None)
            why = f"its certificate is not valid: {bad.verify_message}" if bad else type(error).__name__
            raise RetryableError(f"mail server {host} cannot be reached ({why})") from None

    def _answer(self, code: int, what: str) -> CornerdeskError:
        """What a refusal means. The server's own words stay out: they like to repeat the address."""
        text = f"mail server {self.settings.host} refuses {what} ({code})"
        if code in (530, 534, 535, 538):
            return CredentialsError(f"{text}: it wants a login; see `plugins: email: username, password`")
        if 500 <= code < 600:
            return RejectedError(text)
        return RetryableError(text)


async def _hang_up(client: aiosmtplib.SMTP) -> None:
    """Politely where possible; the message's fate is decided already."""
    with suppress(aiosmtplib.SMTPException, OSError, ValueError):
        if client.is_connected:
            await client.quit(timeout=2)
    client.close()
