"""The README's table of what each help desk can do is what the adapters declare."""

from __future__ import annotations

from pathlib import Path

from cornerdesk.cli.plugins import capability_table
from cornerdesk.plugins import load_plugins

README = Path(__file__).parents[1] / "README.md"
OURS = ("helpscout", "intercom", "zendesk")


def test_the_readme_tells_what_the_adapters_declare() -> None:
    found = load_plugins().adapters()
    _, _, after = README.read_text(encoding="utf-8").partition("<!-- capabilities: ")
    table = after.partition("-->\n")[2].partition("<!-- end of capabilities -->")[0]
    assert table == capability_table({name: found[name] for name in OURS}), (
        "run `cornerdesk plugins capabilities --markdown` and put its table into README.md"
    )
