"""Stand-ins of help desks: what all vendors' share. Each plugin has one of its vendor, built on this.

A stand-in is one account of the vendor's, in memory: its API, as far as the adapter uses it, and its webhooks, signed,
sent at the same time and tried again as the vendor does. It is for demos, for tests, and for the conformance kit.

In a test, within one process:

    standin = ZendeskStandIn(receiver="http://127.0.0.1:8484/webhooks/support", secret="...")
    async with standin.serving() as url:                      # the API's address
        ticket = standin.open_ticket("Export broken", "We will cancel.", requester="bo@example.com")
        standin.faults.append(Fault.too_many(wait="3"))       # the next request
        await standin.settled()                               # every delivery was taken or given up

As a process: `python -m cornerdesk_zendesk.standin --port P --receiver URL --secret S`, driven by JSON under
`/_standin/` (`control`).

To write one, read `StandIn` (standin.py) and copy `cornerdesk.testing.plaindesk`.

    standin.py    the base class: what people do there, and what came of it
    sending.py    webhooks: when they are tried again, what became of them
    api.py        requests counted, limited and let in; lists page by page
    faults.py     what goes wrong on demand; failing.py does it
    look.py       how a ticket stands, in the model's words
    tokens.py     OAuth tokens that expire, are revoked, and rotate
    rates.py      limits and the headers that tell of them
    control.py    JSON for other processes
    serving.py    as a server, as a process
"""

from cornerdesk.testing.desk.api import Api, Endpoint, Page, Write, page_of
from cornerdesk.testing.desk.control import control_route
from cornerdesk.testing.desk.faults import Fault
from cornerdesk.testing.desk.look import Line, Look
from cornerdesk.testing.desk.rates import RateHeaders, RateLimit
from cornerdesk.testing.desk.refusals import RefusedError
from cornerdesk.testing.desk.sending import Packed, RetryRules, Sender, Sent
from cornerdesk.testing.desk.serving import main, serving
from cornerdesk.testing.desk.standin import Options, StandIn
from cornerdesk.testing.desk.tokens import Tokens, bearer

__all__ = [
    "Api",
    "Endpoint",
    "Fault",
    "Line",
    "Look",
    "Options",
    "Packed",
    "Page",
    "RateHeaders",
    "RateLimit",
    "RefusedError",
    "RetryRules",
    "Sender",
    "Sent",
    "StandIn",
    "Tokens",
    "Write",
    "bearer",
    "control_route",
    "main",
    "page_of",
    "serving",
]
