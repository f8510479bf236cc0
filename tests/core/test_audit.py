"""The workstation's log by itself: redacted, bounded, whole lines whatever was cut off before."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from operator_tool.api import Secret
from operator_tool.audit import AuditLine, append
from operator_tool.places import Places
from operator_tool.redaction import REDACTOR


@pytest.fixture
def places(tmp_path: Path) -> Places:
    """The tool's places below a folder that isn't there yet."""
    return Places(tmp_path / "data", tmp_path / "config.toml")


def line(run_id: str = "r1", message: str = "") -> AuditLine:
    """Return a line."""
    return AuditLine(
        command="companion status", run_id=run_id, operator="a@b", outcome="success", exit_code=0, message=message
    )


def written(places: Places) -> list[dict[str, object]]:
    """Return what stands there; each line must be JSON."""
    return [json.loads(text) for text in (places.data_dir / "audit.jsonl").read_text("ascii").splitlines() if text]


def test_a_torn_last_line_is_closed_off(places: Places) -> None:
    """What follows is whole."""
    assert append(places, [line()]) == ""
    path = places.data_dir / "audit.jsonl"
    path.write_bytes(path.read_bytes() + b'{"command": "bui')
    assert append(places, [line(run_id="r2"), line(run_id="r3")]) == ""
    texts = path.read_text().splitlines()
    assert [json.loads(text)["run_id"] for text in (texts[0], texts[2], texts[3])] == ["r1", "r2", "r3"]


def test_no_secret_and_nothing_endless_is_written(places: Places) -> None:
    """Redacted whole and cut afterwards: no half of a secret stays at the cut."""
    secret = "sesame-open-0123456789"
    REDACTOR.add(Secret(secret))
    append(places, [line(message="x" * 490 + secret), line(message="\x1b[2J\u202e\n")])
    text = (places.data_dir / "audit.jsonl").read_text("ascii")
    assert "sesame" not in text
    assert "\x1b" not in text
    assert len(text.splitlines()) == 2
    assert all(len(str(one["message"])) <= 503 for one in written(places))


def test_a_file_that_others_could_read_is_closed_to_them(places: Places) -> None:
    """As one that was copied there."""
    places.make(places.data_dir)
    path = places.data_dir / "audit.jsonl"
    path.write_text("")
    path.chmod(0o644)
    append(places, [line()])
    assert path.stat().st_mode & 0o777 == 0o600


def test_nothing_is_made_where_nothing_is_to_be_written(places: Places) -> None:
    """Without lines, or for a command that promises to leave nothing."""
    assert append(places, []) == ""
    assert append(places, [line()], make=False) == ""
    assert not places.data_dir.exists()
