"""What a script may say, and how a wrong one is told."""

from __future__ import annotations

from pathlib import Path

import pytest

from operator_tool.api import ConfigError
from operator_tool_plugins.transports.mock.reading import read_script
from operator_tool_plugins.transports.mock.script import Drop, LinkScript, MachineScript, Phase, Refusal, Refuse

WRONG = {
    "an unknown table": ("[links]\n", "there is no key links; did you mean link?"),
    "an unknown key of the link": ("[link]\nlatency = 1\n", "link: there is no key latency; did you mean latency_s?"),
    "an unknown key of a fault": (
        '[[fault]]\nkind = "drop"\nwhen = 1\n',
        r"fault 1: there is no key when; there are kind, ",
    ),
    "another fault's key": ('[[fault]]\nkind = "drop"\nleft_bytes = 1\n', "fault 1: there is no key left_bytes"),
    "a wrong type": ('[link]\nlatency_s = "long"\n', "link.latency_s: expected `float`, got `str`"),
    "a negative time": ("[link]\njitter_s = -0.1\n", "link.jitter_s: expected `float` >= 0.0"),
    "no rate at all": ("[link]\nup_bytes_per_s = 0\n", "link.up_bytes_per_s: expected `int` >= 1"),
    "no number": ("[link]\nlatency_s = nan\n", "link.latency_s: nan is no number to count with"),
    "a negative size": ("[machine]\ndisk_bytes = -1\n", "machine.disk_bytes: expected `int` >= 0"),
    "an unknown kind": (
        '[[fault]]\nkind = "explode"\n',
        "fault 1, kind: invalid value 'explode'; there are refuse, drop, ",
    ),
    "no kind": ("[[fault]]\nrun = 1\n", r"fault 1: object missing required field `kind`; there are refuse, "),
    "an unknown phase": (
        '[[fault]]\nkind = "drop"\n[[fault]]\nkind = "drop"\nphase = "landing"\n',
        "fault 2, phase: invalid enum value 'landing'; there are companion, download, transfer, build",
    ),
    "no stroke at all": ('[[fault]]\nkind = "drop"\ntimes = 0\n', "fault 1: times is 0, so it would never strike"),
    "both directions": (
        '[[fault]]\nkind = "drop"\nafter_sent_bytes = 1\nafter_received_bytes = 1\n',
        "fault 1: give after_sent_bytes or after_received_bytes, not both",
    ),
    "garbage without an end": (
        '[[fault]]\nkind = "garbage"\ntimes = -1\n',
        "fault 1: garbage that comes more than once",
    ),
    "no offset of the clock": (
        '[[fault]]\nkind = "wrong_clock"\n',
        "fault 1: object missing required field `offset_s`",
    ),
    "no TOML": ("[link\n", "is not TOML: .*line 1"),
}


@pytest.mark.parametrize(("text", "told"), WRONG.values(), ids=WRONG)
def test_what_is_wrong_is_named_with_its_place(tmp_path: Path, text: str, told: str) -> None:
    """The file, the table or the fault's number, the key, and what would be right."""
    script = tmp_path / "rig.toml"
    script.write_text(text)
    with pytest.raises(ConfigError, match=f"mock.script {script}.*{told}"):
        read_script(script)


def test_a_script_that_can_t_be_read_is_named(tmp_path: Path) -> None:
    """It is not there, is a folder, is no text, or is endless."""
    with pytest.raises(ConfigError, match=r"absent\.toml can't be read: No such file"):
        read_script(tmp_path / "absent.toml")
    with pytest.raises(ConfigError, match="can't be read: Is a directory"):
        read_script(tmp_path)
    (tmp_path / "bytes.toml").write_bytes(b"\xff\xfe")
    with pytest.raises(ConfigError, match="is not UTF-8 text"):
        read_script(tmp_path / "bytes.toml")
    (tmp_path / "large.toml").write_bytes(b"#" * (1024 * 1024 + 1))
    with pytest.raises(ConfigError, match="is larger than"):
        read_script(tmp_path / "large.toml")


def test_what_is_not_said_is_as_if_nothing_was_wrong(tmp_path: Path) -> None:
    """An empty script is a perfect link to a machine like this one; a whole number of seconds is one, too."""
    script = tmp_path / "rig.toml"
    script.write_text("")
    assert (read_script(script).link, read_script(script).machine) == (LinkScript(), MachineScript())
    script.write_text('link.latency_s = 1\n[[fault]]\nkind = "drop"\nphase = "build"\n[[fault]]\nkind = "refuse"\n')
    read = read_script(script)
    assert read.link.latency_s == 1.0
    assert read.fault == (Drop(phase=Phase.BUILD), Refuse(how=Refusal.UNREACHABLE))
