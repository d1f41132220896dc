"""A help desk with as long a past as one likes, for benchmarks: every ticket is made from its number when asked for.

Runs a command of `cornerdesk` with this help desk among the plugins: `python benchmarks/endless_desk.py ARGUMENTS`,
with the number of tickets in ENDLESS_TICKETS. Ticket and message look like a vendor's: an answer of the API holds the
ticket, its people and all its messages, and is read into facts and a state as an adapter does it. Pages overlap by two
tickets. When the command ends, the most memory that it had is written to ENDLESS_MEMORY, in bytes.
"""

from __future__ import annotations

import json
import os
import resource
import sys
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, ClassVar

import cornerdesk.plugins
from cornerdesk import (
    Actor,
    Adapter,
    Capability,
    Delivery,
    Fact,
    HistoryPage,
    HistoryRecord,
    Message,
    Reading,
    RejectedError,
    Ticket,
    TicketState,
    hookimpl,
)

START = datetime(2020, 1, 1, tzinfo=UTC)
PAGE = 100
OVERLAP = 2
TEXTS = (
    "Hello, the export of our invoices has stopped at the third page since this morning. Could you have a look?",
    "Thank you for writing in. Which browser do you use, and since when does it happen?",
    "It is the same in two browsers. We need the figures by Friday, otherwise we will have to look elsewhere.",
    "We have found the reason and are about to release the correction. I am sorry for the trouble.",
    "Works again, thanks. By the way: do you support single sign-on?",
)


def messages_of(number: int) -> int:
    """How many messages a ticket has: from one to nine, four and a half on average."""
    return 1 + (number * 7919) % 9


def total_messages(tickets: int) -> int:
    """Of tickets 0 to `tickets` - 1: as many events come of them."""
    return sum(messages_of(number) for number in range(tickets))


class EndlessDesk(Adapter):
    """See the module."""

    helpdesk = "endless"
    capabilities: ClassVar[frozenset[Capability]] = frozenset({Capability.HISTORY, Capability.HYDRATION})
    tickets = int(os.environ.get("ENDLESS_TICKETS", "1000"))

    def verify(self, delivery: Delivery, now: datetime) -> None:
        raise RejectedError("it sends nothing")

    def delivery_key(self, delivery: Delivery) -> str:
        return ""

    def read(self, delivery: Delivery) -> Reading:
        raise RejectedError("it sends nothing")

    async def fetch_history(self, since: datetime | None, cursor: str | None) -> HistoryPage:
        start = int(cursor or 0)
        end = min(start + PAGE, self.tickets)
        records = tuple(_record(number) for number in range(max(start - OVERLAP, 0), end))
        return HistoryPage(records=records, cursor=str(end), end=end == self.tickets, total=self.tickets)

    def read_history(self, record: HistoryRecord) -> Reading:
        data = json.loads(record.body)
        people = {each["id"]: _person(each) for each in data["people"]}
        messages = [_message(each, people) for each in data["messages"]]
        as_of = _time(data["updated_at"])
        facts = [_fact(record.ticket_id, index, message, as_of) for index, message in enumerate(messages)]
        state = TicketState(
            ticket=_ticket(data, messages), as_of=as_of, first_message=messages[0], messages=messages, people=people
        )
        return Reading(facts=tuple(facts), states=(state,))


@hookimpl
def cornerdesk_adapters() -> list[type[Adapter]]:
    return [EndlessDesk]


def _record(number: int) -> HistoryRecord:
    opened = START + timedelta(minutes=5 * number)
    count = messages_of(number)
    customer, agent = f"c{number % 5003}", f"a{number % 17}"
    said = [
        {
            "id": f"{number}-{index}",
            "author": agent if index % 2 else customer,
            "text": f"{TEXTS[(number + index) % len(TEXTS)]} ({number}/{index})",
            "created_at": (opened + timedelta(hours=index)).isoformat(),
        }
        for index in range(count)
    ]
    data = {
        "id": number,
        "subject": f"Question {number}",
        "status": "closed" if number % 97 else "deleted",
        "tags": ["export", f"team-{number % 7}"],
        "requester": customer,
        "assignee": agent,
        "created_at": opened.isoformat(),
        "updated_at": said[-1]["created_at"],
        "custom_fields": {"product": f"P{number % 11}", "seats": number % 500, "region": "eu"},
        "people": [
            {"id": customer, "name": f"Customer {customer}", "email": f"{customer}@company{number % 997}.example"},
            {"id": agent, "name": f"Agent {agent}", "email": f"{agent}@desk.example"},
        ],
        "messages": said,
    }
    return HistoryRecord(
        key=f"ticket:{number}:{int(opened.timestamp())}",
        ticket_id=str(number),
        body=json.dumps(data).encode(),
        parts=count,
        parts_counted=count,
    )


def _time(text: str) -> datetime:
    return datetime.fromisoformat(text)


def _person(data: dict[str, Any]) -> Actor:
    kind = "agent" if data["id"].startswith("a") else "customer"
    return Actor.model_validate({"kind": kind, "id": data["id"], "name": data["name"], "email": data["email"]})


def _message(data: dict[str, Any], people: dict[str, Actor]) -> Message:
    author = people[data["author"]]
    direction = "inbound" if author.kind == "customer" else "outbound"
    told = {"id": data["id"], "direction": direction, "text": data["text"], "created_at": data["created_at"]}
    return Message.model_validate({**told, "author": author})


def _fact(ticket: str, index: int, message: Message, as_of: datetime) -> Fact:
    key = f"message:{message.id}" if index else f"created:{ticket}"
    told = {"keys": (key,), "ticket_id": ticket, "occurred_at": message.created_at, "as_of": as_of}
    kind = "message.added" if index else "ticket.created"
    return Fact.model_validate({**told, "kind": kind, "message": message, "actor": message.author})


def _ticket(data: dict[str, Any], messages: Sequence[Message]) -> Ticket:
    by = {each["id"]: each for each in data["people"]}
    return Ticket.model_validate(
        {
            "id": str(data["id"]),
            "number": str(data["id"]),
            "subject": data["subject"],
            "status": data["status"],
            "channel": "email",
            "tags": data["tags"],
            "customer": {**by[data["requester"]], "kind": "user"},
            "assignee": by[data["assignee"]],
            "created_at": data["created_at"],
            "updated_at": data["updated_at"],
            "message_count": len(messages),
            "fields": data["custom_fields"],
        }
    )


def main() -> None:
    """Run a command, and tell how much memory it took."""
    load, plugin = cornerdesk.plugins.load_plugins, sys.modules[__name__]
    cornerdesk.plugins.load_plugins = lambda **more: load(extra={"endless": plugin}, **more)
    from cornerdesk.cli.app import run

    code = run(sys.argv[1:])
    if "ENDLESS_MEMORY" in os.environ:
        unit = 1 if sys.platform == "darwin" else 1024
        Path(os.environ["ENDLESS_MEMORY"]).write_text(str(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit))
    sys.exit(code)


if __name__ == "__main__":
    main()
