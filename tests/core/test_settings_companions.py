"""The inventory of companions in the configuration file."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import pytest

from operator_tool.api import ConfigError, Meta, PluginSettings, UsageError
from operator_tool.redaction import Redactor
from operator_tool.settings import SettingsSources

INVENTORY = """
[ssh]
host = "everybody's"
user = "pilot"
port = 22
[profiles.field.ssh]
port = 23
[companions.alpha]
transport = "ssh"
[companions.alpha.ssh]
host = "alpha.example"
port = 24
[companions."b.1"]
transport = "local"
provisioner = "c10"
[companions.empty]
"""


class Ssh(PluginSettings, frozen=True, kw_only=True):
    """Settings as a transport has them."""

    host: Annotated[str, Meta(description="Where.")]
    port: Annotated[int, Meta(description="Which.", ge=1)] = 22
    user: Annotated[str, Meta(description="Who.")] = "nobody"


def sources(
    folder: Path,
    text: str,
    *,
    env: dict[str, str] | None = None,
    options: tuple[str, ...] = (),
    profiles: tuple[str, ...] = (),
) -> SettingsSources:
    """Read the sources, with that text in the file."""
    config = folder / "config.toml"
    config.write_text(text)
    config.chmod(0o600)
    return SettingsSources.read(
        config_file=config, explicit=True, env=env or {}, options=options, profiles=profiles, redactor=Redactor()
    )


def test_the_inventory_names_companions_and_their_plugins_in_the_files_order(tmp_path: Path) -> None:
    """What the file doesn't say is None; a file without an inventory has none."""
    assert sources(tmp_path, INVENTORY).companions() == (
        ("alpha", "ssh", None),
        ("b.1", "local", "c10"),
        ("empty", None, None),
    )
    assert sources(tmp_path, "[ssh]").companions() == ()


def test_a_companions_tables_stand_above_the_profiles_and_below_the_environment(tmp_path: Path) -> None:
    """Each key is decided by the strongest that speaks of it, and another companion's tables say nothing."""
    read = sources(tmp_path, INVENTORY, profiles=("field",))
    alpha = read.for_companion("alpha").for_plugin("ssh", Ssh)
    assert (alpha.host, alpha.port, alpha.user) == ("alpha.example", 24, "pilot")
    other = read.for_companion("empty").for_plugin("ssh", Ssh)
    assert (other.host, other.port) == ("everybody's", 23)
    assert read.for_plugin("ssh", Ssh).port == 23
    env = {"OPERATOR_TOOL_SSH_PORT": "25", "OPERATOR_TOOL_SSH_USER": "env"}
    read = sources(tmp_path, INVENTORY, env=env, options=("ssh.user=option",))
    alpha = read.for_companion("alpha").for_plugin("ssh", Ssh)
    assert (alpha.host, alpha.port, alpha.user) == ("alpha.example", 25, "option")


def test_an_unknown_companion_names_the_nearest_and_all(tmp_path: Path) -> None:
    """Where there is none at all, the error says where to write one."""
    with pytest.raises(UsageError, match="has no companion alpa; did you mean alpha") as caught:
        sources(tmp_path, INVENTORY).for_companion("alpa")
    assert caught.value.hint == "It has alpha, b.1, empty."
    with pytest.raises(UsageError, match="has no companion alpha") as caught:
        sources(tmp_path, "").companion("alpha")
    assert "[companions.NAME]" in caught.value.hint
    with pytest.raises(UsageError, match="has no companion ''"):
        sources(tmp_path, INVENTORY).companion("")
    with pytest.raises(UsageError) as caught:
        sources(tmp_path, "").companion("\x1b[2J")
    assert "\x1b" not in caught.value.message


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("companions = 3", ": companions stands where a table is wanted"),
        ("[companions]\nalpha = 3", " [companions]: alpha is 3, but wants a table"),
        ("[companions.alpha]\ntransport = 3", " [companions.alpha]: transport is 3, but wants the name of a transport"),
        ("[companions.alpha.provisioner]", " [companions.alpha]: provisioner is {}, but wants the name"),
        ('[companions.alpha]\ntransport = ""', " [companions.alpha]: transport is '', but wants the name"),
        ('[companions.alpha]\nhost = "h"', " [companions.alpha]: a companion has no setting host"),
        ('[companions.alpha]\ntransprt = "h"', ": a companion has no setting transprt; did you mean transport?"),
        ('[companions."a b"]', " [companions]: 'a b' can't be a companion's name"),
        ('[companions."../x"]', " [companions]: '../x' can't be a companion's name"),
        ('[companions."\\u001b[2J"]', "\\x1b[2J' can't be a companion's name"),
        (f"[companions.{'x' * 65}]", "can't be a companion's name"),
    ],
)
def test_an_inventory_of_another_form_is_refused_with_its_place(tmp_path: Path, text: str, message: str) -> None:
    """Whoever reads the error knows the table, the key, what stands there and what is wanted."""
    with pytest.raises(ConfigError) as caught:
        sources(tmp_path, text)
    assert caught.value.message.startswith(str(tmp_path / "config.toml"))
    assert message in caught.value.message


def test_an_error_in_a_companions_setting_names_its_table(tmp_path: Path) -> None:
    """The value in the file, and the setting that is missing."""
    text = '[companions.alpha.ssh]\nport = "x"\nhost = "h"\n[companions.beta]\n'
    read = sources(tmp_path, text)
    with pytest.raises(ConfigError, match=r"config.toml \[companions\.alpha\.ssh\]: ssh\.port is 'x'"):
        read.for_companion("alpha").for_plugin("ssh", Ssh)
    with pytest.raises(ConfigError, match=r"^companion beta: ssh needs the setting host") as caught:
        read.for_companion("beta").for_plugin("ssh", Ssh)
    assert "under [companions.beta.ssh] in" in caught.value.hint


def test_case_133_a_companions_table_of_no_plugin_is_refused(tmp_path: Path) -> None:
    """Also where the companion was not selected: a setting that nothing reads is a mistake."""
    with pytest.raises(ConfigError, match=r"\[companions\.alpha\.shh\]: no plugin shh is installed; did you mean ssh"):
        sources(tmp_path, "[companions.alpha.shh]").check_all_used(["ssh", "xyz"])
    for section in ("operator-tool", "xyz"):
        with pytest.raises(ConfigError, match=rf"\[companions\.alpha\.{section}\]: {section} has one setting for all"):
            sources(tmp_path, f"[companions.alpha.{section}]").check_all_used(["ssh", "xyz"], ["ssh"])
    with pytest.raises(ConfigError, match="operator-tool has one setting for all"):
        sources(tmp_path, "[companions.alpha.operator-tool]").check_all_used(["ssh"])
    sources(tmp_path, INVENTORY).check_all_used(["ssh", "c10"], ["ssh", "c10"])


def test_what_a_companions_settings_give_notice_of_is_told_once_by_all(tmp_path: Path) -> None:
    """Notices and the variables that hold secrets are those of the whole run."""
    read = sources(tmp_path, INVENTORY, env={"OPERATOR_TOOL_SSH_PRT": "1"})
    for name in ("alpha", "empty"):
        read.for_companion(name).for_plugin("ssh", Ssh)
    assert [notice for notice in read.notices if "OPERATOR_TOOL_SSH_PRT" in notice] == read.notices
    assert len(read.notices) == 1
    assert read.for_companion("alpha").secret_variables is read.secret_variables
