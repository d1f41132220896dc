"""`python -m cornerdesk_helpscout.standin`: the stand-in as a process. Prints one line when it is ready."""

from __future__ import annotations

from cornerdesk.testing.desk import main

from cornerdesk_helpscout.standin import HelpScoutStandIn

if __name__ == "__main__":
    main(HelpScoutStandIn)
