"""Weakened twins of the agent: each lacks one thing that the promise stands on, and each must be caught."""

from __future__ import annotations

from pathlib import Path

import msgspec

from .bench import Changes
from .enumerate import Enumeration
from .judge import (
    CURRENT_WHOLE,
    GOING_BACK,
    HIGHEST,
    MEMORY,
    OLD_OR_NEW,
    POINTER,
    READY,
    REPORTED,
    SCOPE,
    SIGNERS,
    Judge,
)
from .model import Model
from .protocols import BACK, CROWDED, FIRST, REPLACED, SIGNED, Protocol, Recorded


class Twin(msgspec.Struct, frozen=True):
    """The agent with some of its text replaced."""

    name: str
    protocol: Protocol
    changes: Changes
    caught_by: str
    """The rule that it must break."""


_MANIFEST = "    write_whole(os.path.join(staging, MANIFEST), final.data)\n"
_MANIFEST_UNSYNCED = "    write_whole(os.path.join(staging, MANIFEST), final.data, durable=False)\n"
_SIGNATURE = 'final.signature.encode("utf-8"))'
_SYNC_OF_ROOT = '    sync_folder(layout.root)\n    failpoint("publish.after_switch_synced")\n'
_REPORT = "            self._outlet.report(answer.verb, True, answer.fields)\n"
_REPORT_THEN_SYNC = f"""{_REPORT}            from .layout import sync_folder
            [sync_folder(root) for root in LATE]
"""
_LINK_THEN_RENAME = """    os.symlink("generations/" + generation.name, layout.current_link)
    sync_folder(layout.root)
    os.rename(staging, path)
"""
_UNLINK_THEN_LINK = """    os.unlink(layout.current_link)
    os.symlink("generations/" + generation.name, layout.current_link)
"""
_SPELLED = "_spelled(json.loads(json.dumps(fields)))"
_IN_PLACE = f"""    with open(path, "wb") as file:
        file.write({_SPELLED})
        file.flush()
        os.fsync(file.fileno())
"""

