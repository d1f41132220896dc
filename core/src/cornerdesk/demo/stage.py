"""The stage of the demo: an example company's folder, a mailbox, its help desks' stand-ins, and `cornerdesk serve`."""

from __future__ import annotations

import os
import secrets
import shutil
import subprocess
import sys
from collections.abc import Collection, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any

import httpx
from ruamel.yaml import YAML

from cornerdesk.demo.mailbox import Mailbox
from cornerdesk.testing.processes import Process, ProcessFailed, free_port, wait_until

COMPANY = Path(__file__).parent / "company"
DESKS = {"support": "zendesk", "inbox": "helpscout", "chat": "intercom"}
"""The company's sources, and which vendor each is of."""


class Desk:
    """One help desk's stand-in: a process that is driven by JSON (`cornerdesk.testing.desk.control`).

    Attributes:
        source: its name in the company's configuration.
        vendor: the adapter's name.
        url, port: where its API is.
        secret: what it signs its webhooks with.
        process: it.
    """

    process: Process

    def __init__(self, source: str, http: httpx.Client) -> None:
        self.source = source
        self.vendor = DESKS[source]
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.secret = secrets.token_urlsafe(24)
        self._http = http

    @property
    def environment(self) -> dict[str, str]:
        """What the company's configuration reads of it: its address, what webhooks are signed with, and another secret
        for vendors that have one for their API; no stand-in minds what that is."""
        name = f"DEMO_{self.vendor.upper()}"
        return {f"{name}_URL": self.url, f"{name}_SECRET": self.secret, f"{name}_KEY": secrets.token_urlsafe(24)}

    def ask(self, path: str, /, **body: Any) -> dict[str, Any]:
        """Make something happen: it sends its webhooks by itself."""
        answer = self._http.post(f"{self.url}/_standin/{path}", json=body)
        answer.raise_for_status()
        told: dict[str, Any] = answer.json()
        return told

    def open(self, subject: str, text: str, requester: str, name: str) -> str:
        """A customer writes for the first time. Returns the ticket's id."""
        return str(self.ask("tickets", subject=subject, text=text, requester=requester, name=name)["id"])

    def state(self) -> dict[str, Any]:
        """Everything that stands there now."""
        state: dict[str, Any] = self._http.get(f"{self.url}/_standin/state").json()
        return state

    def look(self, ticket: str) -> dict[str, Any]:
        """A ticket as it stands there, in the model's words (`cornerdesk.testing.desk.Look`)."""
        answer = self._http.get(f"{self.url}/_standin/tickets/{ticket}")
        answer.raise_for_status()
        shown: dict[str, Any] = answer.json()
        return shown

    def notes(self, ticket: str) -> list[str]:
        """The texts of its internal notes, oldest first."""
        return [line["text"] for line in self.look(ticket)["messages"] if line["direction"] == "internal"]


class Stage:
    """Everything that runs during the demo. Enter to start it, leave to stop it.

    Args:
        folder: where the company's files, the database and the logs go.
        database: the database's URL.
        roles: a process of `serve` for each; the first listens.
        sources: which of the company's help desks there are.
    """

    def __init__(
        self,
        folder: Path,
        *,
        database: str = "sqlite:///cornerdesk.db",
        roles: Sequence[str] = ("all",),
        sources: Sequence[str] = tuple(DESKS),
    ) -> None:
        self.folder = folder
        self.port, self.mail_port = free_port(), free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.token = secrets.token_urlsafe(24)
        self.http = httpx.Client(timeout=10)
        self.desks = {source: Desk(source, self.http) for source in sources}
        self.environment = {
            "DEMO_DATABASE": database,
            "DEMO_PORT": str(self.port),
            "DEMO_SMTP_PORT": str(self.mail_port),
            "DEMO_API_TOKEN": self.token,
        }
        for desk in self.desks.values():
            self.environment |= desk.environment
        for desk in self.desks.values():
            desk.process = self._standin(desk)
        self.mailbox = Mailbox(self.mail_port)
        self.serves = [self._serve(f"serve-{number}", role) for number, role in enumerate(roles)]

    @property
    def support(self) -> Desk:
        """The one of Zendesk's."""
        return self.desks["support"]

    def __enter__(self) -> Stage:
        shutil.copytree(COMPANY, self.folder, dirs_exist_ok=True)
        self._leave_out(set(DESKS) - set(self.desks))
        try:
            self.mailbox.start()
            for desk in self.desks.values():
                desk.process.start()
            for desk in self.desks.values():
                desk.process.wait_until_answers(f"{desk.url}/_standin/state")
            for serve in self.serves:
                serve.start()
                # One after the other: the first makes the tables.
                self.serves[0].wait_until_answers(f"{self.url}/readyz")
                wait_until(lambda serve=serve: " ready " in serve.tail(), seconds=60, what="a process of serve")  # type: ignore[misc]
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
        for desk in self.desks.values():
            desk.process.stop()
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

    def _leave_out(self, sources: Collection[str]) -> None:
        """A company with fewer help desks."""
        if not sources:
            return
        file, yaml = self.folder / "cornerdesk.yaml", YAML()
        configuration = yaml.load(file)
        for source in sources:
            del configuration["sources"][source]
        yaml.dump(configuration, file)

    def _standin(self, desk: Desk) -> Process:
        return self._process(
            f"desk-{desk.source}", "-m", f"cornerdesk_{desk.vendor}.standin", "--port", str(desk.port),
            f"--receiver={self.url}/webhooks/{desk.source}", f"--secret={desk.secret}",
        )  # fmt: skip

    def _serve(self, name: str, role: str) -> Process:
        return self._process(
            name, "-m", "cornerdesk", "serve", "--config", str(self.folder / "cornerdesk.yaml"), "--role", role
        )

    def _process(self, name: str, *arguments: str) -> Process:
        environment = self.environment_of_commands
        return Process(arguments, environment=environment, output=self.folder / f"{name}.log", directory=self.folder)
