"""Shell completion in real shells: each kind of name, and silence whatever there is on disk and on the line."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import click
import pytest

from operator_tool.cli import completing
from operator_tool.cli.completion import complete
from operator_tool.cli.setting_names import SETTING_NAMES
from operator_tool.places import Places
from operator_tool.plugin_host.discovery import Discovery, load
from operator_tool.plugin_host.entry import CONTRACT_MAJOR
from operator_tool.plugin_host.hooks import Hooks
from operator_tool.sectors import SectorKind
from operator_tool.settings import CORE_SECTION, CoreSettings, describe_settings
from operator_tool.settings.secret_fields import SECRET_SUFFIXES
from tests.core.cli.test_help import HEAVY

SHELLS = ("bash", "zsh", "fish")
UNWANTED = (*HEAVY, "operator_tool_plugins", "operator_tool.api", "shapely", "cryptography")
SCRIPT = """
import sys
sys.argv = ["operator-tool"]
from operator_tool.cli import main
try:
    main()
finally:
    loaded = [name for name in {unwanted!r} if name in sys.modules]
    print("LOADED", *loaded, len([name for name in sys.modules if name.startswith("operator_tool")]))
"""
CONFIG = """
[companions.alpha]
transport = "local"
[companions.bravo]
["companions"."two words"]
[profiles.night.xyz]
attempts = 1
[cameras."My Cam"]
"""


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """A home with a configuration file and a sector."""
    config = tmp_path / ".config" / "operator-tool" / "config.toml"
    config.parent.mkdir(parents=True)
    config.write_text(CONFIG)
    config.chmod(0o600)
    data = tmp_path / ".local" / "share" / "operator-tool"
    data.mkdir(parents=True)
    (data / "sectors.json").write_text(json.dumps({"sectors": [{"name": "harbour"}], "version": 1}))
    return tmp_path


def environment(home: Path, **more: str) -> dict[str, str]:
    """Return the environment of a shell whose home this is, with this Python's programs first."""
    kept = {"PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}", "LANG": "C.UTF-8"}
    return {**kept, "HOME": str(home), **more}


def asked(home: Path, words: str, *, shell: str = "bash") -> subprocess.CompletedProcess[str]:
    """Ask as the shell's script does for what comes at the end of the words."""
    line = f"operator-tool {words}"
    at = line.rsplit(" ", 1)[1] if shell == "fish" else str(len(line.split(" ")) - 1)
    protocol = {"_OPERATOR_TOOL_COMPLETE": f"{shell}_complete", "COMP_WORDS": line, "COMP_CWORD": at}
    return subprocess.run(
        [sys.executable, "-c", SCRIPT.format(unwanted=UNWANTED)],
        env=environment(home, **protocol),
        capture_output=True,
        text=True,
        timeout=60,
    )


def offered(home: Path, words: str, *, shell: str = "bash") -> list[str]:
    """Return the values that are offered, once it is seen that all was silent and little imported."""
    done = asked(home, words, shell=shell)
    assert (done.returncode, done.stderr) == (0, "")
    answer, _, counted = done.stdout.rpartition("LOADED ")
    assert len(counted.split()) == 1, counted
    assert int(counted) < 30, "a TAB imports few modules"
    lines = answer.strip("\n").split("\n") if answer.strip() else []
    if shell == "zsh":
        return lines[1::3]
    return [line.partition(",")[2].partition("\t")[0] for line in lines]


@pytest.mark.parametrize("shell", SHELLS)
def test_names_are_completed_in_each_shells_protocol(home: Path, shell: str) -> None:
    """Commands, plugins, and what the configuration file names."""
    assert offered(home, "build", shell=shell) == ["build-cache"]
    assert offered(home, "companion st", shell=shell) == ["status"]
    assert offered(home, "plan --provider x", shell=shell) == ["xyz"]
    assert offered(home, "companion status --companion ", shell=shell) == ["alpha", "bravo"]


@pytest.mark.parametrize(
    ("words", "some"),
    [
        ("", {"build-cache", "plan", "companion"}),
        ("plan --pro", {"--provider", "--profile"}),
        ("plan --provider ", {"xyz", "wmts", "mbtiles", "folder"}),
        ("build-cache --transport ", {"ssh", "openssh", "local"}),
        ("build-cache --provisioner ", {"c10"}),
        ("plan --flight-source ", {"file", "api"}),
        ("plan --flight-format q", {"qgc-plan", "qgc-mission"}),
        ("plan --camera phantom", {"phantom-4", "phantom-4-pro"}),
        ("plan --camera My", {"My-Cam"}),
        ("plan --sector ", {"active_conflict", "stable_rear", "harbour"}),
        ("set-sector --remove ", {"harbour"}),
        ("plan --profile ", {"night"}),
        ("plan --block tile_p", {"tile_provider:xyz"}),
        ("plan -o xy", {"xyz."}),
        ("plan -o xyz.ur", {"xyz.url="}),
        ("plan -o operator-tool.li", {"operator-tool.listeners="}),
        ("plugins info jso", {"jsonlog"}),
        ("flights show --flight-source ", {"file", "api"}),
        ("store info --provider ", {"xyz"}),
    ],
)
def test_each_kind_of_name_is_offered(home: Path, words: str, some: set[str]) -> None:
    """What is installed, what was configured, what was set, and what comes with the tool."""
    assert some <= set(offered(home, words))


