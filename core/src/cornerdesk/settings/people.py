"""The section `people`: who can be escalated to."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any
from zoneinfo import ZoneInfo, available_timezones

from cornerdesk.configuration import Person
from cornerdesk.documents import DataPath, Document, validate
from cornerdesk.errors import Problem
from cornerdesk.nearest import nearest
from cornerdesk.settings.names import name_problem

_EMAIL = re.compile(r"[^@\s<>,;:\"()\[\]]+@[\w-]+(?:\.[\w-]+)*\Z")
_CHANNEL = re.compile(r"[a-z][a-z0-9_-]*(?::\S.*)?\Z")
_LONGEST_EMAIL = 254


def read_people(document: Document, section: Any) -> tuple[dict[str, Person], list[Problem]]:
    """People by name, and what is wrong with them."""
    people: dict[str, Person] = {}
    problems: list[Problem] = []
    for name, data in section.items() if isinstance(section, dict) else ():
        problems += name_problem(document, "people", name)
        if not isinstance(data, dict):
            continue  # told already by the file's own model
        person, found = validate(document, Person, data, ("people", name))
        problems += found
        misspelt = any(problem.nearest == "email" for problem in found)
        problems += _problems(document, name, data)
        problems += () if misspelt else _unreachable(document, name, data)
        if person is not None:
            people[name] = person.model_copy(update={"key": name})
    return people, problems


def _problems(document: Document, name: str, data: dict[str, Any]) -> Iterator[Problem]:
    at = ("people", name)
    if "key" in data:
        yield document.problem((*at, "key"), 'there is no key "key" here', "the name above it is the key", key=True)
    email, zone = data.get("email"), data.get("time_zone")
    if isinstance(email, str) and (*at, "email") not in document.unresolved and not _is_email(email):
        yield document.problem((*at, "email"), '"email" is no e-mail address', "an address such as ada@example.com")
    if isinstance(zone, str) and (*at, "time_zone") not in document.unresolved and not _is_zone(zone):
        guess = None if (*at, "time_zone") in document.written else nearest_zone(zone)
        yield document.problem(
            (*at, "time_zone"), '"time_zone" names no time zone', "an IANA name such as Europe/Berlin", guess
        )
    yield from _channel_problems(document, at, data)


def _channel_problems(document: Document, at: DataPath, data: dict[str, Any]) -> Iterator[Problem]:
    channels = data.get("notify", ["email"])
    if not isinstance(channels, list):
        return
    for index, channel in enumerate(channels):
        path: DataPath = (*at, "notify", index)
        if isinstance(channel, str) and path not in document.unresolved and not _CHANNEL.match(channel):
            yield document.problem(path, f'item {index + 1} of "notify" names no channel', "email, slack:U123 or alike")


def _unreachable(document: Document, name: str, data: dict[str, Any]) -> Iterator[Problem]:
    channels = data.get("notify", ["email"])
    if isinstance(channels, list) and "email" in channels and data.get("email") is None:
        expected = '"email", or other channels under "notify"'
        message = f'"{name}" is told by e-mail and has no address'
        yield document.problem(("people", name), message, expected, key=True)


def _is_email(text: str) -> bool:
    return len(text) <= _LONGEST_EMAIL and _EMAIL.match(text) is not None


def _is_zone(name: str) -> bool:
    """Only names of the list: `ZoneInfo` alone would also take a path, and on some systems any capitals."""
    try:
        return name in available_timezones() and ZoneInfo(name) is not None
    except (OSError, ValueError):
        return False


def nearest_zone(name: str) -> str | None:
    """The time zone that was meant: nearest as a whole, else the city alone."""
    zones = available_timezones()
    lower = {zone.lower(): zone for zone in sorted(zones)}
    key = name.strip().replace(" ", "_").lower()
    cities = {zone.rsplit("/", 1)[-1]: zone for zone in lower}
    for known in (lower, {city: lower[zone] for city, zone in cities.items()}):
        if guess := nearest(key, known):
            return known[guess]
    return None
