"""What people get wrong in rule files, each with the place it is told at and the words it is told with.

`»` stands in each file before the character that the error must point at, and is taken out before the file is read.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from cornerdesk.adapters.interface import Adapter, Capability
from cornerdesk.errors import ConfigurationError, Problem
from cornerdesk.rules import Catalogue, RuleBook, load_rules, load_rules_from_texts

Book = Callable[[str], RuleBook]
MARK = "»"

RULE = """\
rules:
  - rule: one
    when: ticket.created
    if:
      - {0}
    then:
      - tag: x
"""


def problems_of(text: str, read: Book) -> list[Problem]:
    with pytest.raises(ConfigurationError) as caught:
        read(text.replace(MARK, ""))
    return list(caught.value.problems)


def marked(text: str) -> tuple[int, int]:
    before = text[: text.index(MARK)].split("\n")
    return len(before), len(before[-1]) + 1


CONDITIONS = [
    # fields
    ('account.»teir == "canary"', "no field `teir`", "tier"),
    ('»acount.tier == "canary"', "there is no `acount`", "account"),
    ('»status == "open"', "there is no `status` by itself", "ticket.status"),
    ("account.tier == »canary", "there is no `canary`", "in quotes"),
    ('event.ticket.»sttus == "open"', "no field `sttus`", "status"),
    ('ticket.»text == "x"', "no field `text`", "message.text"),
    ('changes.»statsu.after == "open"', "no field `statsu`", "status"),
    ('changes.status.»aftr == "open"', "no field `aftr`", "after"),
    ('message.author.»knd == "agent"', "no field `knd`", "kind"),
    ('message.attachments.exists(a, a.»nam == "x")', "no field `nam`", "name"),
    ('ticket["»stat"] == "x"'.replace('"»stat"', '»"status_labels"'), "no field `status_labels`", "status_label"),
    ('ticket.subject.»foo == "x"', "is text and has no fields", ""),
    ('ticket.tags.»vip == "x"', "is a list", "in ticket.tags"),
    # signals and features
    ("signals.»churn_risc", "no signal `churn_risc`", "churn_risk"),
    ("signals.»sso", "no signal `sso`", "feature.sso"),
    ("signals.feature.»ssso", "no feature `ssso`", "sso"),
    ("signals.feature.»dark-mode", "no feature `dark`", 'signals.feature["dark-mode"]'),
    ("»signals.feature", "is an object", "signals.feature.sso"),
    # values that do not exist
    ('ticket.status == »"opne"', '"opne" is none of its values', "open"),
    ('ticket.status in ["open", »"sloved"]', '"sloved" is none of its values', "solved"),
    ('event.kind == »"message.aded"', "none of its values", "message.added"),
    ('event.source == »"suport"', "none of its values", "support"),
    ('account.status != »"churned"', "none of its values", "one of prospect, trial, active"),
    ('changes.status.after == »"sovled"', "none of its values", "solved"),
    ('»ticket.priority > "normal"', "has no order", 'ticket.priority in ["high", "urgent"]'),
    # kinds that do not go together
    ('ticket.message_count == »"3"', "a whole number", "without quotes"),
    ('signals.churn_risk == »"yes"', "true or false", "without quotes"),
    ("account.tier == »3", "is text", "without quotes"),
    ('now - ticket.created_at > »"4h"', "a length of time", 'duration("4h")'),
    ('ticket.created_at > »"2026-01-31"', "is a time", "timestamp("),
    ('»account == "Acme"', "is an object", "account.id"),
    ('"vip" in »ticket.subject', "is text and no list", 'ticket.subject.contains("vip")'),
    ('»ticket.tags.contains("vip")', "is a list", '"vip" in ticket.tags'),
    ("»3 in ticket.tags", "a list of text", ""),
    ('»ticket.subject + 3 == "x"', "does not go with", "string(...)"),
    ("»account.tier", "is text and not true or false", "account.tier =="),
    ("signals.churn_risk && »ticket.message_count", "a whole number and not true or false", "!= null"),
    ("ticket.subject == 'x' && !»ticket.subject", "is text and not true or false", ""),
    ("»account.tier < null", "null cannot be compared with `<`", "`== null`"),
    ("»size(ticket.tags) == null", "only a field", "account.revenue"),
    # functions
    ('message.text.»contians("x")', "no function `contians`", "contains"),
    ('message.text.»lower() == "x"', "no function `lower`", "lowerAscii"),
    ('»contains(message.text, "x")', "not written like this", "message.text.contains("),
    ("»now() > ticket.created_at", "is a value and no function", "`now`"),
    ('message.text.matches(»"(")', "unclosed group", "RE2"),
    ("message.text.matches(»ticket.subject)", "written out", ""),
    ('now - ticket.created_at > duration(»"4 hours")', "is not a length of time", ""),
    ('ticket.created_at > timestamp(»"yesterday")', "is not a time", ""),
    ('now.getHours(»"Berlin") > 9', "no time zone", "Europe/Berlin"),
    ("ticket.tags.»exists(x)", "not written like this", "ticket.tags.exists("),
    ("ticket.tags.exists(»ticket, true)", "cannot name the item", "another name"),
    ("»has(account.tier, 1)", "`has` takes one field", ""),
    # what is no CEL
    ("account.tier »= 3", "`=` compares nothing", "`==`"),
    ("signals.churn_risk »and true", "no word `and`", "&&"),
    ("»not signals.churn_risk", "no word `not`", "!signals.churn_risk"),
    ("account.tier »is null", "no word `is`", "=="),
    ("signals.churn_risk »& true", "a single `&`", "&&"),
    ('account.tier »<> "x"', "no `<>`", "!="),
    ('account.tier == »"x', "never closed", "a closing quote"),
    ("account.tier == »“x”", "typographic quote", "straight quotes"),
    ("»(signals.churn_risk", "never closed", "closing bracket"),
    ("signals.churn_risk»)", "closes nothing", ""),
    ("account.tier ==»", "ends too early", "a value"),
    (r"account.tier == '»\q'", r"no escape \q", "raw text"),
    ("account.tier == »for", "reserved word", ""),
]


@pytest.mark.parametrize(("text", "message", "hint"), CONDITIONS)
def test_a_mistake_in_a_plain_condition_is_told_at_its_place(text: str, message: str, hint: str, book: Book) -> None:
    # Written as a literal block, in which every character stands for itself.
    file = RULE.format("|\n        " + text)

    found = problems_of(file, book)

    assert len(found) == 1, found
    assert (found[0].line, found[0].column) == marked(file)
    assert message in found[0].message
    assert hint in f"{found[0].expected} {found[0].nearest}"


@pytest.mark.parametrize(
    "written",
    [
        'account.»teir == "canary"',
        "'account.»teir == ''canary'''",
        '"account.»teir == \\"canary\\""',
        "\"\\u0061ccount.»teir == 'canary'\"",
        'account.tier == "canary"\n        && account.»teir == "x"',
        "\"account.tier == 'canary'\n        && \\\n        account.»teir == 'x'\"",
        '|\n        account.tier == "canary"\n          && account.»teir == "x"\n',
        '>-\n        account.tier == "canary"\n        && account.»teir == "x"',
        '>-\n        account.tier == "canary"\n\n        && account.»teir == "x"',
        '!!str account.»teir == "canary"',
    ],
)
def test_however_the_condition_is_written_in_yaml_the_place_is_exact(written: str, book: Book) -> None:
    file = RULE.format(written)

    found = problems_of(file, book)

    assert [(p.line, p.column, p.nearest) for p in found] == [(*marked(file), "tier")]
    assert found[0].source is not None
    assert found[0].source[marked(file)[1] - 1 :].startswith("teir")


FILES = [
    ("rules:\n  - »rul: one\n    rule: one\n    when: ticket.created\n    then: [{tag: x}]", "rul", "rule"),
    ("»rulez: []", "`rulez` has no meaning", "rules"),
    ("rules: »5", "`rules` is a list", ""),
    ("»- rule: one", "no `rules:`", ""),
    ("rules:\n  - »one", "this is no rule", ""),
    ("rules:\n  - »about: x\n    when: ticket.created\n    then: [{tag: x}]", '"rule" is missing', ""),
    ("rules:\n  - »rule: one\n    then: [{tag: x}]", '"when" is missing', ""),
    ("rules:\n  - »rule: one\n    when: ticket.created", '"then" is missing', ""),
    ("rules:\n  - rule: »One Two\n    when: ticket.created\n    then: [{tag: x}]", '"rule"', "small letters"),
    ("rules:\n  - rule: one\n    when: »ticket.crated\n    then: [{tag: x}]", "no event", "ticket.created"),
    ("rules:\n  - rule: one\n    when: [»ticket.solved]\n    then: [{tag: x}]", "no event", ""),
    ("rules:\n  - rule: one\n    »when: []\n    then: [{tag: x}]", "no kind of event", ""),
    ("rules:\n  - rule: one\n    when: ticket.created\n    »then: []", "a list of actions", ""),
    ("rules:\n  - rule: one\n    when: ticket.created\n    »then: {tag: x}", "a list of actions", ""),
    ("rules:\n  - rule: one\n    when: ticket.created\n    then: [{»esclate: {to: ceo}}]", "no action", "escalate"),
    ("rules:\n  - rule: one\n    when: ticket.created\n    then: [»ntoe]", "no action", "note"),
    ("rules:\n  - rule: one\n    when: ticket.created\n    then: [{»timer: {}}]", "no action", "one of"),
    ("rules:\n  - rule: one\n    when: ticket.created\n    then: [{tag: x, »vote: sso}]", "in one item", "`- `"),
    ("rules:\n  - rule: one\n    when: ticket.created\n    then: [{escalate: {to: »cio}}]", "no person", "ceo"),
    (
        "rules:\n  - rule: one\n    when: ticket.created\n    then: [{escalate: {to: [ceo, »xyz]}}]",
        "no person",
        "people",
    ),
    ("rules:\n  - rule: one\n    when: ticket.created\n    then: [{vote: »sos}]", "no feature", "sso"),
    (
        "rules:\n  - rule: one\n    when: ticket.created\n    then: [{escalate: {to: ceo, »reson: x}}]",
        "reson",
        "reason",
    ),
    ("rules:\n  - rule: one\n    when: ticket.created\n    then: [{lead: »new}]", "by name", "kind"),
    ("rules:\n  - rule: one\n    when: ticket.created\n    then: [{lead: {kind: »newest}}]", "kind", "new_business"),
    ("rules:\n  - rule: one\n    when: ticket.created\n    then: [{note: '{{ account.»nme }}'}]", "no field", "name"),
    ("rules:\n  - rule: one\n    when: ticket.created\n    then: [{note: 'It''s »{{ x'}]", "never closed", "}}"),
    ("rules:\n  - rule: one\n    when: ticket.created\n    then: [{note: '{{» }}'}]", "no expression", ""),
    ("rules:\n  - rule: one\n    when: ticket.created\n    then: [{note: '{{ »account }}'}]", "is an object", "name"),
    ("rules:\n  - rule: one\n    when: ticket.created\n    then: [{tag: [a, »'{{ x }}']}]", "not filled in", ""),
    (
        "rules:\n  - rule: one\n    when: ticket.created\n    then: [{note: {text: a, plain: »'{{ x }}'}}]",
        "not filled in",
        "",
    ),
    ("rules:\n  - rule: one\n    when: ticket.created\n    once: »tickt\n    then: [{tag: x}]", "tickt", "ticket"),
    (
        "rules:\n  - rule: one\n    when: ticket.created\n    once: {per: ticket, every: »3}\n    then: [{tag: x}]",
        "length of time",
        "",
    ),
    ("rules:\n  - rule: one\n    when: ticket.created\n    after: »soon\n    then: [{tag: x}]", "length of time", ""),
    (
        "rules:\n  - rule: one\n    when: ticket.created\n    enabled: »no\n    then: [{tag: x}]",
        "enabled",
        "true or false",
    ),
    ("rules:\n  - rule: one\n    when: ticket.created\n    »if: []\n    then: [{tag: x}]", "no condition", ""),
    ("rules:\n  - rule: one\n    when: ticket.created\n    if: »true\n    then: [{tag: x}]", "always true", "enabled"),
    ("rules:\n  - rule: one\n    when: ticket.created\n    if: [»3]\n    then: [{tag: x}]", "no condition", ""),
    ("rules:\n  - rule: one\n    when: ticket.created\n    if:\n      -»\n    then: [{tag: x}]", "no condition", ""),
    (
        "rules:\n  - rule: one\n    when: ticket.created\n    if:\n      - »!signals.churn_risk\n    then: [{tag: x}]",
        "as a tag",
        "not:",
    ),
    ("rules:\n  - rule: one\n    when: ticket.created\n    if: {»al: [a]}\n    then: [{tag: x}]", "groups no", "all"),
    ("rules:\n  - rule: one\n    when: ticket.created\n    if: {»any: x}\n    then: [{tag: x}]", "takes a list", ""),
    (
        "rules:\n  - rule: one\n    when: ticket.created\n    if: {»not: [now != null, true]}\n    then: [{tag: x}]",
        "takes one condition",
        "any",
    ),
    (
        'rules:\n  - rule: one\n    when: ticket.created\n    if: [{»account.name == "a: b"}]\n    then: [{tag: x}]',
        "groups no",
        "quotes around it",
    ),
    ("tests: »{}", "`tests` is a list", ""),
    ("tests:\n  - »name: x\n    given: {}", "no `expect`", ""),
    ("tests:\n  - name: x\n    given: {}\n    expect: »{}", "`expect` is a list", ""),
]


@pytest.mark.parametrize(("file", "message", "hint"), FILES)
def test_a_mistake_in_a_file_is_told_at_its_place(file: str, message: str, hint: str, book: Book) -> None:
    found = problems_of(file, book)

    place = marked(file)
    here = [p for p in found if (p.line, p.column) == place and message in p.message]
    assert here, found
    assert any(hint in f"{problem.expected} {problem.nearest}" for problem in here)


def test_every_mistake_of_every_file_is_told_at_once_in_their_order(tmp_path: Path, catalogue: Catalogue) -> None:
    first, second, gone = tmp_path / "b.yaml", tmp_path / "a.yaml", tmp_path / "gone.yaml"
    first.write_text("rules:\n  - rule: one\n    when: x\n    if: [acount]\n    then: [{vote: y}]\n")
    second.write_text("rules:\n  - rule: one\n    when: ticket.created\n    then: [{tag: x}]\n  - [\n")

    with pytest.raises(ConfigurationError) as caught:
        load_rules([first, gone, second], catalogue)

    found = [(Path(problem.file).name, problem.line) for problem in caught.value.problems]
    assert found[:4] == [("b.yaml", 3), ("b.yaml", 4), ("b.yaml", 5), ("gone.yaml", None)]
    assert found[4][0] == "a.yaml"


def test_a_name_is_given_once_over_all_files(catalogue: Catalogue) -> None:
    rule = "rules:\n  - rule: one\n    when: ticket.created\n    then: [{tag: x}]\n"

    with pytest.raises(ConfigurationError) as caught:
        load_rules_from_texts({"a.yaml": rule, "b.yaml": rule}, catalogue)

    (problem,) = caught.value.problems
    assert (problem.file, problem.line, problem.column) == ("b.yaml", 2, 11)
    assert "in a.yaml:2" in problem.message


def test_a_key_given_twice_is_told_together_with_the_rest(book: Book) -> None:
    file = "rules:\n  - rule: one\n    when: ticket.created\n    when: x\n    then: [{vote: y}]\n"

    assert [problem.line for problem in problems_of(file, book)] == [4, 5]


def test_an_action_that_no_configured_source_can_do_is_told(catalogue: Catalogue) -> None:
    def able(*capabilities: Capability) -> dict[str, type[Adapter]]:
        return {"fake": type("Fake", (Adapter,), {"capabilities": frozenset(capabilities)})}

    rule = RULE.format("now != null")
    with pytest.raises(ConfigurationError, match="needs a source that can do `tag`"):
        load_rules_from_texts({"a.yaml": rule}, replace(catalogue, adapters=able(Capability.NOTE)))
    assert load_rules_from_texts({"a.yaml": rule}, replace(catalogue, adapters=able(Capability.TAG))).rules


def test_too_many_or_too_deep_conditions_are_refused(book: Book) -> None:
    many = RULE.format("now != null\n" + "      - now != null\n" * 101)
    deep = RULE.format("{any: [" * 20 + "now != null" + "]}" * 20)

    assert "too many" in problems_of(many, book)[0].message
    assert "too many" in problems_of(deep, book)[0].message


def test_an_old_book_is_read_as_far_as_it_still_can_be(catalogue: Catalogue) -> None:
    old = """
rules:
  - rule: gone-person
    when: ticket.created
    if: [signals.churn_risk]
    then: [{escalate: {to: former-ceo}}]
  - rule: gone-action
    when: ticket.created
    then: [{fax: {to: ceo}}]
"""
    book = load_rules_from_texts({"a.yaml": old}, catalogue, lenient=True)

    assert [rule.name for rule in book.rules] == ["gone-person"]
    assert [problem.line for problem in book.problems] == [6, 9]
