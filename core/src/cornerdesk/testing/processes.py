"""Real processes on loopback: start one, wait until it answers, stop it politely or by kill -9."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import httpx

POLL_SECONDS = 0.05


class ProcessFailed(AssertionError):
    """A process ended, or did not come up, when it should be running; carries the end of its output."""


def free_port() -> int:
    """A port of loopback that nobody listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def wait_until(reached: Callable[[], bool], *, seconds: float, what: str) -> None:
    """Poll until `reached` says yes.

    Raises:
        TimeoutError: it did not within `seconds`; says `what` was awaited.
    """
    deadline = time.monotonic() + seconds
    while not reached():
        if time.monotonic() > deadline:
            raise TimeoutError(f"{what} did not happen within {seconds:g} s")
        time.sleep(POLL_SECONDS)


class Process:
    """One process: its arguments after the interpreter, its environment on top of ours, its output in a file."""

    def __init__(
        self, arguments: Sequence[str], *, environment: Mapping[str, str], output: Path, directory: Path | None = None
    ) -> None:
        self.arguments = [sys.executable, *arguments]
        self.environment = {**os.environ, **environment}
        self.output = output
        self.directory = directory
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start it; its output is appended."""
        with self.output.open("ab") as output:
            self._process = subprocess.Popen(
                self.arguments,
                env=self.environment,
                cwd=self.directory,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
            )

    @property
    def running(self) -> bool:
        return self._process is not None and self._process.poll() is None

    @property
    def exit_code(self) -> int | None:
        return None if self._process is None else self._process.poll()

    def wait_until_answers(self, url: str, *, seconds: float = 60) -> None:
        """Wait for a 200 at `url`."""

        def answers() -> bool:
            if not self.running:
                raise ProcessFailed(f"{self.arguments[1:4]} ended with {self.exit_code}:\n{self.tail()}")
            try:
                return httpx.get(url, timeout=2).status_code == 200
            except httpx.HTTPError:
                return False

        try:
            wait_until(answers, seconds=seconds, what=f"an answer at {url}")
        except TimeoutError as error:
            raise ProcessFailed(f"{error}; its output ends with:\n{self.tail()}") from None

    def kill(self) -> None:
        """kill -9."""
        if self.running:
            assert self._process is not None
            self._process.send_signal(signal.SIGKILL)
            self._process.wait()

    def stop(self, *, seconds: float = 30) -> int:
        """SIGTERM, and wait for it; killed when it does not listen. The exit code."""
        if self._process is None:
            return 0
        if self.running:
            self._process.terminate()
        try:
            return self._process.wait(seconds)
        except subprocess.TimeoutExpired:
            self.kill()
            return -signal.SIGKILL

    def tail(self, characters: int = 3000) -> str:
        """The end of its output."""
        return self.output.read_text(encoding="utf-8", errors="replace")[-characters:] if self.output.exists() else ""
