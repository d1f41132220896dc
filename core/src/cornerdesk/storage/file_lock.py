"""A lock beside a SQLite file, so that only one `serve` works on it. The system drops it when its process dies."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from types import TracebackType

from cornerdesk.errors import ConfigurationError


def seems_served(database: Path) -> bool:
    """Whether a process that lives has its number in the lock file. Takes no lock, so it keeps nobody from starting.

    Good enough to be considerate: a number may have been left by the dead and taken by a stranger.
    """
    try:
        os.kill(int(database.with_name(database.name + ".lock").read_text()), 0)
    except (OSError, ValueError):
        return False
    return True


class FileLock:
    """Held from `acquire` until `release` or the process's end, however that comes."""

    def __init__(self, database: Path) -> None:
        self._database = database
        self._path = database.with_name(database.name + ".lock")
        self._descriptor: int | None = None

    def acquire(self) -> None:
        """Take the lock.

        Raises:
            ConfigurationError: another process holds it, or its file cannot be made.
        """
        try:
            descriptor = os.open(self._path, os.O_RDWR | os.O_CREAT, 0o644)
        except OSError as error:
            reason = (error.strerror or "no reason is known").lower()
            raise ConfigurationError(
                f"{self._path} cannot be written: {reason}; whoever serves {self._database} writes beside it too"
            ) from None
        try:
            _lock(descriptor)
        except OSError:
            holder = os.pread(descriptor, 20, 0).decode("ascii", "replace").strip() if hasattr(os, "pread") else ""
            os.close(descriptor)
            raise ConfigurationError(self._refusal(holder)) from None
        os.truncate(descriptor, 0)
        os.write(descriptor, f"{os.getpid()}\n".encode())
        self._descriptor = descriptor

    def release(self) -> None:
        """Give the lock back. The file stays: removing it would let two processes lock two files of one name."""
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None

    def __enter__(self) -> FileLock:
        self.acquire()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.release()

    def _refusal(self, holder: str) -> str:
        who = f"process {holder}" if holder else "another process"
        return (
            f"{self._database} is being served by {who} already: stop that one first, or give this one a database"
            " of its own (several processes need PostgreSQL)"
        )


if sys.platform == "win32":
    import msvcrt

    def _lock(descriptor: int) -> None:
        msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)

else:
    import fcntl

    def _lock(descriptor: int) -> None:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
