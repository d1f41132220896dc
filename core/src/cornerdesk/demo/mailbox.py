"""A real SMTP server on loopback that keeps what it is sent, so that the demo can show and answer it."""

from __future__ import annotations

import email
import email.policy
import queue
import re
from dataclasses import dataclass
from email.message import EmailMessage
from typing import Any

from aiosmtpd.controller import Controller


@dataclass(frozen=True)
class Mail:
    """One message as it arrived."""

    to: str
    subject: str
    text: str

    @property
    def links(self) -> list[str]:
        """The web addresses in its text."""
        return re.findall(r"https?://[^\s<>]+", self.text)


class Mailbox:
    """The sink: `arrived` gives each message in turn."""

    def __init__(self, port: int) -> None:
        self.arrived: queue.SimpleQueue[Mail] = queue.SimpleQueue()
        self._controller = Controller(self, hostname="127.0.0.1", port=port)

    def start(self) -> None:
        self._controller.start()

    def stop(self) -> None:
        self._controller.stop()

    async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:
        message = email.message_from_bytes(envelope.content, policy=email.policy.default)
        assert isinstance(message, EmailMessage)
        body = message.get_body(preferencelist=("plain",))
        text = body.get_content() if body else ""
        self.arrived.put(Mail(envelope.rcpt_tos[0], str(message["Subject"]), text))
        return "250 kept"