def test_what_the_line_says_of_its_files_holds(home: Path) -> None:
    """``--config`` and ``--data-dir`` before the TAB."""
    other = home / "other.toml"
    other.write_text("[companions.zulu]\n")
    (home / "data").mkdir()
    (home / "data" / "sectors.json").write_text('{"sectors": [{"name": "ridge"}]}')
    assert offered(home, f"plan --config {other} --profile ") == []
    assert offered(home, f"companion status --config {other} --companion ") == ["zulu"]
    assert "ridge" in offered(home, f"plan --data-dir {home}/data --sector ")


@pytest.mark.parametrize("shell", SHELLS)
def test_a_files_name_is_left_to_the_shell(home: Path, shell: str) -> None:
    """It knows files better."""
    assert asked(home, "plan --flight-file su", shell=shell).stdout.startswith("file")


HOSTILE = {
    "none": None,
    "no TOML": b"[companions\n",
    "no UTF-8": b"\xff\xfe\x00",
    "nested": b"a = " + b"[" * 100_000,
    "a list": b"companions = [1, 2]",
    "a number": b"companions = 7",
    "names that a shell would act on": b'[companions."$(touch x)"]\n[companions."a\\nplain,b"]\n[companions."*"]\n',
    "too long": b"#" * 1024 * 1024 + b"\n[companions.alpha]\n",
}


@pytest.mark.parametrize("what", HOSTILE)
def test_no_configuration_file_makes_a_tab_speak(home: Path, what: str) -> None:
    """Nothing on standard error, nothing offered; commands tell of what is wrong there."""
    config = home / ".config" / "operator-tool" / "config.toml"
    config.unlink()
    raw = HOSTILE[what]
    if raw is not None:
        config.write_bytes(raw)
    assert offered(home, "companion status --companion ") == []
    assert "xyz" in offered(home, "plan --provider ")


def test_neither_a_pipe_nor_a_folder_nor_one_that_may_not_be_read_holds_a_tab_up(home: Path) -> None:
    """A pipe that nobody writes to is not waited for."""
    config = home / ".config" / "operator-tool" / "config.toml"
    config.unlink()
    os.mkfifo(config)
    assert offered(home, "companion status --companion ") == []
    config.unlink()
    config.mkdir()
    assert offered(home, "companion status --companion ") == []


@pytest.mark.parametrize("sectors", ["[]", "{}", '{"sectors": 1}', '{"sectors": [1, {"name": 2}, {}]}', "[" * 100_000])
def test_no_file_of_sectors_makes_a_tab_speak(home: Path, sectors: str) -> None:
    """The kinds are offered all the same."""
    (home / ".local" / "share" / "operator-tool" / "sectors.json").write_text(sectors)
    assert offered(home, "plan --sector ") == ["active_conflict", "stable_rear"]


@pytest.mark.parametrize(
    "words", ["nonsense ", "plan --nonsense ", "plan --zoom x --provider ", "'", 'plan --camera "My ']
)
def test_no_line_makes_a_tab_speak(home: Path, words: str) -> None:
    """Whatever was typed."""
    offered(home, words)


def test_the_names_of_commands_import_none_of_them(home: Path) -> None:
    """They come from the table, with their help lines."""
    counted = int(asked(home, "").stdout.rpartition("LOADED ")[2])
    assert counted < 10, "a command's own module is not needed for its name"


