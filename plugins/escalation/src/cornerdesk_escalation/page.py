"""The page behind the link in a message. GET shows and changes nothing, since mail scanners follow links; POST answers.

Whoever has the link may answer: that is what it is for. It names one person, so the answer is theirs.
"""

from __future__ import annotations

import re
from typing import Any
from urllib.parse import parse_qs

from cornerdesk import WebContext, WebRoute
from starlette.requests import Request
from starlette.responses import Response

from cornerdesk_escalation import records
from cornerdesk_escalation.course import LONGEST_ANSWER, Scene, acknowledge
from cornerdesk_escalation.intents import clock
from cornerdesk_escalation.records import Escalation, State, Tell

LARGEST_FORM = 16_384
_TOKEN = re.compile(r"[A-Za-z0-9_-]{16,64}")
HEADERS = {
    "cache-control": "no-store",
    "referrer-policy": "no-referrer",
    "x-robots-tag": "noindex, nofollow",
    "x-content-type-options": "nosniff",
    "content-security-policy": (
        "default-src 'none'; style-src 'self'; img-src 'self' data:; form-action 'self'; base-uri 'none';"
        " frame-ancestors 'none'"
    ),
}
_QUESTION = """
<h1>{{ reason }}</h1>
<p>Ticket {{ facts.number }} ({{ facts.source }}){% if facts.subject %}: {{ facts.subject }}{% endif %}</p>
{% if late %}<p>Nobody has answered in time. It still helps if you do.</p>{% endif %}
<p>You are {{ who }}. Nothing has happened yet: press the button to say that you take care of it.</p>
<form method="post">
  <p><label for="answer">A word to the support team, if you like</label><br>
  <textarea id="answer" name="answer" rows="3" maxlength="{{ longest }}"></textarea></p>
  <p><button type="submit">I take care of it</button></p>
</form>
{% if facts.url %}<p><a href="{{ facts.url }}" rel="noreferrer">Open the ticket</a></p>{% endif %}
"""
_ANSWERED = """
<h1>{{ headline }}</h1>
<p>{{ reason }}</p>
<p>Ticket {{ facts.number }} ({{ facts.source }}){% if facts.subject %}: {{ facts.subject }}{% endif %}</p>
{% if at %}<p>{{ at }}</p>{% endif %}
{% if answer %}<blockquote>{{ answer }}</blockquote>{% endif %}
{% if facts.url %}<p><a href="{{ facts.url }}" rel="noreferrer">Open the ticket</a></p>{% endif %}
"""
_UNKNOWN = """
<h1>This link leads nowhere</h1>
<p>It may have been cut off on its way: copy the whole of it from the message. Nothing has been changed.</p>
"""


def ack_route() -> WebRoute:
    """Reachable without a login: the token is the key."""
    return WebRoute("/ack/{token}", ("GET", "POST"), _answer, public=True)


async def _answer(request: Request, context: WebContext) -> Response:
    if request.method == "POST":
        return await _post(request, context)
    async with context.reading() as tx:
        tell = await _find(tx, request)
        escalation = await records.load(tx, tell.escalation) if tell else None
    if tell is None or escalation is None:
        return _page(context, 404, _UNKNOWN)
    if escalation.state in (State.WAITING, State.EXHAUSTED):
        return _question(context, escalation, tell)
    return _answered(context, escalation)


async def _post(request: Request, context: WebContext) -> Response:
    words = await _form(request)
    async with context.transaction() as tx:
        tell = await _find(tx, request)
        if tell is None:
            return _page(context, 404, _UNKNOWN)
        scene = Scene(tx, context.now(), context.configuration)
        answer = await acknowledge(scene, tell.escalation, tell.person, words)
        escalation = answer.escalation
        if answer.intents:
            await context.plan(
                tx,
                answer.intents,
                rule=escalation.rule,
                action=None,
                source=escalation.source,
                ticket=escalation.ticket,
                event=escalation.event,
            )
    return _answered(context, escalation, thanks=answer.new)


async def _find(tx: Any, request: Request) -> Tell | None:
    token = request.path_params["token"]
    return await records.find_tell(tx, token) if _TOKEN.fullmatch(token) else None


async def _form(request: Request) -> str | None:
    """The field `answer` of a form; anything else, or too much of it, counts as no answer in words."""
    body = b""
    async for chunk in request.stream():
        body += chunk
        if len(body) > LARGEST_FORM:
            return None
    fields = parse_qs(body.decode("utf-8", "replace"), max_num_fields=20) if body else {}
    return fields.get("answer", [None])[0]


def _question(context: WebContext, escalation: Escalation, tell: Tell) -> Response:
    scene_name = _name(context, tell.person)
    late = escalation.state is State.EXHAUSTED
    return _page(context, 200, _QUESTION, escalation, who=scene_name, late=late, longest=LONGEST_ANSWER)


def _answered(context: WebContext, escalation: Escalation, *, thanks: bool = False) -> Response:
    who = _name(context, escalation.acknowledged_by or "")
    when = f"At {clock(escalation.closed_at)}." if escalation.closed_at else None
    if thanks:
        headline = f"Thank you, {who.partition(' (')[0]}. The support team can see that you take care of it."
    elif escalation.state is State.ACKNOWLEDGED:
        headline = f"Acknowledged by {who} already"
    else:
        headline = f"Nothing to do any more: this escalation was {escalation.state.value}"
    return _page(context, 200, _ANSWERED, escalation, headline=headline, at=when, answer=escalation.answer)


def _name(context: WebContext, key: str) -> str:
    person = context.configuration.people.get(key)
    return f"{person.name} ({key})" if person else key


def _page(
    context: WebContext, status: int, template: str, escalation: Escalation | None = None, **values: Any
) -> Response:
    if escalation is not None:
        values |= {"facts": escalation.facts, "reason": escalation.reason}
    response = context.render(template, title="Escalation", **values)
    response.status_code = status
    response.headers.update(HEADERS)
    return response
