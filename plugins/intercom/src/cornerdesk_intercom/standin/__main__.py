"""`python -m cornerdesk_intercom.standin`: the stand-in as a process."""

from __future__ import annotations

from cornerdesk.testing.desk import main

from cornerdesk_intercom.standin import IntercomStandIn

if __name__ == "__main__":
    main(IntercomStandIn)
