"""Commands share the tokens that the database keeps, and never use a refresh token up for nothing."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from cornerdesk.cli.app import run
from cornerdesk_zendesk.standin import ZendeskStandIn

CONFIGURATION = """
sources:
  support:
    adapter: zendesk
    subdomain: acme
    base_url: {url}
    webhook_secret: c2VjcmV0
    oauth: {{client_id: cd, client_secret: hush, refresh_token: {first}}}
"""


async def test_commands_keep_what_a_refresh_token_gets(
    standin: ZendeskStandIn, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    async def cornerdesk(*words: str) -> tuple[int, str]:
        code = await asyncio.to_thread(run, [*words, "--config", str(file)])
        printed = capsys.readouterr()
        return code, printed.out + printed.err

    file, first = tmp_path / "cornerdesk.yaml", standin.api.new_token()["refresh_token"]
    file.write_text(CONFIGURATION.format(url=standin.base_url, first=first))  # type: ignore[attr-defined]
    code, said = await cornerdesk("check", "--online")
    assert (code, "cornerdesk database migrate" in said) == (1, True)
    assert (await cornerdesk("database", "migrate"))[0] == 0
    for _ in range(2):
        code, said = await cornerdesk("check", "--online")
        assert (code, "signed in" in said) == (0, True)
    assert standin.api.tokens_given == 2
    assert "hush" not in said
