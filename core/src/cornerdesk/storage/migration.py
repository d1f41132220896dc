"""Migrations by Alembic: the core's, the engine's and each plugin's, each a branch with a version table of its own.

A version table for each branch: a plugin that is removed leaves nothing that would stop the others.
"""

from __future__ import annotations

import importlib
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from sqlalchemy import MetaData
from sqlalchemy.engine import Connection

from cornerdesk.errors import ConfigurationError
from cornerdesk.storage.tables import metadata

if TYPE_CHECKING:
    from alembic.runtime.migration import MigrationContext
    from alembic.script import ScriptDirectory


class TableSet(Protocol):
    """What a plugin says of its tables: `hookspecs.Tables`."""

    @property
    def branch(self) -> str: ...
    @property
    def metadata(self) -> MetaData: ...
    @property
    def migrations(self) -> str: ...


@dataclass(frozen=True)
class Branch:
    """A line of revisions: `name` is also its Alembic branch label, `folder` holds its revision files."""

    name: str
    metadata: MetaData
    folder: Path

    @property
    def version_table(self) -> str:
        """The table that holds the revision this branch stands at."""
        return "revision_of_" + re.sub(r"\W", "_", self.name)


@dataclass(frozen=True)
class BranchStatus:
    """Where a branch stands: `current` None: nothing is applied; `pending`: what `migrate` would apply, in order."""

    branch: str
    current: str | None
    head: str | None
    pending: tuple[str, ...] = ()


@dataclass(frozen=True)
class MigrationStatus:
    """Where the database stands."""

    branches: tuple[BranchStatus, ...]

    @property
    def pending(self) -> tuple[str, ...]:
        """Everything that `migrate` would apply."""
        return tuple(revision for branch in self.branches for revision in branch.pending)

    def with_pending(self, name: str, more: Sequence[str]) -> MigrationStatus:
        """The same with more pending in one branch."""
        return MigrationStatus(
            tuple(
                replace(branch, pending=(*branch.pending, *more)) if branch.branch == name else branch
                for branch in self.branches
            )
        )


def engine_schema() -> Any:
    """The engine's tables. By name: the engine builds on storage, so storage may not import it."""
    return importlib.import_module("cornerdesk.engine.schema")


def branches(plugin_tables: Sequence[TableSet]) -> list[Branch]:
    """All branches in the order they are upgraded: plugins' tables may refer to the core's."""
    engine = engine_schema()
    core = Branch("core", metadata, Path(__file__).parent / "migrations")
    plugins = [Branch(tables.branch, tables.metadata, Path(tables.migrations)) for tables in plugin_tables]
    return [core, Branch(engine.BRANCH, engine.metadata, engine.FOLDER), *plugins]


def upgrade(connection: Connection, all_branches: Sequence[Branch]) -> list[str]:
    """Apply what is pending, within the transaction open on `connection`; the revisions applied."""
    from alembic.operations import Operations

    applied: list[str] = []
    for branch in all_branches:
        script = _script(branch)
        context = _context(connection, branch, fn=partial(_steps, script, applied))
        _check_known(script, branch, context)
        with Operations.context(context):
            context.run_migrations()
    return applied


def status_of(connection: Connection, all_branches: Sequence[Branch]) -> list[BranchStatus]:
    """Where each branch stands."""
    found = []
    for branch in all_branches:
        script = _script(branch)
        context = _context(connection, branch)
        _check_known(script, branch, context)
        current = context.get_current_heads()
        # The newest first, down to what is applied.
        pending = [one.revision for one in script.iterate_revisions("heads", current or "base")]
        found.append(
            BranchStatus(branch.name, _one(current), _one(tuple(script.get_heads())), tuple(reversed(pending)))
        )
    return found


def _steps(script: ScriptDirectory, applied: list[str], current: Any, _context: Any) -> Any:
    steps = script._upgrade_revs("heads", current)
    applied.extend(step.revision.revision for step in steps)
    return steps


def _script(branch: Branch) -> ScriptDirectory:
    # Imported late: Alembic takes half a second, and only migrations need it.
    from alembic.script import ScriptDirectory
    from alembic.util import CommandError

    try:
        return ScriptDirectory(str(branch.folder), version_locations=[str(branch.folder)])
    except CommandError as error:
        raise ConfigurationError(f"the tables of {branch.name!r} have no migrations: {error}") from error


def _context(connection: Connection, branch: Branch, **options: Any) -> MigrationContext:
    from alembic.runtime.migration import MigrationContext

    return MigrationContext.configure(
        connection, opts={"version_table": branch.version_table, "target_metadata": branch.metadata, **options}
    )


def _check_known(script: ScriptDirectory, branch: Branch, context: MigrationContext) -> None:
    known = {revision.revision for revision in script.walk_revisions()}
    if unknown := set(context.get_current_heads()) - known:
        raise ConfigurationError(
            f"the database stands at revision {', '.join(sorted(unknown))} of {branch.name!r}, which this version does"
            " not know: it was migrated by a newer one; install that, or restore a backup"
        )


def _one(revisions: tuple[str, ...]) -> str | None:
    return ", ".join(sorted(revisions)) or None
