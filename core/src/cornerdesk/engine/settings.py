"""How the engine works. The defaults suit one process of a few thousand events a second."""

from __future__ import annotations

from pydantic import Field, model_validator

from cornerdesk.model import FrozenModel


class EngineSettings(FrozenModel):
    """Times are in seconds."""

    heartbeat_timeout: float = Field(
        20.0,
        gt=0,
        description="a worker silent for so long is taken for dead and its jobs are given to others; must be well above"
        " the longest time that a handler keeps the event loop busy",
    )
    poll_interval: float = Field(
        1.0,
        gt=0,
        description="how long until work is noticed that nobody announced, such as another process's on SQLite",
    )
    shutdown_timeout: float = Field(
        20.0, gt=0, description="how long handlers have to finish when the worker stops; then their jobs are given back"
    )
    batch_size: int = Field(25, ge=1, description="jobs taken from the queue at once")
    concurrency: int = Field(50, ge=2, description="jobs run at once, at most, by one process")
    log_kept: float = Field(3600.0, gt=0, description="how long PgQueuer's log of finished jobs is kept on PostgreSQL")

    @model_validator(mode="after")
    def _room_for_two_batches(self) -> EngineSettings:
        if self.concurrency < 2 * self.batch_size:
            raise ValueError("concurrency must be at least twice batch_size")
        return self
