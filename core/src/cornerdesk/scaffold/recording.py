"""What `cornerdesk record` writes: a real delivery as a fixture, a test of what it tells, and where it comes from."""

from __future__ import annotations

import json
import os
import re
import secrets
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

from pydantic import BaseModel, SecretStr

from cornerdesk.adapters.interface import Adapter, Delivery, Reading
from cornerdesk.adapters.text import load_json
from cornerdesk.errors import ConfigurationError, RejectedError
from cornerdesk.scaffold.pseudonyms import Pseudonyms
from cornerdesk.scaffold.writing import write_files

SALT = ".recording-salt"
_SECRET_HEADER = re.compile(r"sign|auth|token|secret|cookie|key|forward|real-ip|remote|cf-|request-id", re.IGNORECASE)
_NAME = re.compile(r"[a-z][a-z0-9_]{0,60}", re.ASCII)
_HEAD = "# Where these fixtures come from\n"


@dataclass(frozen=True)
class Recording:
    """A delivery without real people.

    Attributes:
        name: of the fixture.
        delivery: signed by nobody.
        reading: what the adapter makes of it.
        settings: of the adapter's source, without its secrets.
    """

    name: str
    delivery: Delivery
    reading: Reading
    settings: dict[str, Any]


def record(adapter: Adapter, delivery: Delivery, name: str, salt: bytes, keep: Collection[str] = ()) -> Recording:
    """Replace everything in a delivery that could be somebody's.

    Args:
        keep: names of further fields whose values are kept.

    Raises:
        ConfigurationError: `name` can be none of a fixture.
        RejectedError: the body is no JSON, or the adapter cannot read what became of it.
    """
    if not _NAME.fullmatch(name):
        raise ConfigurationError(f"{name!r} can be no fixture's name: small letters, digits and _, such as reply_added")
    data = load_json(delivery.body)
    pseudonyms = Pseudonyms(salt, keep=keep)
    body = (json.dumps(pseudonyms.of(data), indent=2, ensure_ascii=False) + "\n").encode()
    headers = {key: pseudonyms.header(value) for key, value in delivery.headers.items() if _tells(key)}
    replaced = Delivery(headers=headers, body=body, received_at=pseudonyms.moved(delivery.received_at))
    return Recording(name, replaced, adapter.read(replaced), _settings(adapter.settings, pseudonyms))


def write_recording(adapter: Adapter, recording: Recording, into: Path) -> list[Path]:
    """Write fixture and test, and a line about both; the files written.

    Raises:
        ConfigurationError: one is there already, or the folder cannot be written to.
    """
    targets = {
        into / f"{recording.name}.json": recording.delivery.body,
        into.parent / f"test_recorded_{recording.name}.py": _test(adapter, recording, into.name).encode(),
    }
    written = write_files(into, targets)
    return [*written, _tell_provenance(adapter, recording, into)]


def salt_of(into: Path) -> bytes:
    """The secret salt of the recordings in a folder, made where there is none. It must not be committed: with it,
    anybody can find out who was who by trying names.

    Raises:
        ConfigurationError: it cannot be read or written.
    """
    file = into / SALT
    try:
        if not file.exists():
            into.mkdir(parents=True, exist_ok=True)
            handle = os.open(file, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600)
            with os.fdopen(handle, "wb") as target:
                target.write(secrets.token_hex(32).encode())
            _ignore(into / ".gitignore")
        return file.read_bytes()
    except OSError as error:
        raise ConfigurationError(f"{file} cannot be read or written: {error.strerror or error}") from None


def _ignore(file: Path) -> None:
    lines = file.read_text(encoding="utf-8").splitlines() if file.exists() else []
    if SALT not in lines:
        file.write_text("\n".join([*lines, SALT, ""]), encoding="utf-8")


def _tells(header: str) -> bool:
    """Whether a header says what the body is, such as an event's name."""
    return header.lower().startswith("x-") and not _SECRET_HEADER.search(header)


def _settings(settings: BaseModel, pseudonyms: Pseudonyms) -> dict[str, Any]:
    given = {name: getattr(settings, name) for name in settings.model_fields_set}
    return {name: _setting(name, value, pseudonyms) for name, value in given.items() if name != "base_url"}


def _setting(name: str, value: Any, pseudonyms: Pseudonyms) -> Any:
    if isinstance(value, SecretStr):
        return "no-secret"
    if isinstance(value, BaseModel):
        return _settings(value, pseudonyms)
    if isinstance(value, Mapping):
        return {key: _setting(key, inner, pseudonyms) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_setting(name, inner, pseudonyms) for inner in value]
    if isinstance(value, str) and name not in ("adapter", "region"):
        return pseudonyms.of(value)
    return value if isinstance(value, str | int | float | bool | None) else str(value)


# ── the test ────────────────────────────────────────────────────────────────────────────────────────────────────────

_TEST = '''\
"""What a recorded delivery tells; {folder}/PROVENANCE.md says where it is from.

It was written down as the adapter reads it: look whether that is right. Then put RECORDED among the `samples` of your
standard tests, which know more of it.
"""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

from cornerdesk import Delivery{event_kind}
from cornerdesk.testing import Sample{told_name}
from {module} import {adapter}

RECORDED = Sample.load(
    Path(__file__).parent / "{folder}" / "{name}.json",{tells}
    headers={headers!r},
)
SETTINGS = {settings!r}


def test_what_was_recorded_is_told() -> None:
    adapter = {adapter}("recorded", {adapter}.settings_model.model_validate(SETTINGS))
    received_at = datetime.fromisoformat("{received_at}")
    reading = adapter.read(Delivery(headers=RECORDED.headers, body=RECORDED.body, received_at=received_at))
    assert [(fact.kind, fact.ticket_id) for fact in reading.facts] == [(t.kind, t.ticket_id) for t in RECORDED.tells]
    assert reading.ignored == {ignored!r}
'''


def _test(adapter: Adapter, recording: Recording, folder: str) -> str:
    facts = recording.reading.facts
    tells = "".join(
        f"\n    Told({f'EventKind.{fact.kind.name}' if fact.kind else None}, {fact.ticket_id!r})," for fact in facts
    )
    return _TEST.format(
        folder=folder,
        name=recording.name,
        event_kind=", EventKind" if any(fact.kind for fact in facts) else "",
        told_name=", Told" if facts else "",
        module=type(adapter).__module__,
        adapter=type(adapter).__name__,
        tells=tells,
        headers=dict(recording.delivery.headers),
        settings=recording.settings,
        received_at=recording.delivery.received_at.isoformat(),
        ignored=recording.reading.ignored,
    )


def _tell_provenance(adapter: Adapter, recording: Recording, into: Path) -> Path:
    file = into / "PROVENANCE.md"
    line = (
        f"- `{recording.name}.json`: a delivery of {adapter.helpdesk}, taken with `cornerdesk record` on"
        f" {date.today().isoformat()}; people, companies, ids, times and texts are pseudonyms.\n"
    )
    try:
        text = file.read_text(encoding="utf-8") if file.exists() else f"{_HEAD}\n"
        file.write_text(text + ("" if text.endswith("\n") else "\n") + line, encoding="utf-8")
    except (OSError, UnicodeError) as error:
        raise RejectedError(
            f"{file} cannot be written ({type(error).__name__}); say there where the fixture is from"
        ) from None
    return file
