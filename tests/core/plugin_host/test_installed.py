"""Which distributions have plugins: as ``importlib.metadata`` finds them, with less read, and none harms another."""

from __future__ import annotations

import importlib.metadata
import os
import subprocess
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from operator_tool.api import PluginError
from operator_tool.plugin_host.discovery import Discovery
from operator_tool.plugin_host.entry import Role
from operator_tool.plugin_host.installed import ENTRY_POINTS_MOST_BYTES, Installed, installed_distributions, normalized
from tests.support.distributions import write_distribution

PREFIX = "operator_tool."
POINTS = "[operator_tool.v1.tile_provider]\nacme = acme_maps\n"


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The whole path: one folder, for distributions of a test's own."""
    folder = tmp_path / "site"
    folder.mkdir()
    monkeypatch.setattr(sys, "path", [str(folder)])
    return folder


def metadata(folder: Path, name: str, **files: str | bytes) -> Path:
    """Write a folder of metadata with these files, ``METADATA`` as ``metadata`` and so on."""
    info = folder / name
    info.mkdir(parents=True)
    names = {"metadata": "METADATA", "pkg_info": "PKG-INFO", "entry_points": "entry_points.txt"}
    for file, content in files.items():
        (info / names[file]).write_bytes(content if isinstance(content, bytes) else content.encode())
    return info


def said(name: str, version: str) -> str:
    """Return metadata as an installer leaves it."""
    return f"Metadata-Version: 2.4\nName: {name}\nVersion: {version}\nSummary: x\n\nVersion: 9 of this page\n"


def found() -> list[tuple[str, str]]:
    """Return the name and version of what can be used."""
    return [(one.name, one.version) for one in installed_distributions(PREFIX) if not one.broken]


def broken() -> dict[str, str]:
    """Return what is said of what can't be."""
    return {one.name: "; ".join(one.broken) for one in installed_distributions(PREFIX) if one.broken}


def as_importlib_finds() -> set[tuple[str, str, str, str, str]]:
    """Return distribution, version, group, name and target, by the standard library alone."""
    unique: dict[str, importlib.metadata.Distribution] = {}
    for one in importlib.metadata.distributions():
        unique.setdefault(normalized(one.metadata["Name"]), one)
    return {
        (normalized(one.metadata["Name"]), one.version, point.group, point.name, point.value)
        for one in unique.values()
        for point in one.entry_points
        if point.group.startswith(PREFIX)
    }


def as_found() -> set[tuple[str, str, str, str, str]]:
    """Return the same, as the tool finds it."""
    return {(one.name, one.version, *point) for one in installed_distributions(PREFIX) for point in one.entry_points}


def test_it_finds_in_this_environment_what_importlib_finds() -> None:
    """An editable install among them: the tool's own."""
    assert ("operator-tool", "operator_tool.v1.tile_provider", "xyz") in {(one[0], *one[2:4]) for one in as_found()}
    assert as_found() == as_importlib_finds()


