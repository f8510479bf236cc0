"""Bad input: each with its exit code and one clear line, and never a traceback."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.support.command import Ended, Workstation

ROOT = Path(__file__).parents[2]
FLIGHT = ROOT / "docs" / "tutorial" / "first-flight.plan"
PNG = b"\x89PNG\r\n\x1a\n" + b"\0" * 64


@pytest.fixture
def workstation(tmp_path: Path) -> Workstation:
    """One operator's folders."""
    return Workstation(tmp_path)


def assert_clear(ended: Ended, code: int, *words: str) -> None:
    """Assert the code, that each of the words is said, that a hint follows, and that no traceback is shown."""
    assert ended.code == code, ended.all
    assert "Traceback" not in ended.all
    said = " ".join(ended.err.split())
    for word in words:
        assert word in said


def flight_json(lat: str) -> str:
    """Return a flight of the tool's own form, with one latitude as it is given."""
    return (
        '{"id": "F-1", "name": "x", "waypoints": ['
        '{"ordinal": 0, "lat": 47.0, "lon": 8.0, "alt_m": 10}, '
        f'{{"ordinal": 1, "lat": {lat}, "lon": 8.1, "alt_m": 10}}]}}'
    )


@pytest.mark.parametrize(
    ("name", "content", "code", "words"),
    [
        ("empty.plan", b"", 93, ["empty"]),
        ("picture.plan", PNG, 93, ["PNG"]),
        ("high.json", flight_json("91").encode(), 93, ["waypoints[1].lat", "91"]),
        ("nan.json", flight_json("NaN").encode(), 93, ["NaN"]),
        ("text.txt", b"hello", 93, []),
    ],
)
def test_a_file_that_is_no_flight_is_93_and_says_what_was_seen(
    workstation: Workstation, name: str, content: bytes, code: int, words: list[str]
) -> None:
    """The place in the file is named."""
    path = workstation.folder / name
    path.write_bytes(content)
    assert_clear(workstation.run(*workstation.build_arguments(path)), code, "FlightFormatError", *words)


def test_a_missing_flight_file_is_94(workstation: Workstation) -> None:
    """The path is named."""
    ended = workstation.run(*workstation.build_arguments("nowhere.plan"))
    assert_clear(ended, 94, "nowhere.plan", "next")


def test_both_flight_options_or_none_are_a_usage_error(workstation: Workstation) -> None:
    """Exactly one names the flight."""
    assert_clear(workstation.run(*workstation.build_arguments(FLIGHT, "--flight-id", "F-1")), 2, "both were given")
    assert_clear(workstation.run("build-cache", "--provider", "synthetic"), 2, "none was given")
    assert not workstation.data.exists()


def test_case_133_an_unknown_option_is_a_usage_error_and_creates_nothing(workstation: Workstation) -> None:
    """Nothing is opened before the command line is right."""
    assert_clear(workstation.run(*workstation.build_arguments(FLIGHT, "--bogus")), 2, "--bogus")
    assert_clear(workstation.run("fly"), 2, "fly")
    assert not workstation.data.exists()
    assert not workstation.cache_root.exists()


def test_bbox_is_refused_with_a_pointer(workstation: Workstation) -> None:
    """The area comes from the flight."""
    assert_clear(workstation.run(*workstation.build_arguments(FLIGHT, "--bbox", "1,2,3,4")), 2, "--box")


def test_an_unknown_provider_is_12_with_what_is_installed(workstation: Workstation) -> None:
    """And with the nearest name."""
    ended = workstation.run(*workstation.build_arguments(FLIGHT, provider="sinthetic"))
    assert_clear(ended, 12, "installed are", "synthetic, wmts, xyz", "Did you mean 'synthetic'?")


def test_case_133_an_unknown_setting_is_11_with_the_nearest(workstation: Workstation) -> None:
    """A misspelt setting never falls silently to its default."""
    ended = workstation.run(*workstation.build_arguments(FLIGHT, "-o", "synthetic.sed=3"))
    assert_clear(ended, 11, "sed", "seed")


def test_a_provider_without_its_url_is_11_and_says_how_to_set_it(workstation: Workstation) -> None:
    """All ways are named."""
    ended = workstation.run(*workstation.build_arguments(FLIGHT, provider="xyz"))
    assert_clear(ended, 11, "xyz.url", "OPERATOR_TOOL_XYZ_URL")


@pytest.mark.parametrize("zoom", ["25", "18-15", "x", "15-", "-1", "15-99999999999999"])
def test_a_zoom_that_does_not_exist_is_a_usage_error(workstation: Workstation, zoom: str) -> None:
    """Zooms go from 0 to 22."""
    assert_clear(workstation.run(*workstation.build_arguments(FLIGHT, f"--zoom={zoom}")), 2, "zoom")


def test_too_many_tiles_are_refused_with_the_count_and_the_options(workstation: Workstation) -> None:
    """Before anything is asked or fetched."""
    ended = workstation.run(*workstation.build_arguments(FLIGHT, "--zoom", "15-20", "--max-tiles", "100"))
    assert_clear(ended, 2, "--max-tiles", "100")
    assert not workstation.cache_root.exists()


