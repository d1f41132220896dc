"""The example company, running: real processes, on each database in the way it is meant to be run there."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from cornerdesk.demo.stage import Stage

Stages = Callable[[], Stage]


@pytest.fixture(
    params=[
        pytest.param("sqlite", id="sqlite-one-process"),
        pytest.param("postgresql", id="postgresql-receiver-and-worker", marks=pytest.mark.postgresql),
    ]
)
def stage(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Stage]:
    """SQLite: one process. PostgreSQL: a receiver and a worker."""
    if request.param == "sqlite":
        made = Stage(tmp_path, sources=["support"])
    else:
        made = Stage(
            tmp_path,
            database=request.getfixturevalue("postgresql_schema"),
            roles=("receiver", "worker"),
            sources=["support"],
        )
    with ExitStack() as stack:
        yield stack.enter_context(made)


@pytest.fixture
def sqlite_stage(tmp_path: Path) -> Iterator[Stage]:
    """One process on SQLite, for what does not depend on the database."""
    with Stage(tmp_path, sources=["support"]) as made:
        yield made
