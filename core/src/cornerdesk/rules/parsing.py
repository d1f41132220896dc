"""Reads CEL into a syntax tree, and says what is wrong with it in words for people who do not write parsers. Pure.

Length, brackets and nesting are bounded before anything recursive looks at the tree.
"""

from __future__ import annotations

import re
from functools import cache
from importlib import resources
from typing import cast

from lark import Lark, Token, Tree
from lark.exceptions import UnexpectedCharacters, UnexpectedEOF, UnexpectedInput, UnexpectedToken

from cornerdesk.rules.literals import LiteralError, read_literal
from cornerdesk.rules.syntax import (
    Arithmetic,
    Call,
    Compare,
    Conditional,
    Finding,
    Index,
    ListOf,
    Literal,
    Logic,
    MapOf,
    Name,
    Negate,
    Node,
    Not,
    Select,
)

LONGEST = 4_000
"""Characters of an expression at most."""
DEEPEST = 50
"""Levels of nesting at most."""

_RESERVED = frozenset(
    [
        "as",
        "break",
        "const",
        "continue",
        "else",
        "for",
        "function",
        "if",
        "import",
        "let",
        "loop",
        "package",
        "namespace",
        "return",
        "var",
        "void",
        "while",
    ]
)
_WORDS = {
    "and": ("CEL has no word `and`", "`&&`"),
    "or": ("CEL has no word `or`", "`||`"),
    "not": ("CEL has no word `not`", "`!` before what must not hold, such as `!signals.churn_risk` or `!(x in y)`"),
    "is": ("CEL has no word `is`", "`==`, or `!=` for what must differ"),
    "contains": ("`contains` is asked of a text", '`text.contains("word")`, or `"item" in list`'),
    "matches": ("`matches` is asked of a text", '`text.matches("pattern")`'),
}
_CHARACTERS = {
    "=": ("`=` compares nothing in CEL", "`==`"),
    "&": ("a single `&` means nothing in CEL", "`&&`"),
    "|": ("a single `|` means nothing in CEL", "`||`"),
    ";": ("`;` means nothing in CEL", "`&&` between two conditions, or two items of the `if` list"),
    "$": ("`$` means nothing in CEL: fields are written as they are", "`account.tier`"),
    "#": ("`#` means nothing in CEL", "text in quotes"),
    "~": ("`~` means nothing in CEL", '`text.matches("pattern")`'),
    "`": ("CEL puts text in straight quotes", '`"text"`'),
    "@": ("`@` means nothing in CEL", "text in quotes"),
}
_CURLY = "“”„‘’«»"


class ExpressionError(Exception):
    """The text is no CEL expression."""

    def __init__(self, offset: int, message: str, expected: str | None = None) -> None:
        super().__init__(message)
        self.finding = Finding(offset, message, expected)


@cache
def _parser() -> Lark:
    grammar = resources.files("cornerdesk.rules").joinpath("cel.lark").read_text(encoding="utf-8")
    return Lark(grammar, parser="lalr", lexer="basic", propagate_positions=True, maybe_placeholders=False)


def parse(text: str) -> Node:
    """The syntax tree of an expression.

    Raises:
        ExpressionError: it is none, or is longer or nested deeper than anybody writes by hand.
    """
    if not text.strip():
        raise ExpressionError(0, "there is no expression here", 'a condition such as `ticket.status == "open"`')
    if len(text) > LONGEST:
        raise ExpressionError(0, f"this expression has {len(text)} characters", f"at most {LONGEST}")
    try:
        tree = _parser().parse(text)
    except UnexpectedInput as error:
        raise _explain(text, error) from None
    return _convert(tree)


def _convert(tree: Tree[Token]) -> Node:
    """Bottom-up and without recursion: how deep it goes is only known here."""
    made: dict[int, Node] = {}
    for branch in tree.iter_subtrees():
        if branch.data in ("entry", "start"):
            continue
        node = _node(branch, made)
        below = 1 + max((made[id(part)].depth for part in _branches(branch)), default=0)
        node.depth = max(node.depth, below)
        if node.depth > DEEPEST:
            raise _too_deep(node.start)
        made[id(branch)] = node
    return made[id(tree.children[0])]


def _branches(branch: Tree[Token]) -> list[Tree[Token]]:
    found: list[Tree[Token]] = []
    for child in branch.children:
        if isinstance(child, Tree):
            found += _branches(child) if child.data == "entry" else [child]
    return found


def _node(branch: Tree[Token], made: dict[int, Node]) -> Node:
    start, end = branch.meta.start_pos, branch.meta.end_pos
    parts = [made[id(part)] for part in _branches(branch)]
    tokens = [child for child in branch.children if isinstance(child, Token)]
    match str(branch.data):
        case "literal":
            return _literal(tokens[0])
        case "name":
            return _name(tokens[0])
        case "parens":
            parts[0].start, parts[0].end = start, end
            return parts[0]
        case "select":
            return Select(start, end, parts[0], str(tokens[0]), _offset(tokens[0]))
        case "index":
            return Index(start, end, parts[0], parts[1])
        case "method":
            return Call(start, end, str(tokens[0]), _offset(tokens[0]), parts[0], parts[1:])
        case "call":
            return Call(start, end, str(tokens[0]), _offset(tokens[0]), None, parts)
        case "not_":
            return Not(start, end, parts[0])
        case "negate":
            return _negate(start, end, parts[0])
        case "arithmetic":
            return _arithmetic(start, parts, [str(token) for token in tokens])
        case "compare":
            return Compare(start, end, str(tokens[0]), parts[0], parts[1])
        case "any_of" | "all_of":
            return Logic(start, end, "||" if branch.data == "any_of" else "&&", parts)
        case "conditional":
            return Conditional(start, end, parts[0], parts[1], parts[2])
        case "list_of":
            return ListOf(start, end, parts)
        case _:
            return MapOf(start, end, list(zip(parts[::2], parts[1::2], strict=True)))


