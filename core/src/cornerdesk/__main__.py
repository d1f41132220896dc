"""`python -m cornerdesk` is `cornerdesk`."""

from cornerdesk.cli import main

main()
