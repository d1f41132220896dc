"""The conformance kit: standard tests that prove an adapter right. Subclass them; pytest collects what you subclass.

    standard.py       what you give: adapter, deliveries, stand-in; and that no standard test is quietly replaced
    samples.py        deliveries, and what they mean
    webhooks.py       which deliveries are the vendor's, and which are the same one again
    mapping.py        what deliveries tell
    hydration.py      the ticket as it stands now
    history.py        the past, page by page
    writing.py        what we do there
    credentials.py    how we sign in
    faults.py         what goes wrong on the way
    subscriptions.py  webhooks made, compared, mended
    whole.py          everything together, through the whole intake
    bench.py          the stand-in, watched; a server that nobody should talk to
    company.py        somebody who listens to it, with an intake and a database
    arbitrary.py      arbitrary JSON

A capability that is declared is tested, and one that is not has to be refused. Each test's docstring ends with what to
look at when it fails. How to use it: docs/adapters.md.
"""

import pytest

_ROOMS = ("webhooks", "mapping", "hydration", "history", "writing", "credentials", "faults", "subscriptions", "whole")
pytest.register_assert_rewrite(*(f"{__name__}.{room}" for room in _ROOMS))  # a failing test shows what it compared
