"""Files written all together or not at all, over nothing that is there."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

from cornerdesk.errors import ConfigurationError, Problem


def write_files(directory: Path, targets: Mapping[Path, bytes]) -> list[Path]:
    """Write files, below `directory`, which is made where there is none; the files written, in order.

    Raises:
        ConfigurationError: a file is there already, or the folder cannot be written to. Then nothing was written.
    """
    # Unlike Path.exists these ask nothing of a folder that we may not enter: writing will say so.
    there = [path for path in targets if os.path.lexists(path)]
    if there:
        message, expected = (
            "the file is there already, and nothing was written",
            "another folder, or the file moved away",
        )
        raise ConfigurationError([Problem(str(path), None, None, message, expected) for path in there])
    written: list[Path] = []
    try:
        for path, content in targets.items():
            path.parent.mkdir(parents=True, exist_ok=True)
            with path.open("xb") as file:
                written.append(path)
                file.write(content)
    except OSError as error:
        for path in written:
            path.unlink(missing_ok=True)
        reason = (error.strerror or "no reason is known").lower()
        raise ConfigurationError([Problem(str(directory), None, None, f"it cannot be written to: {reason}")]) from None
    return written
