"""What `cornerdesk new adapter` writes: an adapter's project, in a folder of its own, that passes the conformance kit's
first tests at once. The files stand in `adapter/`, with the adapter's name as a placeholder.
"""

from __future__ import annotations

import re
from importlib.resources import files
from pathlib import Path

from cornerdesk.errors import ConfigurationError
from cornerdesk.scaffold.writing import write_files

# How a file is called here (packagers leave out what begins with a dot, linters read what ends in .py), and there.
_FILES = {
    "pyproject.toml": "pyproject.toml",
    "README.md": "README.md",
    "gitignore": ".gitignore",
    "src/init.py": "src/cornerdesk_@name@/__init__.py",
    "src/adapter.py": "src/cornerdesk_@name@/adapter.py",
    "src/client.py": "src/cornerdesk_@name@/client.py",
    "src/webhooks.py": "src/cornerdesk_@name@/webhooks.py",
    "src/mapping.py": "src/cornerdesk_@name@/mapping.py",
    "src/schemas.py": "src/cornerdesk_@name@/schemas.py",
    "src/settings.py": "src/cornerdesk_@name@/settings.py",
    "src/standin.py": "src/cornerdesk_@name@/standin.py",
    "tests/conformance.py": "tests/test_@name@_conformance.py",
    "tests/fixtures/ticket_created.json": "tests/fixtures/ticket_created.json",
    "tests/fixtures/PROVENANCE.md": "tests/fixtures/PROVENANCE.md",
}
_NAME = re.compile(r"[a-z][a-z0-9]*(_[a-z0-9]+)*", re.ASCII)
_LONGEST = 30


def write_adapter(name: str, directory: Path) -> list[Path]:
    """Write the project of an adapter called `name` into `directory`; the files written, in order.

    Raises:
        ConfigurationError: the name can be none, a file is there already, or the folder cannot be written to. Then
            nothing was written.
    """
    if len(name) > _LONGEST or not _NAME.fullmatch(name):
        raise ConfigurationError(
            f"{name!r} can be no adapter's name: small letters, digits and single underscores, such as freshdesk"
            f" or help_scout, {_LONGEST} characters at most"
        )
    words = {
        "@name@": name,
        "@NAME@": name.upper(),
        "@Name@": "".join(part.capitalize() for part in name.split("_")),
        "@dashed@": name.replace("_", "-"),
    }
    folder = files("cornerdesk.scaffold").joinpath("adapter")
    targets = {
        directory / _filled(target, words): _filled(
            folder.joinpath(*f"{source}.template".split("/")).read_text(encoding="utf-8"), words
        ).encode()
        for source, target in _FILES.items()
    }
    return write_files(directory, targets)


def _filled(text: str, words: dict[str, str]) -> str:
    return re.sub("|".join(words), lambda found: words[found[0]], text)