def test_what_fails_completes_nothing_and_says_nothing(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Whatever it is that fails."""

    class Failing(click.Group):
        def list_commands(self, ctx: click.Context) -> list[str]:
            print("noise", file=sys.stderr)
            raise OSError("no disk")

    monkeypatch.setenv("COMP_WORDS", "operator-tool ")
    monkeypatch.setenv("COMP_CWORD", "1")
    assert complete(Failing("operator-tool"), "_OPERATOR_TOOL_COMPLETE", "bash_complete") == 0
    assert capsys.readouterr() == ("", "")


@pytest.mark.parametrize("asked_for", ["tcsh_source", "bash_nonsense", "1"])
def test_what_no_shell_asks_is_an_error(home: Path, asked_for: str) -> None:
    """One line, and no command is run."""
    done = subprocess.run(
        ["operator-tool", "plugins", "list"],
        env=environment(home, _OPERATOR_TOOL_COMPLETE=asked_for),
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert (done.returncode, done.stdout, done.stderr.count("\n")) == (1, "", 1)


BASH = """
eval "$(_OPERATOR_TOOL_COMPLETE=bash_source operator-tool)"
tried() {
  COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); COMPREPLY=()
  _operator_tool_completion operator-tool 2>>errors
  echo "${COMPREPLY[*]}"
}
compopt() { echo compopt "$@"; }
tried operator-tool plan --provider sat
tried operator-tool companion status --companion al
tried operator-tool plan -o xyz.ur
"""


def test_a_real_bash_completes(home: Path) -> None:
    """By its own script; behind ``KEY=`` there is no blank."""
    done = subprocess.run(
        ["bash", "--norc", "-c", BASH], env=environment(home), cwd=home, capture_output=True, text=True, timeout=60
    )
    assert done.stdout.split() == ["satellite", "alpha", "compopt", "-o", "nospace", "xyz.url="]
    assert (done.stderr, (home / "errors").read_text()) == ("", "")


def test_a_real_fish_completes(home: Path) -> None:
    """By its own script."""
    script = (
        'env _OPERATOR_TOOL_COMPLETE=fish_source operator-tool | source; complete -C "operator-tool plan -o xyz.ur"'
    )
    done = real("fish", ["--no-config", "-c", script], home)
    assert done.stdout.split() == ["xyz.url="]


def test_a_real_zsh_takes_the_script(home: Path) -> None:
    """It defines the completion, and zsh finds no fault with it."""
    script = 'autoload -Uz compinit; compinit -u; eval "$(_OPERATOR_TOOL_COMPLETE=zsh_source operator-tool)"; '
    done = real("zsh", ["-f", "-c", script + "echo $_comps[operator-tool]"], home)
    assert (done.stdout.strip(), done.stderr) == ("_operator_tool_completion", "")


def real(shell: str, arguments: list[str], home: Path) -> subprocess.CompletedProcess[str]:
    """Run a shell that is installed; one that is not is a failure only where all tests are required."""
    program = shutil.which(shell)
    if program is None:
        if os.environ.get("OPERATOR_TOOL_REQUIRE_ALL_TESTS") == "1":
            pytest.fail(f"{shell} is not installed")
        pytest.skip(f"{shell} is not installed")
    return subprocess.run(
        [program, *arguments], env=environment(home), cwd=home, capture_output=True, text=True, timeout=60
    )


def real_setting_names() -> dict[str, tuple[str, ...]]:
    """Return the keys of the core and of each built-in plugin, with the ways to give a secret."""
    found = {CORE_SECTION: describe_settings(CoreSettings)}
    for entry in Discovery().entries:
        if entry.builtin and not entry.problem:
            hooks = Hooks()
            hooks.register(entry, load(entry))
            found[entry.name] = describe_settings(hooks.settings_type(entry))
    return {
        name: tuple(
            key + suffix
            for one in settings
            for key in [one.name]
            for suffix in ("", *(SECRET_SUFFIXES if "secret" in one.type else ()))
        )
        for name, settings in found.items()
    }


def test_the_settings_that_are_offered_are_the_real_ones() -> None:
    """The table is shipped so that a TAB imports no plugin; this holds it equal."""
    assert real_setting_names() == {name: tuple(keys.split()) for name, keys in SETTING_NAMES.items()}


def test_what_stands_twice_so_that_a_tab_imports_little_is_equal(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The contract's major, the kinds of sectors, and the places of files."""
    assert f"operator_tool.v{CONTRACT_MAJOR}." == completing._GROUP
    assert tuple(SectorKind) == completing._SECTOR_KINDS
    context = click.Context(click.Command("x"))
    for changed in ({}, {"OPERATOR_TOOL_CONFIG": "/c.toml", "OPERATOR_TOOL_DATA_DIR": "/d"}, {"XDG_CONFIG_HOME": "/x"}):
        with monkeypatch.context() as patch:
            for variable in ("XDG_CONFIG_HOME", "XDG_DATA_HOME", "OPERATOR_TOOL_CONFIG", "OPERATOR_TOOL_DATA_DIR"):
                patch.delenv(variable, raising=False)
            patch.setenv("HOME", str(home))
            for variable, value in changed.items():
                patch.setenv(variable, value)
            places = Places.find(data_dir=None, config_file=None, env=os.environ)
            assert completing.config_file(context) == places.config_file
            assert completing.data_dir(context) == places.data_dir
