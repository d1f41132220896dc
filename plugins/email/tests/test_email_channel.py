"""Mail is handed over, and every way in which that can end means one thing."""

from __future__ import annotations

import asyncio
import re
import ssl
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from cornerdesk import (
    CredentialsError,
    Person,
    RejectedError,
    RetryableError,
    SendContext,
    UnknownOutcomeError,
)
from cornerdesk_email.channel import EmailChannel
from cornerdesk_escalation import Notification

Mailbox = Any
MakeChannel = Callable[..., EmailChannel]
ADDRESS = "ada@acme.example"
MESSAGE = Notification(
    subject="[Cornerdesk] Globex talks of leaving (ticket 1234)",
    text="Globex talks of leaving.\nÄrger & Co. <wrote>\n.\n..dots\n",
    html="<p>Globex talks of leaving.</p>",
    link="https://desk.example.com/ack/t",
    marker="cd-0123456789abcdef0123",
    thread="escalation-1",
)


async def send(channel: EmailChannel, context: SendContext, *, message: Notification = MESSAGE) -> Any:
    return await channel.send(message, ADDRESS, context)


async def test_a_mail_arrives_as_it_was_meant(mailbox: Mailbox, channel_to: MakeChannel, context: SendContext) -> None:
    receipt = await send(channel_to(mailbox), context)
    mail, envelope = mailbox.mails[0], mailbox.envelopes[0]
    assert (envelope.mail_from, envelope.rcpt_tos) == ("desk@acme.example", [ADDRESS])
    assert (mail["From"], mail["To"]) == ("Cornerdesk <desk@acme.example>", ADDRESS)
    assert mail["Subject"] == MESSAGE.subject
    assert mail["Date"] == "Tue, 03 Mar 2026 09:00:00 +0000"
    assert receipt.id == mail["Message-ID"] == "<cd-0123456789abcdef0123@acme.example>"
    assert mail["In-Reply-To"] == mail["References"] == "<thread.escalation-1@acme.example>"
    assert (mail["Auto-Submitted"], mail["X-Auto-Response-Suppress"]) == ("auto-generated", "All")
    assert mail.get_content_type() == "multipart/alternative"
    assert mail.get_body(("plain",)).get_content().replace("\r\n", "\n") == MESSAGE.text
    assert mail.get_body(("html",)).get_content().strip() == MESSAGE.html


async def test_the_same_message_sent_twice_is_one_message_to_a_mailbox(
    mailbox: Mailbox, channel_to: MakeChannel, context: SendContext
) -> None:
    await send(channel_to(mailbox), context)
    await send(channel_to(mailbox), context)
    assert mailbox.mails[0]["Message-ID"] == mailbox.mails[1]["Message-ID"]


async def test_text_alone_makes_a_plain_mail(mailbox: Mailbox, channel_to: MakeChannel, context: SendContext) -> None:
    await send(channel_to(mailbox), context, message=Notification(subject="s", text="t", marker="a marker with spaces"))
    mail = mailbox.mails[0]
    assert mail.get_content_type() == "text/plain"
    assert mail["References"] is None
    assert re.fullmatch(r"<[0-9a-f]{40}@acme\.example>", mail["Message-ID"])


async def test_a_hostile_subject_cannot_begin_another_header(
    mailbox: Mailbox, channel_to: MakeChannel, context: SendContext
) -> None:
    subject = "Globex\r\nBcc: everybody@acme.example\x00\u2028 leaves" + "!" * 500
    await send(channel_to(mailbox), context, message=MESSAGE.model_copy(update={"subject": subject}))
    mail = mailbox.mails[0]
    assert mail["Bcc"] is None
    assert mail["Subject"].startswith("Globex Bcc: everybody@acme.example leaves!!!")
    assert len(mail["Subject"]) == 200
    assert mailbox.envelopes[0].rcpt_tos == [ADDRESS]


async def test_letters_beyond_ascii_survive_in_subjects(
    mailbox: Mailbox, channel_to: MakeChannel, context: SendContext
) -> None:
    subject = "Ärger bei Müller – 東京 🚨"
    await send(channel_to(mailbox), context, message=MESSAGE.model_copy(update={"subject": subject}))
    assert mailbox.mails[0]["Subject"] == subject


