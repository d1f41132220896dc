"""Plugins import only public names; import-linter (in `make check`) holds the rest of the architecture."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import cornerdesk
import pytest

ROOT = Path(__file__).parents[1]
SOURCES = sorted((ROOT / "plugins").glob("*/src/**/*.py"))


def imports_of_core(path: Path) -> Iterator[tuple[int, str, list[str]]]:
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] == "cornerdesk":
            yield node.lineno, node.module or "", [alias.name for alias in node.names]
        if isinstance(node, ast.Import):
            for alias in node.names:
                if alias.name.split(".")[0] == "cornerdesk":
                    yield node.lineno, alias.name, []


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: str(path.relative_to(ROOT / "plugins")))
def test_a_plugin_imports_only_public_names_of_the_core(path: Path) -> None:
    for line, module, names in imports_of_core(path):
        public = module in {"cornerdesk", "cornerdesk.wire"} or module.startswith("cornerdesk.testing")
        assert public, f"{path}:{line} imports {module}"
        if module == "cornerdesk":
            assert set(names) <= set(cornerdesk.__all__), (
                f"{path}:{line} imports {set(names) - set(cornerdesk.__all__)}"
            )


def test_every_public_name_exists_once() -> None:
    assert len(cornerdesk.__all__) == len(set(cornerdesk.__all__))
    assert all(hasattr(cornerdesk, name) for name in cornerdesk.__all__)


def test_no_tracked_file_names_a_registry_or_a_machine() -> None:
    addresses = ("py" + "pi.org", "pythonhosted" + ".org", "registry." + "npmjs.org")
    lock = (ROOT / "requirements.lock").read_text(encoding="utf-8")
    assert not [address for address in addresses if address in lock]
    assert "--hash=sha256:" in lock