def test_it_finds_what_importlib_finds_however_it_was_installed(
    site: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Wheels with odd names and versions, what old tools left (folders of an egg, with and without a version; one in a
    development folder; a single file), an egg, a zipped wheel on the path, and the same folder twice."""
    metadata(
        site,
        "Acme.Maps-1.0.post1+local.2.dist-info",
        metadata=said("Acme.Maps", "1.0.post1+local.2"),
        entry_points=POINTS,
    )
    metadata(site, "a_b_c-2!1.0rc1.dist-info", metadata=said("a-b_c", "2!1.0rc1"), entry_points=POINTS)
    metadata(site, "old_egg-1.2-py3.11.egg-info", pkg_info=said("old-egg", "1.2"), entry_points=POINTS)
    metadata(site, "Loud.DIST-INFO", metadata=said("Loud", "3"), entry_points=POINTS)
    for name in ("acme", "acme-unescaped"):  # the folder of the second was named before dashes were escaped
        metadata(site, f"{name}-1.0.dist-info", metadata=said(name, "1.0"), entry_points=POINTS)
    (site / "single_file-1.0.egg-info").write_text(said("single-file", "1.0"))
    development = tmp_path / "src"
    metadata(development, "being_written.egg-info", pkg_info=said("being-written", "0.dev0"), entry_points=POINTS)
    metadata(tmp_path / "whole-4.0-py3.11.egg", "EGG-INFO", pkg_info=said("whole", "4.0"), entry_points=POINTS)
    with zipfile.ZipFile(tmp_path / "zipped.whl", "w") as archive:
        archive.writestr("zipped-5.0.dist-info/METADATA", said("zipped", "5.0"))
        archive.writestr("zipped-5.0.dist-info/entry_points.txt", POINTS)
    more = [development, tmp_path / "whole-4.0-py3.11.egg", tmp_path / "zipped.whl", site, tmp_path / "absent"]
    monkeypatch.setattr(sys, "path", [*sys.path, *map(str, more)])

    assert as_found() == as_importlib_finds()
    assert {one[0] for one in as_found()} == {
        *("acme-maps", "a-b-c", "old-egg", "loud", "being-written", "whole", "zipped", "acme", "acme-unescaped"),
    }


def test_the_first_of_a_name_on_the_path_counts(site: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As for an import; also when the first has no plugin any more, whose modules the second would not get."""
    later = tmp_path / "later"
    metadata(site, "acme_maps-2.0.dist-info", metadata=said("acme-maps", "2.0"), entry_points=POINTS)
    metadata(later, "Acme.Maps-1.0.dist-info", metadata=said("Acme.Maps", "1.0"), entry_points=POINTS)
    metadata(site, "gave_up-2.0.dist-info", metadata=said("gave-up", "2.0"))
    metadata(later, "gave_up-1.0.dist-info", metadata=said("gave-up", "1.0"), entry_points=POINTS)
    monkeypatch.setattr(sys, "path", [*sys.path, str(later)])

    assert found() == [("acme-maps", "2.0")]


def test_what_an_interrupted_uninstall_leaves_is_no_second_distribution(site: Path) -> None:
    """pip renames what it removes to ``~``: the plugin would be claimed twice."""
    metadata(site, "acme_maps-2.0.dist-info", metadata=said("acme-maps", "2.0"), entry_points=POINTS)
    metadata(site, "~cme_maps-1.0.dist-info", metadata=said("acme-maps", "1.0"), entry_points=POINTS)

    assert found() == [("acme-maps", "2.0")]


def unreadable_entry_points(site: Path) -> str:
    metadata(site, "bad-1.0.dist-info", metadata=said("bad", "1.0"))
    (site / "bad-1.0.dist-info" / "entry_points.txt").symlink_to("entry_points.txt")
    return "its entry_points.txt can't be read"


def endless_entry_points(site: Path) -> str:
    lines = "x = y\n" * (ENTRY_POINTS_MOST_BYTES // 6)
    metadata(site, "bad-1.0.dist-info", metadata=said("bad", "1.0"), entry_points=POINTS + lines)
    return "its entry_points.txt is longer than 1,048,576 bytes"


def undecodable_entry_points(site: Path) -> str:
    metadata(site, "bad-1.0.dist-info", metadata=said("bad", "1.0"), entry_points=POINTS.encode() + b"b\xe4d = x\n")
    return "its entry_points.txt is not UTF-8"


def a_pipe(site: Path) -> str:
    metadata(site, "bad-1.0.dist-info", metadata=said("bad", "1.0"))
    os.mkfifo(site / "bad-1.0.dist-info" / "entry_points.txt")
    return "its entry_points.txt is not a file"


def a_line_that_is_none(site: Path) -> str:
    metadata(site, "bad-1.0.dist-info", metadata=said("bad", "1.0"), entry_points=POINTS + "acme_two\n")
    return "has a line without '=' in [operator_tool.v1.tile_provider]: 'acme_two'"


def no_metadata(site: Path) -> str:
    metadata(site, "bad-1.0.dist-info", entry_points=POINTS)
    return "it has no METADATA"


def metadata_without_a_name(site: Path) -> str:
    metadata(site, "bad-1.0.dist-info", metadata="Summary: no name\n\nName: bad\nVersion: 1\n", entry_points=POINTS)
    return "its METADATA has no name and version that can be read"


def undecodable_metadata(site: Path) -> str:
    metadata(site, "bad-1.0.dist-info", metadata=b"Name: b\xe4d\nVersion: 1.0\n", entry_points=POINTS)
    return "its METADATA has no name and version that can be read"


def metadata_that_is_a_folder(site: Path) -> str:
    (metadata(site, "bad-1.0.dist-info", entry_points=POINTS) / "METADATA").mkdir()
    return "its METADATA is not a file"


@pytest.mark.parametrize(
    "damage",
    [
        unreadable_entry_points,
        endless_entry_points,
        undecodable_entry_points,
        a_pipe,
        a_line_that_is_none,
        no_metadata,
        metadata_without_a_name,
        undecodable_metadata,
        metadata_that_is_a_folder,
    ],
)
@pytest.mark.timeout(10)
def test_a_distribution_that_is_broken_is_told_as_such_and_the_others_live(
    site: Path, damage: Callable[[Path], str]
) -> None:
    """By the name and the version of its folder; nothing of it can be selected."""
    write_distribution(site, "good-maps", entry_points={"tile_provider": {"good": "good_maps"}})
    told = damage(site)
    discovery = Discovery()

    assert [(one.name, one.version) for one in discovery.broken] == [("bad", "1.0")]
    assert told in broken()["bad"]
    assert discovery.names(Role.TILE_PROVIDER) == ["good"]
    with pytest.raises(PluginError, match=r"bad 1\.0: it"):
        discovery.find(Role.TILE_PROVIDER, "acme")


def test_a_description_of_any_length_is_no_damage(site: Path) -> None:
    """Name and version stand at its head."""
    text = said("acme-maps", "2.0").encode() + b"\xff" * 5_000_000
    metadata(site, "acme_maps-2.0.dist-info", metadata=text, entry_points=POINTS)

    assert found() == [("acme-maps", "2.0")]


@pytest.mark.parametrize("before", [100, 2_000, 60_000])
@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_name_and_version_are_found_wherever_they_stand_in_the_head(site: Path, before: int, end: str) -> None:
    """A tool may write them after others, and end its lines as another system does."""
    text = "Summary: " + "x" * before + "\nVersion: 2.0\nName: acme-maps\n\nName: another\n"
    metadata(site, "acme_maps-2.0.dist-info", metadata=text.replace("\n", end), entry_points=POINTS)

    assert found() == [("acme-maps", "2.0")]


def test_a_finder_that_fails_loses_nobody_else(site: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Somebody's own finder, or an archive that is none."""

    class Failing:
        def find_distributions(self) -> list[Installed]:
            raise RuntimeError("no index")

        def find_spec(self, *_arguments: object) -> None: ...

    metadata(site, "acme_maps-2.0.dist-info", metadata=said("acme-maps", "2.0"), entry_points=POINTS)
    (site / "not.zip").write_bytes(b"PK\x03\x04 torn")
    monkeypatch.setattr(sys, "path", [str(site / "not.zip"), *sys.path])
    monkeypatch.setattr(sys, "meta_path", [Failing(), *sys.meta_path])

    assert found() == [("acme-maps", "2.0")]


COUNTING = """
import sys
opened = []
sys.addaudithook(lambda event, args: opened.append(str(args[0])) if event == "open" else None)
from operator_tool.plugin_host.discovery import Discovery
entries = Discovery().entries
site = sys.argv[1]
names = [name[len(site) + 1:] for name in opened if name.startswith(site)]
print(len([e for e in entries if e.distribution.startswith("acme-maps")]))
print(sum(name.endswith("entry_points.txt") for name in names), sum(name.endswith("METADATA") for name in names))
print(sorted({name.rpartition("/")[2] for name in names}))
print([name for name in ("email", "importlib.metadata", "pluggy", "stevedore", "msgspec") if name in sys.modules])
"""


def test_of_300_distributions_only_what_is_needed_is_read(tmp_path: Path) -> None:
    """Each one's entry points once; name and version of those with plugins; nothing else, and no parser is imported."""
    site = tmp_path / "site"
    for number in range(300):
        ours = number % 3 == 0
        points = {"tile_provider": {f"acme-{number}": "acme"}} if ours else {"operator_tool.": {}}
        name = f"acme-maps-{number}" if ours else f"unrelated-{number}"
        write_distribution(site, name, entry_points=points)
        (site / f"{name.replace('-', '_')}-1.0.dist-info" / "RECORD").write_text("acme.py,,\n")
    script = [sys.executable, "-S", "-c", COUNTING, str(site)]
    core = str(Path(__file__).parents[3] / "core")
    done = subprocess.run(script, capture_output=True, text=True, check=True, env={"PYTHONPATH": f"{site}:{core}"})

    assert done.stdout.splitlines() == ["100", "300 100", "['METADATA', 'entry_points.txt']", "[]"]