@pytest.mark.parametrize("address", ["nobody", "a@b\r\nRCPT TO:<x@y.example>", "", "a@b c", "jürgen@acme.example"])
async def test_what_is_no_address_is_refused_without_telling_it(
    mailbox: Mailbox, channel_to: MakeChannel, context: SendContext, address: str
) -> None:
    with pytest.raises(RejectedError, match="not one that mail can be sent to"):
        await channel_to(mailbox).send(MESSAGE, address, context)
    assert mailbox.mails == []


@pytest.mark.parametrize(
    ("command", "answer", "error", "words"),
    [
        ("MAIL", "451 later", RetryableError, "refuses our sender address .* (451)"),
        ("MAIL", "550 no", RejectedError, "refuses our sender address"),
        ("MAIL", "530 Authentication required", CredentialsError, "wants a login"),
        ("RCPT", "450 greylisted ada@acme.example", RetryableError, "refuses the recipient's address (450)"),
        ("RCPT", "550 no such user ada@acme.example", RejectedError, "refuses the recipient's address (550)"),
        ("DATA", "452 full", RetryableError, "refuses the message (452)"),
        ("DATA", "554 spam", RejectedError, "refuses the message (554)"),
    ],
)
async def test_a_refusal_is_passing_or_final_as_the_server_says(
    mailbox: Mailbox, channel_to: MakeChannel, context: SendContext, command: str, answer: str, error: Any, words: str
) -> None:
    mailbox.says[command] = answer
    with pytest.raises(error) as caught:
        await send(channel_to(mailbox), context)
    assert type(caught.value) is error
    assert re.search(words.replace("(", r"\(").replace(")", r"\)"), str(caught.value))
    assert "ada@" not in str(caught.value)


async def test_a_break_after_the_message_went_out_leaves_the_outcome_unknown(
    mailbox: Mailbox, channel_to: MakeChannel, context: SendContext
) -> None:
    mailbox.drops_at = "DATA"
    with pytest.raises(UnknownOutcomeError, match="did not confirm the message"):
        await send(channel_to(mailbox), context)
    assert len(mailbox.mails) == 1


async def test_an_unknown_outcome_is_repeated(mailbox: Mailbox, channel_to: MakeChannel, context: SendContext) -> None:
    assert await channel_to(mailbox).look_up("cd-0", ADDRESS, context) is None


async def test_a_server_that_greets_with_421_is_asked_again_later(
    channel_to: MakeChannel, context: SendContext
) -> None:
    async with scripted(b"421 too busy\r\n") as port:
        with pytest.raises(RetryableError, match="421") as caught:
            await send(channel_to(at(port)), context)
    assert not isinstance(caught.value, UnknownOutcomeError)


async def test_a_server_that_says_nothing_is_asked_again_later(channel_to: MakeChannel, context: SendContext) -> None:
    async with scripted(b"") as port:
        with pytest.raises(RetryableError, match="cannot be reached") as caught:
            await send(channel_to(at(port), timeout=0.2), context)
    assert not isinstance(caught.value, UnknownOutcomeError)


async def test_a_server_that_hangs_up_in_its_greeting_is_asked_again_later(
    channel_to: MakeChannel, context: SendContext
) -> None:
    async with scripted(None) as port:
        with pytest.raises(RetryableError, match="cannot be reached") as caught:
            await send(channel_to(at(port)), context)
    assert not isinstance(caught.value, UnknownOutcomeError)


async def test_a_closed_port_is_asked_again_later(channel_to: MakeChannel, context: SendContext) -> None:
    async with scripted(b"") as port:
        pass
    with pytest.raises(RetryableError, match="cannot be reached"):
        await send(channel_to(at(port)), context)


async def test_a_server_that_never_answers_the_message_leaves_the_outcome_unknown(
    channel_to: MakeChannel, context: SendContext
) -> None:
    async with scripted(b"220 hi\r\n", silent_after_data=True) as port:
        with pytest.raises(UnknownOutcomeError, match="did not confirm the message"):
            await send(channel_to(at(port), timeout=0.5), context)


async def test_a_login_is_used(start_mailbox: Any, channel_to: MakeChannel, context: SendContext) -> None:
    box = await start_mailbox(login=True)
    await send(channel_to(box, username="desk", password="right"), context)
    assert len(box.mails) == 1


