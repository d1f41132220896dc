"""Reads rules and tests out of a YAML document, with every problem at its place. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, StrictBool, StringConstraints

from cornerdesk.documents import DataPath, Document, validate
from cornerdesk.durations import Duration
from cornerdesk.model import EventKind
from cornerdesk.nearest import nearest
from cornerdesk.rules.book import version_of
from cornerdesk.rules.condition_lists import read_conditions
from cornerdesk.rules.conditions import Condition, Group
from cornerdesk.rules.paths import one_of
from cornerdesk.rules.reader import Reader
from cornerdesk.rules.rule import Once, Rule, RuleTest
from cornerdesk.rules.steps import read_steps

_PARTS = ("rules", "tests")
_ALWAYS = "true"


def _spelled_out(value: Any) -> Any:
    """`once: ticket` is `once: {per: ticket}`."""
    return {"per": value} if isinstance(value, str) else value


class RuleForm(BaseModel):
    """The keys of a rule. `if` and `then` are read on their own, for they name what only the catalogue knows."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    rule: Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9-]*$", max_length=80)] = Field(
        description="the rule's name: small letters, digits and dashes"
    )
    about: str | None = Field(None, description="what it is for, in a sentence")
    when: Any = Field(description="the kind of event, or a list of kinds")
    conditions: Any = Field(None, alias="if", description="what must hold: a list of conditions, all:, any:, not:")
    then: Any = Field(description="the actions")
    once: Annotated[Once, BeforeValidator(_spelled_out)] | None = Field(
        None, description="how often it may act: `ticket`, or {per: ticket, every: 24h}"
    )
    after: Duration | None = Field(None, description="ask again after this long, and act then if it still holds")
    echoes: StrictBool = Field(False, description="also see what Cornerdesk itself did")
    late: StrictBool = Field(False, description="also see late events and history")
    enabled: StrictBool = Field(True, description="false: the rule is kept but does nothing")


def read_document(reader: Reader, document: Document) -> tuple[list[Rule], list[RuleTest]]:
    """The rules and tests of a document; what is wrong becomes problems, and what has no sense is left out."""
    if not isinstance(document.data, Mapping):
        reader.report(document, (), "this file has no `rules:`", "`rules:` with a list of rules below it")
        return [], []
    for key in document.data:
        if key not in _PARTS:
            guess = nearest(key, _PARTS)
            reader.report(
                document, (key,), f"`{key}` has no meaning here", None if guess else one_of(_PARTS), guess, key=True
            )
    rules = [_rule(reader, document, path, item) for path, item in _items(reader, document, "rules")]
    tests = [_test(reader, document, path, item) for path, item in _items(reader, document, "tests")]
    return [rule for rule in rules if rule], [test for test in tests if test]


def _items(reader: Reader, document: Document, part: str) -> list[tuple[DataPath, Mapping[str, Any]]]:
    data = document.data.get(part)
    if data is None:
        return []
    if not isinstance(data, list):
        reader.report(document, (part,), f"`{part}` is a list", "a `- ` before each")
        return []
    found: list[tuple[DataPath, Mapping[str, Any]]] = []
    for index, item in enumerate(data):
        if isinstance(item, Mapping):
            found.append(((part, index), item))
        else:
            word = part.removesuffix("s")
            reader.report(
                document, (part, index), f"this is no {word}", f"`- {'rule' if part == 'rules' else 'name'}: ...`"
            )
    return found


# ── one rule ────────────────────────────────────────────────────────────────────────────────────────────────────────


def _rule(reader: Reader, document: Document, path: DataPath, data: Mapping[str, Any]) -> Rule | None:
    form, problems = validate(document, RuleForm, dict(data), path)
    reader.problems += problems
    _check_name(reader, document, path, data.get("rule"))
    when = _kinds(reader, document, (*path, "when"), data.get("when")) if "when" in data else frozenset()
    condition: Condition | Group | None = None
    if "if" in data:
        condition = read_conditions(reader, document, (*path, "if"), data["if"])
    steps = read_steps(reader, document, (*path, "then"), data["then"]) if "then" in data else None
    program = reader.program(condition.code if condition else _ALWAYS)
    if form is None or steps is None or program is None or not when or ("if" in data and condition is None):
        return None
    return Rule(
        name=form.rule,
        version=version_of(data),
        file=document.file,
        line=document.position(path)[0],
        when=when,
        condition=condition,
        program=program,
        steps=steps,
        about=form.about,
        once=form.once,
        after=form.after,
        echoes=form.echoes,
        late=form.late,
        enabled=form.enabled,
    )


def _check_name(reader: Reader, document: Document, path: DataPath, name: Any) -> None:
    if not isinstance(name, str):
        return
    here = f"{document.file}:{document.position((*path, 'rule'))[0]}"
    first = reader.places.setdefault(name, here)
    if first != here:
        reader.report(document, (*path, "rule"), f"another rule is called `{name}`, in {first}", "a name of its own")


def _kinds(reader: Reader, document: Document, path: DataPath, data: Any) -> frozenset[EventKind]:
    found = set()
    known = [kind.value for kind in EventKind]
    many = isinstance(data, list)
    if not data:
        reader.report(document, path, "`when` names no kind of event", one_of(known), key=True)
    for index, name in enumerate(data if many else [data] if data else []):
        here = (*path, index) if many else path
        if isinstance(name, str) and name in known:
            found.add(EventKind(name))
            continue
        guess = nearest(name, known) if isinstance(name, str) else None
        reader.report(document, here, f"there is no event `{name}`", None if guess else one_of(known), guess)
    return frozenset(found)


# ── one test ────────────────────────────────────────────────────────────────────────────────────────────────────────


def _test(reader: Reader, document: Document, path: DataPath, data: Mapping[str, Any]) -> RuleTest | None:
    """Only the shape: what is in `given` and `expect` is the business of whoever runs it."""
    before = len(reader.problems)
    for key, kind, word in (("name", str, "text"), ("given", Mapping, "a mapping"), ("expect", list, "a list")):
        if key not in data:
            reader.report(document, path, f"the test has no `{key}`", f"`{key}:` with {word}")
        elif not isinstance(data[key], kind):
            reader.report(document, (*path, key), f"`{key}` is {word}", f"`{key}:` with {word}")
    if len(reader.problems) > before:
        return None
    return RuleTest(document.file, document.position(path)[0], data["name"], data)
