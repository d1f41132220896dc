"""The stage of the demo: an example company's folder, a mailbox, a help desk's stand-in, and `cornerdesk serve`."""

from __future__ import annotations

import os
import secrets
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Any

import httpx

from cornerdesk.demo.mailbox import Mailbox
from cornerdesk.testing.processes import Process, ProcessFailed, free_port, wait_until

COMPANY = Path(__file__).parent / "company"


class Stage:
    """Everything that runs during the demo. Enter to start it, leave to stop it.

    Args:
        folder: where the company's files, the database and the logs go.
        database: the database's URL.
        roles: a process of `serve` for each; the first listens.
    """

    def __init__(
        self, folder: Path, *, database: str = "sqlite:///cornerdesk.db", roles: Sequence[str] = ("all",)
    ) -> None:
        self.folder = folder
        self.port, self.desk_port, self.mail_port = free_port(), free_port(), free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.desk_url = f"http://127.0.0.1:{self.desk_port}"
        self.webhook_secret = secrets.token_urlsafe(24)
        self.token = secrets.token_urlsafe(24)
        self.environment = {
            "DEMO_DATABASE": database,
            "DEMO_PORT": str(self.port),
            "DEMO_ZENDESK_URL": self.desk_url,
            "DEMO_ZENDESK_SECRET": secrets.token_urlsafe(24),
            "DEMO_WEBHOOK_SECRET": self.webhook_secret,
            "DEMO_SMTP_PORT": str(self.mail_port),
            "DEMO_API_TOKEN": self.token,
        }
        self.mailbox = Mailbox(self.mail_port)
        self.desk = self._process(
            "desk", "-m", "cornerdesk_zendesk.standin", "--port", str(self.desk_port),
            "--receiver", f"{self.url}/webhooks/support", "--secret", self.webhook_secret,
        )  # fmt: skip
        self.serves = [self._serve(f"serve-{number}", role) for number, role in enumerate(roles)]
        self.http = httpx.Client(timeout=10)

    def __enter__(self) -> Stage:
        shutil.copytree(COMPANY, self.folder, dirs_exist_ok=True)
        try:
            self.mailbox.start()
            self.desk.start()
            self.desk.wait_until_answers(f"{self.desk_url}/_standin/state")
            for serve in self.serves:
                serve.start()
                # One after the other: the first makes the tables.
                self.serves[0].wait_until_answers(f"{self.url}/readyz")
                wait_until(lambda serve=serve: " ready " in serve.tail(), seconds=30, what="a process of serve")  # type: ignore[misc]
        except BaseException:
            self.__exit__(None, None, None)
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.http.close()
        for serve in reversed(self.serves):
            serve.stop()
        self.desk.stop()
        self.mailbox.stop()

    @property
    def environment_of_commands(self) -> dict[str, str]:
        """What a command of `cornerdesk` needs around it to read the company's configuration."""
        return {**os.environ, **self.environment, "PYTHONUNBUFFERED": "1", "NO_COLOR": "1", "COLUMNS": "110"}

    def command(self, *arguments: str) -> str:
        """What `cornerdesk ARGUMENTS` prints, run while everything runs.

        Raises:
            ProcessFailed: it exits with anything but 0.
        """
        done = subprocess.run(
            [sys.executable, "-m", "cornerdesk", *arguments],
            cwd=self.folder, env=self.environment_of_commands, capture_output=True, text=True, check=False,
        )  # fmt: skip
        if done.returncode:
            raise ProcessFailed(f"cornerdesk {' '.join(arguments)} ended with {done.returncode}: {done.stderr}")
        return done.stdout

    def rows(self, listing: str, **filters: str) -> list[dict[str, Any]]:
        """A list of Cornerdesk's, through its API."""
        answer = self.http.get(
            f"{self.url}/api/v1/{listing}",
            params={"limit": "500", **filters},
            headers={"authorization": f"Bearer {self.token}"},
        )
        answer.raise_for_status()
        rows: list[dict[str, Any]] = answer.json()
        return rows

    def ask_desk(self, path: str, /, **body: Any) -> dict[str, Any]:
        """Make something happen at the help desk: it sends its webhooks by itself."""
        answer = self.http.post(f"{self.desk_url}/_standin/{path}", json=body)
        answer.raise_for_status()
        told: dict[str, Any] = answer.json()
        return told

    def desk_state(self) -> dict[str, Any]:
        """What stands in the help desk now."""
        state: dict[str, Any] = self.http.get(f"{self.desk_url}/_standin/state").json()
        return state

    def _serve(self, name: str, role: str) -> Process:
        return self._process(
            name, "-m", "cornerdesk", "serve", "--config", str(self.folder / "cornerdesk.yaml"), "--role", role
        )

    def _process(self, name: str, *arguments: str) -> Process:
        environment = self.environment_of_commands
        return Process(arguments, environment=environment, output=self.folder / f"{name}.log", directory=self.folder)