def _offset(token: Token) -> int:
    return cast(int, token.start_pos)


def _literal(token: Token) -> Literal:
    start = _offset(token)
    try:
        kind, value = read_literal(token.type, str(token))
    except LiteralError as error:
        raise ExpressionError(start + error.offset, str(error), error.expected) from None
    return Literal(start, start + len(token), kind, value, str(token))


def _name(token: Token) -> Name:
    start = _offset(token)
    if token in _RESERVED:
        raise ExpressionError(start, f"`{token}` is a reserved word of CEL", "a field such as `ticket.status`")
    return Name(start, start + len(token), str(token))


def _negate(start: int, end: int, part: Node) -> Node:
    if isinstance(part, Literal) and isinstance(part.value, int | float) and part.kind in ("int", "double"):
        return Literal(start, end, part.kind, -part.value, f"-{part.written}", depth=part.depth)
    return Negate(start, end, part)


def _arithmetic(start: int, parts: list[Node], operators: list[str]) -> Node:
    left = parts[0]
    for operator, right in zip(operators, parts[1:], strict=True):
        depth = 1 + max(left.depth, right.depth)
        if depth > DEEPEST:
            raise _too_deep(start)
        left = Arithmetic(start, right.end, operator, left, right, depth=depth)
    return left


def _too_deep(start: int) -> ExpressionError:
    return ExpressionError(start, "this expression is nested too deeply", f"at most {DEEPEST} levels")


# ── what is wrong, in words ─────────────────────────────────────────────────────────────────────────────────────────


def _explain(text: str, error: UnexpectedInput) -> ExpressionError:
    if isinstance(error, UnexpectedCharacters):
        return _explain_character(text, error.pos_in_stream or 0)
    if isinstance(error, UnexpectedToken) and error.token.type != "$END":
        return _explain_token(text, error.token)
    if isinstance(error, UnexpectedEOF | UnexpectedToken):
        return _explain_end(text)
    return ExpressionError(0, "this is not CEL")


def _explain_character(text: str, offset: int) -> ExpressionError:
    character = text[offset]
    if character in "\"'":
        expected = "a closing quote" + (
            "; in YAML ` #` starts a comment unless the whole condition is in quotes" if offset else ""
        )
        return ExpressionError(offset, "the text that opens here is never closed", expected)
    if character in _CURLY:
        return ExpressionError(offset, f"`{character}` is a typographic quote", 'straight quotes: `"text"`')
    if text.startswith("=>", offset):
        return ExpressionError(offset, "CEL has no `=>`", "`>=` for at least, `==` for equal")
    if character in _CHARACTERS:
        return ExpressionError(offset, *_CHARACTERS[character])
    return ExpressionError(offset, f"the character {character!r} means nothing in CEL", "text in quotes")


def _explain_token(text: str, token: Token) -> ExpressionError:
    offset = _offset(token)
    for word, place in ((str(token), offset), _word_before(text, offset)):
        if word.lower() in _WORDS:
            return ExpressionError(place, *_WORDS[word.lower()])
    if text.startswith("<>", offset - 1):
        return ExpressionError(offset - 1, "CEL has no `<>`", "`!=`")
    if str(token) in ")]}":
        return ExpressionError(offset, f"`{token}` closes nothing, or something is missing before it")
    if token.type in ("STRING", "IDENT", "INT", "FLOAT"):
        return ExpressionError(
            offset, f"`{_shown(token)}` cannot follow here", "an operator before it, such as `==`, `&&` or `in`"
        )
    return ExpressionError(
        offset, f"`{_shown(token)}` cannot stand here", "a value, such as a field or a text in quotes"
    )


def _word_before(text: str, offset: int) -> tuple[str, int]:
    found = re.search(r"([A-Za-z_]+)\s*$", text[:offset])
    return (found[1], found.start(1)) if found else ("", 0)


def _explain_end(text: str) -> ExpressionError:
    word, place = _word_before(text, len(text))
    if word.lower() in ("and", "or", "not", "is"):
        return ExpressionError(place, *_WORDS[word.lower()])
    opened = _last_open(text)
    if opened is not None:
        return ExpressionError(opened, f"the `{text[opened]}` that opens here is never closed", "its closing bracket")
    return ExpressionError(len(text.rstrip()), "the expression ends too early", "a value after the last operator")


def _last_open(text: str) -> int | None:
    found: list[int] = []
    for token in _parser().lex(text):
        if str(token) in "([{":
            found.append(_offset(token))
        elif str(token) in ")]}" and found:
            found.pop()
    return found[-1] if found else None


def _shown(token: Token) -> str:
    return str(token) if len(token) <= 30 else str(token)[:27] + "..."
