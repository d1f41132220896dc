"""Signatures of deliveries: HMAC in constant time, several secrets at once, and a window against replay; and the bare
secret of vendors that sign nothing.

Pure. What exactly is signed, with which algorithm, in which encoding and under which header is each vendor's own and
stays in its adapter; nothing here may log or put into an error what was given or expected.
"""

from __future__ import annotations

import base64
import hmac
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Literal

from pydantic import SecretStr

from cornerdesk.errors import SignatureError

Algorithm = Literal["sha1", "sha256"]
Encoding = Literal["base64", "hex"]

REPLAY_WINDOW = timedelta(seconds=300)
"""How far a signed time may lie from now, either way: clocks drift, and a captured delivery must not work tomorrow."""


def sign(secret: SecretStr | str, *parts: bytes, algorithm: Algorithm = "sha256", encoding: Encoding = "base64") -> str:
    """The signature of `parts`, one after the other without separator. The secret counts as UTF-8, never decoded."""
    digest = hmac.digest(_text(secret).encode(), b"".join(parts), algorithm)
    return digest.hex() if encoding == "hex" else base64.b64encode(digest).decode()


def check_signature(
    given: str | None,
    secrets: Sequence[SecretStr | str],
    *parts: bytes,
    algorithm: Algorithm = "sha256",
    encoding: Encoding = "base64",
    prefix: str = "",
    header: str = "the signature header",
) -> None:
    """Compare a delivery's signature with what any of the secrets would have made.

    Args:
        given: the header's value as it came, or None when there was none.
        secrets: every secret valid now: one, or the old and the new while a secret is being rotated.
        parts: the signed bytes, exactly as received.
        prefix: what stands before the signature in the header, such as `sha1=`.
        header: the header's name, for the message.

    Raises:
        SignatureError: missing or not made with any of the secrets, or there is no secret to check with.
    """
    if not secrets:
        raise SignatureError("no webhook secret is configured, so nothing can be verified; set one for this source")
    if not given:
        raise SignatureError(f"{header} is missing; send deliveries from the vendor's webhook, which signs them")
    answer = given.strip().encode("utf-8", "replace")
    matches = [
        hmac.compare_digest((prefix + sign(secret, *parts, algorithm=algorithm, encoding=encoding)).encode(), answer)
        for secret in secrets
    ]  # every secret is tried, so that the time taken does not tell which one matched
    if not any(matches):
        raise SignatureError(
            f"{header} does not match the body; check this source's webhook secret,"
            " and that no proxy rewrites bodies on the way"
        )


def check_secret(given: str | None, secrets: Sequence[SecretStr | str], *, header: str = "the secret's header") -> None:
    """Compare the secret that a delivery carries as it is, for vendors that sign nothing. It proves who sends, and
    nothing of the body: such an adapter does not declare `SIGNED_WEBHOOKS`.

    Args:
        given: the header's value as it came, or None when there was none.
        secrets: every secret valid now: one, or the old and the new while a secret is being rotated.
        header: the header's name, for the message.

    Raises:
        SignatureError: missing or none of the secrets, or there is no secret to compare with.
    """
    if not secrets:
        raise SignatureError("no webhook secret is configured, so nothing can be verified; set one for this source")
    if not given:
        raise SignatureError(f"{header} is missing; have the vendor send this source's webhook secret in it")
    answer = given.strip().encode("utf-8", "replace")
    matches = [hmac.compare_digest(_text(secret).strip().encode(), answer) for secret in secrets]
    if not answer or not any(matches):
        raise SignatureError(f"{header} is not this source's webhook secret; compare the two")


def check_window(sent: datetime, now: datetime, window: timedelta = REPLAY_WINDOW) -> None:
    """Refuse a delivery whose signed time is too far from now.

    Args:
        sent: when the vendor sent it, from the signed header; aware.
        now: our clock; aware.

    Raises:
        SignatureError: too old, or from the future.
    """
    distance = abs(now - sent)
    if distance > window:
        side = "past" if sent < now else "future"
        raise SignatureError(
            f"the signed time lies {int(distance.total_seconds())} s in the {side}"
            f" ({int(window.total_seconds())} s are allowed); check this machine's clock"
        )


def _text(secret: SecretStr | str) -> str:
    return secret.get_secret_value() if isinstance(secret, SecretStr) else secret
