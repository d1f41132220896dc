"""What commands write for people to go on from. It must never overwrite anything.

`write_example`: a commented configuration of an invented company, with rules and what they should do, for `init`; its
files stand in `example/`. `adapters`: an adapter's project, for `new adapter`. `recording` and `pseudonyms`: a real
delivery as a fixture without real people, for `record`.
"""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path

from cornerdesk.scaffold.writing import write_files

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
    folder = files("cornerdesk.scaffold").joinpath("example")
    targets = {
        directory / target: folder.joinpath(*source.split("/")).read_bytes() for source, target in _FILES.items()
    }
    return write_files(directory, targets)
