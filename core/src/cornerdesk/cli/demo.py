"""`demo`: the whole story, with local stand-ins of what cannot be reached from here."""

from __future__ import annotations

import importlib.util

import click

from cornerdesk.cli.options import example, unread_config_option
from cornerdesk.errors import ConfigurationError

NEEDED = {"cornerdesk_zendesk": "cornerdesk-zendesk", "cornerdesk_email": "cornerdesk-email", "aiosmtpd": "aiosmtpd"}


@click.command(epilog=example("cornerdesk demo --keep"))
@click.option("--keep", is_flag=True, help="Leave `serve` and its dashboard running at the end, until Ctrl-C.")
@unread_config_option
def demo(keep: bool) -> None:
    """The whole story in a minute: a help desk sends, rules act, and you see what came of it.

    Starts local stand-ins of the vendor's API and of a mail server, and `cornerdesk serve` between them, all on
    loopback, in a temporary folder.
    """
    missing = [distribution for module, distribution in NEEDED.items() if importlib.util.find_spec(module) is None]
    if missing:
        raise ConfigurationError(f"the demo needs {', '.join(missing)}: `pip install {' '.join(missing)}`")
    from cornerdesk.demo.story import tell  # imports what only the demo needs

    tell(keep=keep)