def test_a_cache_root_below_a_file_is_31(workstation: Workstation) -> None:
    """Nobody, not even root, can write below a file."""
    (workstation.folder / "file").write_text("x")
    arguments = workstation.build_arguments(FLIGHT, "--zoom", "14", "-o", f"c10.cache_root={workstation.folder}/file/x")
    ended = workstation.run(*arguments, "-o", f"c10.agent_dir={workstation.folder}/agent")
    assert_clear(ended, 31, f"{workstation.folder}/file/x", "not ready")


def test_a_report_that_can_not_be_written_is_told_before_anything_is_begun(workstation: Workstation) -> None:
    """11, and no cache: the operator names another file before an hour has gone by."""
    ended = workstation.run(
        *workstation.build_arguments(FLIGHT, "--zoom", "14", "--report", "/nonexistent/report.json")
    )
    assert_clear(ended, 11, "can't be written")
    assert not workstation.cache_root.exists()


def test_a_report_never_takes_the_place_of_a_device(workstation: Workstation) -> None:
    """Who is root could replace it."""
    pipe = workstation.folder / "pipe"
    os.mkfifo(pipe)
    ended = workstation.run(*workstation.build_arguments(FLIGHT, "--zoom", "14", "--report", str(pipe)))
    assert_clear(ended, 11, "no file")
    assert pipe.is_fifo()


def test_case_135_json_is_one_document_and_nothing_else_on_standard_output(workstation: Workstation) -> None:
    """In the C locale, in cp1252, without a terminal: for success and for failure."""
    for env in ({"LC_ALL": "C"}, {"PYTHONIOENCODING": "cp1252"}, {"PYTHONIOENCODING": "ascii"}):
        good = workstation.run(*workstation.build_arguments(FLIGHT, "--zoom", "14", "--json", "-v"), env=env)
        assert good.code == 0
        assert good.report["exit_code"] == 0
        bad = workstation.run(*workstation.build_arguments("nöwhere-✈.plan", "--json"), env=env)
        assert (bad.code, bad.report["exit_code"], bad.report["failure_phase"]) == (94, 94, "flight_resolve")
        worse = workstation.run(*workstation.build_arguments(FLIGHT, "--json", provider="none"), env=env)
        assert (worse.code, worse.report["exit_code"]) == (12, 12)


def test_case_134_a_reader_that_goes_away_changes_nothing_about_the_outcome(workstation: Workstation) -> None:
    """``| head -0``: no traceback, and the exit code is the run's."""
    reading, writing = os.pipe()
    os.close(reading)
    import subprocess

    from tests.support.command import COMMAND

    done = subprocess.run(
        [*COMMAND, "plan", "--flight-file", str(FLIGHT), "--provider", "synthetic"],
        env=workstation.environment(),
        stdout=writing,
        stderr=subprocess.PIPE,
        timeout=60,
    )
    os.close(writing)
    assert (done.returncode, b"Traceback" in done.stderr, b"BrokenPipe" in done.stderr) == (0, False, False)


def test_case_136_a_home_that_is_not_set_is_11(workstation: Workstation) -> None:
    """Unless the folders are named."""
    env = {"HOME": "", "XDG_CONFIG_HOME": "", "XDG_DATA_HOME": "", "OPERATOR_TOOL_DATA_DIR": ""}
    assert_clear(workstation.run(*workstation.build_arguments(FLIGHT), env=env), 11, "HOME")


def test_case_136_a_configuration_that_others_can_write_is_11(workstation: Workstation) -> None:
    """Whoever writes it chooses the imagery and the companion."""
    workstation.config.write_text("[synthetic]\nseed = 2\n")
    workstation.config.chmod(0o666)
    ended = workstation.run(*workstation.build_arguments(FLIGHT, "--config", str(workstation.config)))
    assert_clear(ended, 11, str(workstation.config), "chmod")


def test_case_139_a_store_of_a_newer_schema_is_11_and_is_left_as_it_is(workstation: Workstation) -> None:
    """An older tool never rewrites what a newer one made."""
    import sqlite3

    assert workstation.run(*workstation.build_arguments(FLIGHT, "--zoom", "14")).code == 0
    (index,) = (workstation.data / "stores").rglob("index.sqlite")
    connection = sqlite3.connect(index)
    connection.execute("PRAGMA user_version = 99")
    connection.commit()
    connection.close()
    before = index.read_bytes()

    ended = workstation.run(*workstation.build_arguments(FLIGHT, "--zoom", "14-15"))

    assert_clear(ended, 11, "newer")
    assert index.read_bytes() == before


def test_case_133_an_api_key_on_the_command_line_says_that_the_process_list_shows_it(
    workstation: Workstation,
) -> None:
    """It works for a quick try, and is nowhere in what is printed."""
    key = "canary-4711-key-value"
    arguments = workstation.build_arguments(FLIGHT, "--api-key", key, provider="xyz")
    ended = workstation.run(*arguments, "-o", "xyz.url=http://127.0.0.1:9/{z}/{x}/{y}", "--zoom", "10", "-v")
    assert "process list" in ended.err
    assert key not in ended.all
