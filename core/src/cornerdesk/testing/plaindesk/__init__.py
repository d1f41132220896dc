"""Plaindesk, a help desk that nobody sells: the smallest complete adapter, with its stand-in, to copy from.

It is no plugin by default: nothing names it as an entry point. The conformance kit proves itself on it.

    adapter.py     what `cornerdesk.Adapter` asks for, put together from the modules below
    client.py      the API, call by call
    schemas.py     the vendor's JSON
    mapping.py     the vendor's words and objects in the model's
    events.py      what happened, as facts
    webhooks.py    deliveries: signature, name, facts
    settings.py    what a source has in cornerdesk.yaml
    testing.py     what tests need: settings, signed deliveries
    standin/       the vendor in memory: `python -m cornerdesk.testing.plaindesk.standin`

Plaindesk tells everything: each webhook holds the whole ticket, what changed from what, and who did it; a ticket read
through the API comes with its messages and everything that ever happened to it. Where your vendor is poorer, look at
how the adapter of Zendesk does it.
"""

from __future__ import annotations

from collections.abc import Sequence

from cornerdesk import Adapter, hookimpl
from cornerdesk.testing.plaindesk.adapter import PlainAdapter

__all__ = ["PlainAdapter"]


@hookimpl
def cornerdesk_adapters() -> Sequence[type[Adapter]]:
    return (PlainAdapter,)