async def test_a_wrong_password_is_for_a_person_to_repair(
    start_mailbox: Any, channel_to: MakeChannel, context: SendContext
) -> None:
    box = await start_mailbox(login=True)
    with pytest.raises(CredentialsError, match="refuses our login") as caught:
        await send(channel_to(box, username="desk", password="wrong"), context)
    assert "wrong" not in str(caught.value)


async def test_a_login_that_the_server_does_not_know_is_for_a_person_to_repair(
    mailbox: Mailbox, channel_to: MakeChannel, context: SendContext
) -> None:
    with pytest.raises(CredentialsError, match="takes no login of a kind we know"):
        await send(channel_to(mailbox, username="desk", password="right"), context)


async def test_a_password_never_goes_over_a_network_in_clear(
    start_mailbox: Any, channel_to: MakeChannel, context: SendContext, monkeypatch: pytest.MonkeyPatch
) -> None:
    box = await start_mailbox(login=True)
    channel = channel_to(box, username="desk", password="right")
    monkeypatch.setattr(type(channel.settings), "on_this_machine", False)
    with pytest.raises(CredentialsError, match="offers no encryption"):
        await send(channel, context)
    assert box.logins == []


async def test_encryption_that_is_insisted_on_and_not_offered_stops_the_mail(
    mailbox: Mailbox, channel_to: MakeChannel, context: SendContext
) -> None:
    with pytest.raises(RejectedError, match="`starttls: yes` insists"):
        await send(channel_to(mailbox, starttls="yes"), context)
    assert mailbox.mails == []


async def test_a_certificate_that_nobody_vouched_for_stops_the_mail(
    start_mailbox: Any, channel_to: MakeChannel, context: SendContext, certificate: Path
) -> None:
    box = await start_mailbox(tls_context=server_context(certificate))
    with pytest.raises(RetryableError, match="certificate is not valid"):
        await send(channel_to(box, host="localhost"), context)
    assert box.mails == []


async def test_a_good_certificate_makes_the_conversation_private(
    start_mailbox: Any,
    channel_to: MakeChannel,
    context: SendContext,
    certificate: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    box = await start_mailbox(tls_context=server_context(certificate), require_starttls=True)
    await send(channel_to(box, host="localhost"), context)
    assert len(box.mails) == 1


def test_addresses_come_from_the_person_or_stand_behind_the_colon(channel_to: MakeChannel) -> None:
    channel = channel_to(at(25))
    ada = Person(key="ceo", name="Ada Park", email=ADDRESS)
    assert channel.address_of(ada, "") == ADDRESS
    assert channel.address_of(ada, "home@example.com") == "home@example.com"
    with pytest.raises(RejectedError, match=r"ceo has no `email` in cornerdesk\.yaml"):
        channel.address_of(Person(key="ceo", name="Ada Park"), "")


class at:
    """A place to send to."""

    def __init__(self, port: int) -> None:
        self.port = port


class scripted:
    """A server that greets with these bytes (None: hangs up), then answers everything with 250, or falls silent."""

    def __init__(self, greeting: bytes | None, *, silent_after_data: bool = False) -> None:
        self.greeting = greeting
        self.silent_after_data = silent_after_data
        self.talks: list[asyncio.Task[None]] = []

    async def __aenter__(self) -> int:
        self.server = await asyncio.start_server(self._talk, "127.0.0.1", 0)
        return int(self.server.sockets[0].getsockname()[1])

    async def __aexit__(self, *_: object) -> None:
        self.server.close()
        await asyncio.gather(*self.talks)

    async def _talk(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if (task := asyncio.current_task()) is not None:
            self.talks.append(task)
        if self.greeting:
            writer.write(self.greeting)
        if self.greeting is not None:
            while line := await reader.readline():
                if line.upper().startswith(b"DATA"):
                    writer.write(b"354 go\r\n")
                    await reader.read()
                    break
                writer.write(b"250 OK\r\n")
        writer.close()
        with suppress(OSError):
            await writer.wait_closed()


def server_context(certificate: Path) -> ssl.SSLContext:
    made = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    made.load_cert_chain(certificate)
    return made
