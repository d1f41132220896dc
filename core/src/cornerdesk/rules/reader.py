"""What reading rule files shares: the catalogue, the problems found so far, each expression read once. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

import cel

from cornerdesk.documents import DataPath, Document
from cornerdesk.errors import Problem
from cornerdesk.rules.catalogue import Catalogue
from cornerdesk.rules.expressions import Expression, read_expression
from cornerdesk.rules.places import place_of
from cornerdesk.rules.syntax import Finding


@dataclass
class Reader:
    """Reads one or more files against a catalogue.

    Attributes:
        problems: everything wrong so far, in the order it was found.
        places: where each rule's name was first given.
    """

    catalogue: Catalogue
    problems: list[Problem] = field(default_factory=list)
    places: dict[str, str] = field(default_factory=dict)
    _expressions: dict[str, tuple[Expression | None, list[Finding]]] = field(default_factory=dict)
    _programs: dict[str, cel.Program] = field(default_factory=dict)

    def condition(self, document: Document, path: DataPath, text: str) -> Expression | None:
        """The condition at `path`; what is wrong with it becomes problems."""
        if text not in self._expressions:
            self._expressions[text] = read_expression(text, self.catalogue.schema, condition=True)
        expression, findings = self._expressions[text]
        self.found(document, path, findings)
        return expression

    def program(self, code: str) -> cel.Program | None:
        """Compiled once for all rules that ask the same; None when the engine does not understand it."""
        if code not in self._programs:
            try:
                self._programs[code] = cel.compile(code)
            except ValueError:
                return None
        return self._programs[code]

    def found(self, document: Document, path: DataPath, findings: Iterable[Finding]) -> None:
        """Findings in the text at `path`, as problems at their places."""
        for finding in findings:
            place = place_of(document, path, finding.offset)
            self.problems.append(document.problem_at(*place, finding.message, finding.expected, finding.nearest))

    def report(
        self,
        document: Document,
        path: DataPath,
        message: str,
        expected: str | None = None,
        nearest: str | None = None,
        *,
        key: bool = False,
    ) -> None:
        """A problem with what stands at `path`, or with its key."""
        self.problems.append(document.problem(path, message, expected, nearest, key))
