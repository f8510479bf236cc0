"""``rollback``: back to an earlier cache, verified first; what is not sound never becomes current."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from operator_tool_plugins.provisioners.c10.agent.generations import state
from operator_tool_plugins.provisioners.c10.agent.guard import BuildLock, Patience
from operator_tool_plugins.provisioners.c10.agent.keeping.audit import last_lines
from operator_tool_plugins.provisioners.c10.agent.layout import Layout
from tests.support.c10_rig import ask, order_of, supply_of, tiles_in, whole_way

from .conftest import Builds


@pytest.fixture
def cache(tmp_path: Path) -> Path:
    """A cache root."""
    return tmp_path / "cache"


def current(cache: Path) -> str:
    """Return the name of the current generation."""
    return (cache / "current").readlink().name


def roll_back(file: Path, cache: Path, **fields: object) -> dict[str, Any]:
    """Ask for it."""
    return ask(file, "rollback", cache, order_of(1), **fields)


def test_it_goes_to_the_one_that_was_current_before(file: Path, cache: Path, build_real: Builds) -> None:
    """From and to are told and logged; the highest number stays, so that what is built next is above all."""
    first, second = build_real(cache, 2)
    report = roll_back(file, cache)
    assert report["ok"], report
    assert (report["previous_generation"], report["generation"], report["seq"], report["tiles"]) == (
        second,
        first,
        1,
        4,
    )
    assert current(cache) == first
    assert len(tiles_in(cache / "current" / "tiles.mbtiles")) == 4
    record = state.read_record(Layout(str(cache)))
    assert (record.highest_seq, record.current, record.switching_to, record.previous) == (2, first, None, second)
    line = last_lines(Layout(str(cache)), 1)[0]
    assert (line["event"], line["operator"], line["run_id"], line["outcome"]) == (
        "rollback",
        "op@desk",
        "run-1",
        "done",
    )
    assert build_real(cache, 1, first=5)[0].startswith("00000003-")


def test_it_goes_past_others_to_what_a_consumer_has_loaded(file: Path, cache: Path, build_real: Builds) -> None:
    """The last good one, and not the newest."""
    from operator_tool_plugins.provisioners.c10.agent.keeping import consumer

    names = build_real(cache, 4)
    consumer.loaded(Layout(str(cache)), names[1])
    assert roll_back(file, cache)["generation"] == names[1]


def test_twice_back_never_comes_forward(file: Path, cache: Path, build_real: Builds) -> None:
    """And from the oldest there is no way back."""
    names = build_real(cache, 3)
    assert roll_back(file, cache)["generation"] == names[1]
    assert roll_back(file, cache)["generation"] == names[0]
    assert roll_back(file, cache)["error"]["code"] == "no_target"
    assert current(cache) == names[0]


def test_it_goes_where_it_is_told(file: Path, cache: Path, build_real: Builds) -> None:
    """Also forward again; to what is current already, it doesn't."""
    names = build_real(cache, 3)
    assert roll_back(file, cache, to=1)["generation"] == names[0]
    assert roll_back(file, cache, to=3)["generation"] == names[2]
    error = roll_back(file, cache, to=3)["error"]
    assert error["code"] == "no_target"
    assert "is current already" in error["message"]


def test_a_number_that_is_not_there_is_told_with_those_that_are(file: Path, cache: Path, build_real: Builds) -> None:
    """Nothing is judged, and current stays."""
    names = build_real(cache, 3)
    error = roll_back(file, cache, to=99)["error"]
    assert error["code"] == "no_generation"
    assert "3, 2, 1" in error["message"]
    assert current(cache) == names[2]


@pytest.mark.parametrize("damage", ["flip", "truncate", "missing", "more", "manifest"])
def test_case_098_to_a_corrupt_generation_is_refused_and_current_stays(
    file: Path, cache: Path, build_real: Builds, damage: str
) -> None:
    """One byte is enough; the generation goes to quarantine, where nobody comes back to it."""
    first, second = build_real(cache, 2)
    folder = cache / "generations" / first
    database = folder / "tiles.mbtiles"
    database.chmod(0o644)
    data = database.read_bytes()
    match damage:
        case "flip":
            database.write_bytes(data[:-1] + bytes([data[-1] ^ 1]))
        case "truncate":
            database.write_bytes(data[:-4096])
        case "missing":
            database.unlink()
        case "more":
            (folder / "more").write_text("x")
        case "manifest":
            (folder / "manifest.json").write_text((folder / "manifest.json").read_text().replace("1", "2"))
    report = roll_back(file, cache, to=1)
    assert report["error"]["code"] == "verify"
    assert current(cache) == second
    assert [path.name for path in (cache / "quarantine").iterdir()] == [first]
    assert not folder.exists()
    done, refused = (last_lines(Layout(str(cache)), 1, name)[0]["event"] for name in ("audit.jsonl", "refused.jsonl"))
    assert (done, refused) == ("quarantine", "rollback")


