"""A notification as a mail. Pure but for the clock it is given."""

from __future__ import annotations

import hashlib
import re
from datetime import datetime
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime, parseaddr

from cornerdesk import RejectedError
from cornerdesk_escalation import Notification

from cornerdesk_email.settings import EmailSettings

_ID = re.compile(r"[A-Za-z0-9.-]{1,100}")
_LONGEST_SUBJECT = 200


def write_mail(notification: Notification, address: str, settings: EmailSettings, now: datetime) -> EmailMessage:
    """The mail: plain text, and HTML beside it where there is some.

    Message-ID is made of the marker, so that one sent twice is one message for mailboxes that look. Auto-Submitted
    (RFC 3834) and X-Auto-Response-Suppress keep out-of-office answers from coming back.

    Raises:
        RejectedError: the address is none.
    """
    mail = EmailMessage(policy=SMTP)
    mail["From"] = _address(*parseaddr(settings.sender))
    mail["To"] = _address("", address)
    mail["Subject"] = one_line(notification.subject)
    mail["Date"] = format_datetime(now)
    mail["Message-ID"] = message_id(notification.marker, settings)
    if notification.thread:
        root = message_id(f"thread.{notification.thread}", settings)
        mail["In-Reply-To"] = root
        mail["References"] = root
    mail["Auto-Submitted"] = "auto-generated"
    mail["X-Auto-Response-Suppress"] = "All"
    mail.set_content(notification.text, cte="quoted-printable")
    if notification.html:
        mail.add_alternative(notification.html, subtype="html", cte="quoted-printable")
    return mail


def message_id(name: str, settings: EmailSettings) -> str:
    """`<name@domain>`, the same for the same name; what does not fit in an id is hashed."""
    local = name if _ID.fullmatch(name) else hashlib.sha256(name.encode()).hexdigest()[:40]
    return f"<{local}@{settings.domain}>"


def one_line(text: str) -> str:
    """Text that cannot end a header and begin another."""
    return " ".join("".join(c if c.isprintable() else " " for c in text).split())[:_LONGEST_SUBJECT]


def _address(name: str, address: str) -> Address:
    try:
        return Address(one_line(name), addr_spec=address)
    except (ValueError, IndexError):
        raise RejectedError("the address is not one that mail can be sent to") from None
