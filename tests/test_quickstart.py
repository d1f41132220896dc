"""docs/quickstart.md, executed: each command as it stands there, and its output against what the page shows."""

from __future__ import annotations

import doctest
import os
import re
import shlex
import subprocess
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path

import httpx
import pytest
from cornerdesk.testing.processes import Process, free_port

PAGE = Path(__file__).parents[1] / "docs" / "quickstart.md"
BLOCK = re.compile(r"^```(console|yaml)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
SAME = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE
PATIENCE = 20.0


@dataclass
class Reader:
    """Somebody who follows the page, in a folder of their own."""

    folder: Path
    environment: dict[str, str]
    started: list[Process] = field(default_factory=list)

    def follow(self, kind: str, text: str) -> None:
        if kind == "yaml":
            self.add_below_adapter(text)
            return
        for part in re.split(r"^\$ ", text, flags=re.MULTILINE)[1:]:
            command, _, expected = part.partition("\n")
            self.obey(command, expected)

    def add_below_adapter(self, line: str) -> None:
        file = self.folder / "cornerdesk.yaml"
        file.write_text(file.read_text().replace("    adapter: zendesk\n", f"    adapter: zendesk\n{line}"))

    def obey(self, command: str, expected: str) -> None:
        words = shlex.split(command)
        if words[0] == "cd":
            self.folder = self.folder / words[1]
        elif words[0] == "export":
            name, _, value = words[1].partition("=")
            self.environment[name] = value
        elif words[-1] == "&":
            self.start(words[:-1], expected)
        else:
            self.run_until_shown(words, expected)

    def start(self, words: list[str], expected: str) -> None:
        module = ["-m", "cornerdesk"] if words[0] == "cornerdesk" else []
        process = Process(
            [*module, *words[1:]],
            environment=self.environment,
            output=self.folder / f"{len(self.started)}.log",
            directory=self.folder,
        )
        self.started.append(process)
        process.start()
        deadline = time.monotonic() + PATIENCE
        while not shows(expected, process.tail()):
            assert process.running, process.tail()
            assert time.monotonic() < deadline, f"{words} shows {process.tail()!r}, not {expected!r}"
            time.sleep(0.1)

    def run_until_shown(self, words: list[str], expected: str) -> None:
        """What a delivery brings about takes a moment: a reader would look again."""
        deadline = time.monotonic() + PATIENCE
        while not shows(expected, output := self.run(words)):
            assert time.monotonic() < deadline, f"$ {' '.join(words)}\n{output}\n--- is not\n{expected}"

    def run(self, words: list[str]) -> str:
        if words[0] == "curl":
            body = words[words.index("-d") + 1]
            return httpx.post(next(word for word in words if word.startswith("http")), content=body).text
        done = subprocess.run(
            [sys.executable, "-m", *words], cwd=self.folder, env={**os.environ, **self.environment}, check=False,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=60,
        )  # fmt: skip
        return done.stdout


def shows(expected: str, output: str) -> bool:
    return doctest.OutputChecker().check_output(expected.strip() + "\n", output.strip() + "\n", SAME)


@pytest.mark.timeout(240)
def test_everything_on_the_quickstart_page_works_and_looks_as_it_says(tmp_path: Path) -> None:
    text = PAGE.read_text().replace("9090", str(free_port())).replace("8484", port := str(free_port()))
    reader = Reader(tmp_path, {"NO_COLOR": "1", "COLUMNS": "160"})
    blocks = BLOCK.findall(text)
    assert len(blocks) > 5
    try:
        for kind, block in blocks:
            reader.follow(kind, block)
            if (file := reader.folder / "cornerdesk.yaml").exists():
                file.write_text(file.read_text().replace("port: 8484", f"port: {port}"))
    finally:
        for process in reversed(reader.started):
            process.stop()