def test_case_098_to_a_missing_generation_is_refused(file: Path, cache: Path, build_real: Builds) -> None:
    """Whether its number was never there, or was removed."""
    _first, second = build_real(cache, 2)
    for seq in (7, 99_999_999):
        assert roll_back(file, cache, to=seq)["error"]["code"] == "no_generation"
    assert current(cache) == second
    assert not (cache / "quarantine").exists()


def test_case_098_a_corrupt_good_one_is_not_silently_passed_over(file: Path, cache: Path, build_real: Builds) -> None:
    """The first attempt says so; the next one goes on to what is left."""
    names = build_real(cache, 3)
    database = cache / "generations" / names[1] / "tiles.mbtiles"
    database.chmod(0o644)
    database.write_bytes(b"")
    error = roll_back(file, cache)["error"]
    assert error["code"] == "verify"
    assert f"{names[1]}: " in error["message"]
    assert "quarantine" in error["message"]
    assert current(cache) == names[2]
    assert roll_back(file, cache)["generation"] == names[0]


def test_another_companions_generation_is_refused(file: Path, cache: Path, build_real: Builds) -> None:
    """Copied from another drone, it is not this one's, whatever its hashes say."""
    first, second = build_real(cache, 2)
    manifest = cache / "generations" / first / "manifest.json"
    fields = json.loads(manifest.read_text())
    manifest.write_text(json.dumps({**fields, "companion_id": "f" * 32}))
    assert roll_back(file, cache)["error"]["code"] == "verify"
    assert current(cache) == second


def test_what_was_never_switched_to_is_not_gone_to(file: Path, cache: Path, build_real: Builds) -> None:
    """Nobody gave the word for it; a build takes it up."""
    first, _second = build_real(cache, 2)
    shutil.copytree(cache / "generations" / first, cache / "generations" / first.replace("00000001", "00000003"))
    assert roll_back(file, cache, to=3)["error"]["code"] == "no_target"


def test_case_093_an_armed_vehicle_is_not_switched(file: Path, cache: Path, build_real: Builds) -> None:
    """Neither before the verification nor, armed meanwhile, after it."""
    _first, second = build_real(cache, 2)
    own = cache / "companion.json"
    own.write_text('{"armed_command": ["/bin/false"]}')
    assert roll_back(file, cache)["error"]["code"] == "armed"
    asked = cache / "asked"
    program = cache / "is-armed"
    program.write_text(f"#!/bin/sh\n[ -e {asked} ] && exit 1\ntouch {asked}\n")
    program.chmod(0o755)
    own.write_text(json.dumps({"armed_command": [str(program)]}))
    assert roll_back(file, cache)["error"]["code"] == "armed"
    assert asked.exists()
    assert current(cache) == second


def test_it_waits_for_the_lock(file: Path, cache: Path, build_real: Builds) -> None:
    """Nothing is switched while somebody builds."""
    _first, second = build_real(cache, 2)
    with BuildLock(Layout(str(cache))).acquire(Patience(0.0, "", 0.0, lambda _holder: None), {"operator": "x@y"}):
        error = roll_back(file, cache, lock_wait_s=0)["error"]
    assert (error["code"], error["holder"]["operator"]) == ("busy", "x@y")
    assert current(cache) == second


def test_case_096_where_the_link_was_lost_it_is_made_again(file: Path, cache: Path, build_real: Builds) -> None:
    """The one that the agent had noted as current; a link that leads out of the root is none, and is not followed."""
    names = build_real(cache, 2)
    (cache / "elsewhere").mkdir()
    (cache / "current").unlink()
    (cache / "current").symlink_to("../elsewhere")
    assert roll_back(file, cache)["generation"] == names[1]
    (cache / "current").unlink()
    report = roll_back(file, cache)
    assert (report["previous_generation"], report["generation"]) == (None, names[1])
    assert current(cache) == names[1]


def test_a_cache_that_was_gone_back_to_is_a_no_op_to_build(file: Path, cache: Path, build_real: Builds) -> None:
    """``hello`` knows it as verified since boot."""
    build_real(cache, 2)
    roll_back(file, cache)
    verified = ask(file, "hello", cache, order_of(4, lat_deg=49.0))["verified"]
    assert (verified["ok"], verified["how"]) == (True, "since boot")


def test_nothing_there_is_told(file: Path, tmp_path: Path) -> None:
    """And nothing is made."""
    assert roll_back(file, tmp_path / "nowhere")["error"]["code"] == "no_cache"
    assert not (tmp_path / "nowhere").exists()
    whole_way(file, tmp_path / "one", order_of(4), supply_of(4))
    assert roll_back(file, tmp_path / "one")["error"]["code"] == "no_target"
