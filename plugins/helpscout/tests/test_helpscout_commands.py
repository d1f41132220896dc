"""Help Scout by the commands: signed in, tokens kept, subscriptions made and listed."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest
from cornerdesk.cli.app import run
from cornerdesk_helpscout.standin import HelpScoutStandIn
from cornerdesk_helpscout.testing import SECRET

CONFIGURATION = """
server: {{public_url: "https://cornerdesk.example.com"}}
sources:
  inbox: {{adapter: helpscout, app_id: abc, app_secret: hush, webhook_secret: {secret}, base_url: "{url}"{more}}}
"""
Cornerdesk = Callable[..., Awaitable[tuple[int, str]]]


@pytest.fixture
def cornerdesk(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Cornerdesk:
    async def call(*words: str) -> tuple[int, str]:
        code = await asyncio.to_thread(run, [*words, "--config", str(tmp_path / "cornerdesk.yaml")])
        printed = capsys.readouterr()
        return code, printed.out + printed.err

    return call


def configure(folder: Path, standin: HelpScoutStandIn, more: str = "") -> None:
    text = CONFIGURATION.format(url=standin.base_url, secret=SECRET, more=more)  # type: ignore[attr-defined]
    (folder / "cornerdesk.yaml").write_text(text)


async def test_a_refresh_token_is_used_up_once_and_what_it_gets_is_kept(
    standin: HelpScoutStandIn, tmp_path: Path, cornerdesk: Cornerdesk
) -> None:
    first = standin.api.tokens.new()["refresh_token"]
    configure(tmp_path, standin, f", refresh_token: {first}")
    assert (await cornerdesk("database", "migrate"))[0] == 0
    assert (await cornerdesk("webhooks", "register", "inbox"))[0] == 0
    for _ in range(2):
        code, said = await cornerdesk("check", "--online")
        assert (code, "signed in" in said) == (0, True)
        assert "hush" not in said
    assert standin.api.tokens.given == 2


async def test_a_subscription_is_made_once_and_listed(
    standin: HelpScoutStandIn, tmp_path: Path, cornerdesk: Cornerdesk
) -> None:
    configure(tmp_path, standin)
    assert (await cornerdesk("database", "migrate"))[0] == 0
    for _ in range(2):
        code, said = await cornerdesk("webhooks", "register", "inbox")
        assert code == 0, said
        assert SECRET not in said
    (hook,) = standin.api.hooks.values()
    assert (hook.url, hook.secret) == ("https://cornerdesk.example.com/webhooks/inbox", SECRET)
    code, said = await cornerdesk("webhooks", "list", "inbox")
    assert (code, hook.url in said) == (0, True)
