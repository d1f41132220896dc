"""`python -m cornerdesk.testing.plaindesk.standin`: the stand-in as a process."""

from __future__ import annotations

from cornerdesk.testing.desk import main
from cornerdesk.testing.plaindesk.standin import PlainStandIn

if __name__ == "__main__":
    main(PlainStandIn)