TWINS = (
    Twin(
        "the database is not synced",
        FIRST,
        {"building/made.py": [('_Aside("sync", lambda: sync_path(staging.path))', '_Aside("sync", lambda: None)')]},
        CURRENT_WHOLE,
    ),
    Twin(
        "the manifest's bytes are not synced",
        FIRST,
        {"building/publish.py": [(_MANIFEST, _MANIFEST_UNSYNCED + "    sync_folder(staging)\n")]},
        CURRENT_WHOLE,
    ),
    Twin(
        "the signature's bytes are not synced",
        SIGNED,
        {"building/publish.py": [(_SIGNATURE, _SIGNATURE[:-1] + ", durable=False)")]},
        CURRENT_WHOLE,
    ),
    Twin(
        "the names in the generation's folder are not synced",
        FIRST,
        {
            "building/publish.py": [
                (
                    _MANIFEST,
                    _MANIFEST_UNSYNCED
                    + "    from ..layout import sync_path\n    sync_path(os.path.join(staging, MANIFEST))\n",
                )
            ]
        },
        READY,
    ),
    Twin(
        "an artefact's bytes are not synced",
        SIGNED,
        {"receiving/part_file.py": [("        os.fsync(self._fd)\n", "")]},
        READY,
    ),
    Twin(
        "the names of the artefacts are not synced",
        SIGNED,
        {
            "receiving/artefacts.py": [
                ("        sync_folder(self._folder)\n", ""),
                ("        sync_folder(folder)\n", "        pass\n"),
            ]
        },
        READY,
    ),
    Twin(
        "what a stage made is not synced",
        SIGNED,
        {"stages/output.py": [("        sync_path(path)\n", "")]},
        CURRENT_WHOLE,
    ),
    Twin(
        "the folder of the generations is not synced",
        FIRST,
        {"building/publish.py": [("    sync_folder(layout.generations)\n    sync_folder(layout.stagings)\n", "")]},
        READY,
    ),
    Twin(
        "the folders of the cache root are not synced",
        FIRST,
        {
            "layout.py": [
                ("        if any(made) or not os.path.lexists(self.current_link):\n", "        if not made:\n")
            ]
        },
        CURRENT_WHOLE,
    ),
    Twin(
        "the cache root is not synced after the switch",
        BACK,
        {"building/publish.py": [(_SYNC_OF_ROOT, "")]},
        REPORTED,
    ),
    Twin(
        "it is reported before the last sync",
        BACK,
        {
            "building/publish.py": [(_SYNC_OF_ROOT, "    from .. import desk\n    desk.LATE.append(layout.root)\n")],
            "desk.py": [
                ("REQUEST_WAIT_S = 60.0\n", "REQUEST_WAIT_S = 60.0\nLATE = []\n"),
                (
                    _REPORT,
                    _REPORT_THEN_SYNC,
                ),
            ],
        },
        REPORTED,
    ),
    Twin(
        "current is switched before the generation is there",
        FIRST,
        {
            "building/publish.py": [
                (
                    "    os.rename(staging, path)\n",
                    _LINK_THEN_RENAME,
                )
            ]
        },
        CURRENT_WHOLE,
    ),
    Twin(
        "current is unlinked and made anew",
        BACK,
        {
            "building/publish.py": [
                ("    os.replace(temporary, layout.current_link)\n", ""),
                (
                    '    os.symlink("generations/" + generation.name, temporary)\n',
                    _UNLINK_THEN_LINK,
                ),
            ]
        },
        OLD_OR_NEW,
    ),
    Twin(
        "the agent's memory is written in its place",
        BACK,
        {
            "generations/state.py": [
                (
                    "    write_whole(path, _spelled(json.loads(json.dumps(fields))))\n",
                    _IN_PLACE,
                )
            ]
        },
        MEMORY,
    ),
    Twin(
        "the agent's memory is not synced before its rename",
        BACK,
        {"layout.py": [("        if durable:\n            os.fsync(fd)\n", "")]},
        MEMORY,
    ),
    Twin(
        "the rename of the agent's memory is not synced",
        BACK,
        {"layout.py": [("    if durable:\n        sync_folder(folder)\n", "")]},
        POINTER,
    ),
    Twin(
        "the intent to switch is not noted",
        BACK,
        {"building/publish.py": [("    write_record(layout, record)\n", "")]},
        POINTER,
    ),
    Twin(
        "a way back lowers the highest number",
        BACK,
        {
            "building/publish.py": [
                ("    highest = max(record.highest_seq, generation.seq)\n", "    highest = generation.seq\n")
            ]
        },
        HIGHEST,
    ),
    Twin(
        "what is removed goes before its rename has reached the disk",
        CROWDED,
        {
            "keeping/removal.py": [
                ('    failpoint("gc.after_hidden")\n    if hidden:\n', "    if not hidden:\n"),
                ('    if hidden:\n        sync(layout)\n    failpoint("gc.after_going")\n', ""),
            ]
        },
        GOING_BACK,
    ),
    Twin(
        "the list of signers is written in its place",
        REPLACED,
        {"signing/enrol_signer.py": [("    write_whole(path, data)\n", _IN_PLACE.replace(_SPELLED, "data"))]},
        SIGNERS,
    ),
    Twin(
        "the old signer goes before the new one is known",
        REPLACED,
        {"signing/enrol_signer.py": [("        _write(path, lines)\n    failpoint", "        pass\n    failpoint")]},
        SIGNERS,
    ),
)


def first_breach(recorded: Recorded, model: Model, rule: str, folder: Path) -> str | None:
    """Return how the first state that breaks a rule does it, None where none does."""
    judge = Judge(folder, recorded.expected)
    for state in Enumeration(recorded.recording, model, SCOPE, draws=0).states():
        for bad in judge.bad(state):
            if bad.rule == rule:
                return f"after {state.after} operations: {bad.why}"
    return None
