"""Who works on a source's history: one process at a time, of all on all machines.

A holder that still lives on this machine is seen by its process id, so that what was killed can be taken over at once;
of one elsewhere only its lease tells, which ends when nobody renews it.
"""

from __future__ import annotations

import os
import secrets
import socket
from datetime import datetime, timedelta
from pathlib import Path

LEASE = timedelta(seconds=30)
RENEWED_EVERY = 10.0
"""Seconds."""


def new_holder() -> str:
    """A name for this process and this run of it: machine, process id, and a number drawn at random."""
    return f"{_machine()}:{os.getpid()}:{secrets.token_hex(4)}"


def is_held(holder: str | None, lease_until: datetime | None, now: datetime) -> bool:
    """Whether somebody who may still live holds it."""
    if holder is None or lease_until is None or lease_until <= now:
        return False
    machine, process, _ = holder.rsplit(":", 2)
    return machine != _machine() or int(process) == os.getpid() or _lives(int(process))


def describe_holder(holder: str, lease_until: datetime, now: datetime) -> str:
    """Who it is and when to try again, for people."""
    machine, process, _ = holder.rsplit(":", 2)
    seconds = max(1, round((lease_until - now).total_seconds()))
    return f"process {process} on {machine.partition('/')[0]}; if that one is dead, try again in {seconds} s"


def _machine() -> str:
    """The host's name, and on Linux its space of process ids: containers share names more often than those."""
    try:
        space = Path("/proc/self/ns/pid").readlink().name
    except OSError:
        space = ""
    return f"{socket.gethostname()}/{space.strip('pid:[]')}".replace(":", "_")


def _lives(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except OSError:
        return True
    return True
