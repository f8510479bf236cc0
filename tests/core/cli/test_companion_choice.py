"""Which companions a command is for, and one transport and one provisioner made anew for each of them."""

from __future__ import annotations

from pathlib import Path

import pytest

from operator_tool.api import Event, Notice, PluginError, RunContext
from operator_tool.cli.companion_choice import chosen_companions
from operator_tool.cli.options import CompanionOptions
from operator_tool.plugin_host.discovery import Blocking, Discovery
from operator_tool.plugin_host.host import PluginHost
from operator_tool.redaction import Redactor
from operator_tool.settings import SettingsSources

INVENTORY = """
[companions.alpha]
transport = "local"
[companions.alpha.c10]
cache_root = "/alpha"
[companions.beta]
transport = "local"
[companions.beta.c10]
cache_root = "/beta"
"""


@pytest.fixture
def sources(tmp_path: Path) -> SettingsSources:
    """The inventory of two companions."""
    config = tmp_path / "config.toml"
    config.write_text(INVENTORY)
    config.chmod(0o600)
    return SettingsSources.read(config_file=config, explicit=True, env={}, options=[], profiles=[], redactor=Redactor())


def host_of(sources: SettingsSources, context: RunContext) -> PluginHost:
    """Return a host of the installed plugins."""
    return PluginHost(Discovery(Blocking.parse(no_plugins=True, block=())), sources, lambda _name: context)


def test_each_companion_has_its_own_settings_and_one_record_tells_of_all(
    sources: SettingsSources, tmp_path: Path
) -> None:
    """The plugin is registered once, and asked again for each companion."""
    context = RunContext(run_id="r", state_dir=tmp_path)
    host = host_of(sources, context)
    chosen = chosen_companions(CompanionOptions(all_companions=True), sources)
    sites = [host.provisioner(one.provisioner, one.sources, context).site for one in chosen]
    transports = [host.companion_transport(one.transport, one.sources, context) for one in chosen]
    assert sites == ["/alpha", "/beta"]
    assert transports[0] is not transports[1]
    assert [record.name for record in host.records] == ["c10", "local"]


def test_one_name_in_two_roles_is_still_refused(
    sources: SettingsSources, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Their settings could not be told apart."""
    from tests.support.distributions import write_distribution

    write_distribution(
        tmp_path / "site",
        "acme",
        entry_points={"companion_transport": {"acme": "acme_t"}, "provisioner": {"acme": "acme_p"}},
        modules={
            "acme_t": "from operator_tool.api import hookimpl\n"
            "class T:\n    address = 'a'\n    def connect(self): ...\n"
            "@hookimpl\ndef make_companion_transport(settings, context): return T()",
            "acme_p": "",
        },
    )
    monkeypatch.syspath_prepend(tmp_path / "site")
    host = PluginHost(Discovery(), sources, lambda _name: RunContext(run_id="r", state_dir=tmp_path))
    host.companion_transport("acme")
    with pytest.raises(PluginError, match="have one name"):
        host.provisioner("acme")


def test_the_events_of_one_of_several_say_whose_they_are(sources: SettingsSources, tmp_path: Path) -> None:
    """And those of the only one don't: there is nothing to tell apart."""
    told: list[Event] = []
    context = RunContext(run_id="r", state_dir=tmp_path, emit=told.append)
    for one in chosen_companions(CompanionOptions(all_companions=True), sources):
        one.context(context, named=True).emit(Notice(text="slow"))
        one.context(context, named=False).emit(Notice(text="slow"))
    assert [event.companion for event in told] == ["alpha", "", "beta", ""]


def test_options_stand_above_what_the_inventory_says(sources: SettingsSources) -> None:
    """The transport and the provisioner of the command line are for all; else the inventory's, else the usual."""
    options = CompanionOptions(companion=("beta", "alpha", "beta"), provisioner="other")
    chosen = chosen_companions(options, sources)
    assert [(one.name, one.transport, one.provisioner) for one in chosen] == [
        ("beta", "local", "other"),
        ("alpha", "local", "other"),
    ]
    (only,) = chosen_companions(CompanionOptions(), sources)
    assert (only.name, only.transport, only.provisioner) == ("", "ssh", "c10")
    (alpha,) = chosen_companions(CompanionOptions(companion=("alpha",), transport="ssh"), sources)
    assert (alpha.transport, alpha.provisioner) == ("ssh", "c10")
