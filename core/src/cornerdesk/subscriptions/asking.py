"""What a vendor says of our credentials and of our subscriptions."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Awaitable
from dataclasses import dataclass
from typing import TypeVar

from cornerdesk.adapters.interface import Adapter, Capability
from cornerdesk.adapters.subscriptions import Subscription
from cornerdesk.errors import CornerdeskError, CredentialsError, UnsupportedError
from cornerdesk.subscriptions.findings import Finding, Trouble

T = TypeVar("T")

PATIENCE = 120.0
"""Seconds that one question may take, its repetitions included."""

_ENDS = re.compile(r"\bends on (\d{1,2} \w+ \d{4}|\d{4}-\d\d-\d\d)")


@dataclass(frozen=True)
class Said:
    """What the vendor said.

    Attributes:
        line: of our credentials, for people; None: they do not work, or nobody could be asked.
        subscriptions: every one there is; None: they could not be asked for.
        findings: what is wrong already.
        remarks: what nobody can tell.
    """

    line: str | None
    subscriptions: tuple[Subscription, ...] | None
    findings: tuple[Finding, ...] = ()
    remarks: tuple[str, ...] = ()


async def ask(adapter: Adapter) -> Said:
    """Ask for both. Raises nothing: what goes wrong is a finding."""
    findings: list[Finding] = []
    remarks: list[str] = []
    line = await _answer(adapter, adapter.check(), findings, remarks)
    if line is not None and (ends := _ENDS.search(line)):
        findings.append(_ending(adapter.source, line, ends[1]))
    if Capability.WEBHOOK_LISTING not in adapter.capabilities:
        remarks.append(f"{adapter.helpdesk} does not tell which subscriptions there are: only silence can be noticed")
        return Said(line, None, tuple(findings), tuple(remarks))
    # Who does not answer the one question is not asked the other: it would be the same finding twice.
    listed = None if findings and line is None else await _answer(adapter, adapter.list_webhooks(), findings, remarks)
    return Said(line, listed, tuple(findings), tuple(remarks))


async def _answer(adapter: Adapter, question: Awaitable[T], findings: list[Finding], remarks: list[str]) -> T | None:
    try:
        async with asyncio.timeout(PATIENCE):
            return await question
    except UnsupportedError as error:
        remarks.append(str(error))
    except CredentialsError as error:
        findings.append(_refused(adapter.source, str(error)))
    except TimeoutError:
        findings.append(_unreachable(adapter.source, f"{adapter.helpdesk} did not answer within {PATIENCE:g} s"))
    except CornerdeskError as error:
        findings.append(_unreachable(adapter.source, str(error)))
    except Exception as error:  # noqa: BLE001 - a plugin may raise anything, and the other sources are examined too
        findings.append(_unreachable(adapter.source, f"the adapter {adapter.helpdesk} broke: {type(error).__name__}"))
    return None


def _refused(source: str, reason: str) -> Finding:
    return Finding(
        source=source,
        what=Trouble.CREDENTIALS,
        detail=reason,
        to_do=f"renew the credentials of {source!r} in cornerdesk.yaml, and restart `cornerdesk serve`",
    )


def _unreachable(source: str, reason: str) -> Finding:
    return Finding(
        source=source,
        what=Trouble.UNREACHABLE,
        detail=reason,
        to_do="try again; if it stays so, look at the vendor's status page and at base_url",
    )


def _ending(source: str, line: str, date: str) -> Finding:
    return Finding(
        source=source,
        what=Trouble.CREDENTIALS_END,
        detail=line,
        to_do=f"change the credentials of {source!r} in cornerdesk.yaml before {date}",
    )
