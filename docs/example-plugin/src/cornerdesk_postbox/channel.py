"""The channel `journal`: people who would rather read a file. `notify: [journal]`."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import ClassVar

from cornerdesk import Person, Receipt, RetryableError, SendContext
from cornerdesk_escalation import Channel, Notification


class JournalChannel(Channel):
    """Appends a line of JSON for every message."""

    name: ClassVar[str] = "journal"
    repeatable: ClassVar[bool] = True  # a line that stands there twice has one marker, and harms nobody

    def __init__(self, file: Path) -> None:
        self._file = file

    def address_of(self, person: Person, detail: str) -> str:
        """The person's name in the journal: what stands behind the colon, or the name in cornerdesk.yaml."""
        return detail or person.key

    async def send(self, notification: Notification, address: str, context: SendContext) -> Receipt:
        """Write the line."""
        line = {"to": address, "subject": notification.subject, "text": notification.text, "link": notification.link}
        try:
            await asyncio.to_thread(self._append, json.dumps({**line, "marker": notification.marker}))
        except OSError as error:
            raise RetryableError(f"the journal cannot be written: {error.strerror}") from None
        return Receipt(id=notification.marker)

    def _append(self, line: str) -> None:
        with self._file.open("a", encoding="utf-8") as file:
            file.write(line + "\n")
