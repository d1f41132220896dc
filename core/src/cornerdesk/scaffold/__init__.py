"""What `cornerdesk init` writes: a commented configuration of an invented company, with rules and what they should do.

The files stand in `example/` as they are written. It must never overwrite anything.
"""

from __future__ import annotations

import os
from importlib.resources import files
from pathlib import Path

from cornerdesk.errors import ConfigurationError, Problem

# How a file is called here (packagers leave out what begins with a dot), and there.
_FILES = {
    "cornerdesk.yaml": "cornerdesk.yaml",
    "env.example": ".env.example",
    "features.yaml": "features.yaml",
    "accounts.csv": "accounts.csv",
    "rules/escalation.yaml": "rules/escalation.yaml",
    "rules/growth.yaml": "rules/growth.yaml",
    "rules/care.yaml": "rules/care.yaml",
}


def write_example(directory: Path) -> list[Path]:
    """Write the example into `directory`, which is made where there is none; the files written, in order.

    Raises:
        ConfigurationError: a file is there already, or the folder cannot be written to. Then nothing was written.
    """
    targets = {source: directory / target for source, target in _FILES.items()}
    # Unlike Path.exists these ask nothing of a folder that we may not enter: writing will say so.
    there = [path for path in targets.values() if os.path.lexists(path)]
    if there:
        message, expected = (
            "the file is there already, and nothing was written",
            "another folder, or the file moved away",
        )
        raise ConfigurationError([Problem(str(path), None, None, message, expected) for path in there])
    written: list[Path] = []
    try:
        for source, path in targets.items():
            path.parent.mkdir(parents=True, exist_ok=True)
            with path.open("xb") as file:
                written.append(path)
                file.write(files("cornerdesk.scaffold").joinpath("example", *source.split("/")).read_bytes())
    except OSError as error:
        for path in written:
            path.unlink(missing_ok=True)
        reason = (error.strerror or "no reason is known").lower()
        raise ConfigurationError([Problem(str(directory), None, None, f"it cannot be written to: {reason}")]) from None
    return written
