"""Each broken adapter fails exactly the standard test that guards what it breaks.

Three of each class run through all its tests, the others through that one. With CORNERDESK_WHOLE_KIT=class every one of
them runs through its class, with CORNERDESK_WHOLE_KIT=all through all classes, which takes minutes.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from .broken import BROKEN
from .kit import KIT

HERE = Path(__file__).parent
WHOLE = os.environ.get("CORNERDESK_WHOLE_KIT")
EXACTLY = 3
MODULE = """\
import sys
sys.path.insert(0, {folder!r})
from conformance import broken, kit
from cornerdesk.testing.conformance import arbitrary

arbitrary.share = 0.15
for adapter in broken.BROKEN:
    if adapter.__name__ in {adapters!r}:
        for name, tests in kit.classes_for(adapter).items():
            if {whole} or hasattr(tests, broken.BROKEN[adapter]):
                globals()[f"Test{{adapter.__name__}}_{{name}}"] = tests
"""
FAILED = re.compile(r"^(?:FAILED|ERROR) \S*::Test(\w+)_Test\w+::(\w+)", re.MULTILINE)


SETTINGS = """\
[pytest]
asyncio_mode = auto
asyncio_default_fixture_loop_scope = function
filterwarnings = error
"""


def failures(room: str, adapters: list[str], folder: Path) -> dict[str, set[str]]:
    """What fails, by adapter, when pytest runs the kit for them."""
    module = folder / "test_generated.py"
    module.write_text(MODULE.format(folder=str(HERE.parent), adapters=adapters, whole=WHOLE == "all"))
    (folder / "pytest.ini").write_text(SETTINGS)
    options = ["-q", "-rfE", "--tb=no", "--timeout=30", "-p", "no:cacheprovider"]
    done = subprocess.run(
        [sys.executable, "-m", "pytest", *options, *chosen(room, adapters, module.name)],
        cwd=folder, env={**os.environ, "COLUMNS": "300"}, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 1, done.stdout[-2000:] + done.stderr[-2000:]
    found: dict[str, set[str]] = {}
    for adapter, test in FAILED.findall(done.stdout):
        found.setdefault(adapter, set()).add(test)
    return found


def chosen(room: str, adapters: list[str], module: str) -> list[str]:
    if WHOLE:
        return [module]
    guards = {adapter.__name__: test for adapter, test in BROKEN.items()}
    classes = [f"{module}::Test{adapter}_Test{room}" for adapter in adapters]
    alone = [f"{name}::{guards[adapter]}" for name, adapter in zip(classes, adapters, strict=True)]
    return [*classes[:EXACTLY], *alone[EXACTLY:]]


@pytest.mark.timeout(1200 if WHOLE else 120)
@pytest.mark.parametrize("room", KIT)
def test_each_broken_adapter_fails_exactly_the_test_that_guards_it(room: str, tmp_path: Path) -> None:
    expected = {adapter.__name__: {test} for adapter, test in BROKEN.items() if hasattr(KIT[room], test)}
    assert expected, "nothing proves these tests"
    assert failures(room, sorted(expected), tmp_path) == expected


def test_every_guarding_test_is_a_standard_one() -> None:
    standard = {name for tests in KIT.values() for name in dir(tests) if name.startswith("test_")}
    assert set(BROKEN.values()) <= standard
    assert len(BROKEN) == len(set(BROKEN.values())), "one adapter for each test"
