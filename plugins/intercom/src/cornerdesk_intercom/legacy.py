"""Conversations as API versions 1.x told them, made into today's shape. Pure.

An app that was made years ago and never moved to a newer version still gets these (fact sheet intercom.md 1.5): known
by the key `conversation_message`, with `user` and `assignee` in place of lists and ids.
"""

from __future__ import annotations

from typing import Any

from cornerdesk import JSON


def is_legacy(item: JSON) -> bool:
    return "conversation_message" in item


def modern(item: JSON) -> JSON:
    """The same conversation with today's keys; what both have stays as it is."""
    made = {key: value for key, value in item.items() if key not in ("conversation_message", "user", "assignee")}
    message, user, assignee = item["conversation_message"], item.get("user"), item.get("assignee")
    if isinstance(message, dict):
        made["source"] = message
    if isinstance(user, dict):
        made["contacts"] = [user]
        made["source"] = _with_author(made.get("source"), user)
    if isinstance(assignee, dict):
        kind, person = assignee.get("type"), assignee.get("id")
        made["admin_assignee_id"] = person if kind == "admin" else None
        made["team_assignee_id"] = person if kind == "team" else None
    return made


def _with_author(source: Any, user: JSON) -> Any:
    """Who wrote first is told by id alone, and who asks with name and address."""
    author = source.get("author") if isinstance(source, dict) else None
    if not isinstance(author, dict) or author.get("id") != user.get("id"):
        return source
    known = {key: user[key] for key in ("name", "email") if user.get(key)}
    return {**source, "author": {**known, **{key: value for key, value in author.items() if value is not None}}}
