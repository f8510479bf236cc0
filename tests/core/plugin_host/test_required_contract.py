"""The window of contracts that a plugin says it is made for, after its import and before any of its hooks."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from operator_tool.api import CONTRACT, PluginError
from operator_tool.plugin_host.discovery import Discovery, load
from operator_tool.plugin_host.entry import Role
from tests.support.command import Workstation
from tests.support.distributions import write_distribution

FLIGHT = Path(__file__).parents[3] / "docs" / "tutorial" / "first-flight.plan"
MAJOR, MINOR = map(int, CONTRACT.split("."))


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder on the path, for distributions of a test's own."""
    folder = tmp_path / "site"
    folder.mkdir()
    monkeypatch.syspath_prepend(folder)
    yield folder
    sys.modules.pop("acme_window", None)


def loaded(site: Path, source: str, target: str = "acme_window") -> object:
    """Install a provider whose module is ``source``, and load it."""
    write_distribution(
        site,
        "acme-maps",
        version="2.3",
        entry_points={"tile_provider": {"acme": target}},
        modules={"acme_window": source},
    )
    return load(Discovery().find(Role.TILE_PROVIDER, "acme"))


@pytest.mark.parametrize("window", [f">={CONTRACT},<{MAJOR + 1}", f"=={MAJOR}.*", f"~={CONTRACT}", f">={MAJOR}", ""])
def test_a_window_that_this_contract_is_in_is_met(site: Path, window: str) -> None:
    """Whichever way it is written; the empty one is none."""
    assert loaded(site, f"requires_contract = {window!r}")


@pytest.mark.parametrize("window", [f">={MAJOR}.{MINOR + 1}", f"<{CONTRACT}", f"=={MAJOR + 1}.*", f"!={CONTRACT}"])
def test_case_125_a_plugin_of_another_contract_is_refused_with_both_numbers(site: Path, window: str) -> None:
    """Newer or older than this one; its distribution and version are named."""
    with pytest.raises(PluginError) as caught:
        loaded(site, f"requires_contract = {window!r}")
    assert caught.value.exit_code == 12
    assert "tile_provider 'acme' (acme-maps 2.3) is made for contract" in str(caught.value)
    assert window in str(caught.value)
    assert f"this operator-tool speaks contract {CONTRACT}" in str(caught.value)


def test_the_window_of_a_module_counts_for_an_object_in_it(site: Path) -> None:
    """An entry point may name an object; it may have a window of its own."""
    source = (
        "requires_contract = '>=99'\nclass Plugin: pass\nplain, own = Plugin(), Plugin()\nown.requires_contract = '>=1'"
    )
    assert loaded(site, source, "acme_window:own")
    (site / "acme_maps-2.3.dist-info" / "entry_points.txt").write_text(
        "[operator_tool.v1.tile_provider]\nacme = acme_window:plain\n"
    )
    with pytest.raises(PluginError, match=">=99"):
        load(Discovery().find(Role.TILE_PROVIDER, "acme"))


@pytest.mark.parametrize(
    ("source", "told"),
    [
        ("requires_contract = 1", "is 1, not a window of contracts such as"),
        ("requires_contract = ('>=1', '<2')", "not a window of contracts"),
        ("requires_contract = 'one'", "is 'one', not a window"),
        ("def __getattr__(name): raise RuntimeError(name)", "failed: RuntimeError: requires_contract"),
        ("def __getattr__(name): raise SystemExit(0)", "failed: SystemExit: 0"),
    ],
)
def test_a_window_that_is_none_is_named_as_such(site: Path, source: str, told: str) -> None:
    """It is not taken for a plugin without one."""
    with pytest.raises(PluginError, match=r"acme-maps 2\.3") as caught:
        loaded(site, source)
    assert told in str(caught.value)


def test_no_hook_of_a_plugin_for_another_contract_runs_and_the_command_ends_with_12(tmp_path: Path) -> None:
    """Not even the one that tells its settings."""
    site = tmp_path / "site"
    witness = tmp_path / "hooks-that-ran"
    source = (
        "from pathlib import Path\nfrom operator_tool import api\nrequires_contract = '>=1.99,<2'\n"
        f"def ran(): Path({str(witness)!r}).write_text('ran')\n"
        "@api.hookimpl\ndef plugin_settings(): ran()\n"
        "@api.hookimpl\ndef make_tile_provider(settings, context): ran()\n"
    )
    write_distribution(
        site, "acme-maps", entry_points={"tile_provider": {"acme": "acme_next"}}, modules={"acme_next": source}
    )
    ended = Workstation(tmp_path).run(
        "plan", "--flight-file", str(FLIGHT), "--provider", "acme", env={"PYTHONPATH": str(site)}
    )
    assert ended.code == 12
    assert f"is made for contract >=1.99,<2; this operator-tool speaks contract {CONTRACT}" in ended.err
    assert not witness.exists()


def test_the_library_that_reads_windows_is_imported_for_who_declares_one(tmp_path: Path) -> None:
    """The others don't pay for it."""
    site = tmp_path / "site"
    for name, source in (("plain", "x = 1"), ("declaring", "requires_contract = '>=1'")):
        write_distribution(
            site, name, entry_points={"tile_provider": {name: f"acme_{name}"}}, modules={f"acme_{name}": source}
        )
    script = (
        "import sys; from operator_tool.plugin_host.discovery import Discovery, load\n"
        "from operator_tool.plugin_host.entry import Role\n"
        "for name in ('plain', 'declaring'):\n"
        "    load(Discovery().find(Role.TILE_PROVIDER, name)); print('packaging' in sys.modules)\n"
    )
    command = [sys.executable, "-c", f"import sys; sys.path.insert(0, {str(site)!r})\n{script}"]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["False", "True"]
