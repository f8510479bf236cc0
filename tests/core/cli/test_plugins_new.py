"""``plugins new``: what it writes, and what it refuses before it writes anything."""

from __future__ import annotations

import ast
import json
import os
import stat
import subprocess
import sys
import tomllib
from pathlib import Path

import click
import pytest
from click.testing import CliRunner, Result

from operator_tool import __version__
from operator_tool.api import CONTRACT
from operator_tool.cli import operator_tool, plugins_new
from operator_tool.plugin_host import discovery
from operator_tool.plugin_host.entry import Role
from operator_tool.scaffold import roles

LONGEST = "n" + "a-0_" * 15 + "end"


def run(*arguments: str) -> Result:
    """Run the command in this process; what it raises comes out."""
    return CliRunner().invoke(operator_tool, ["plugins", "new", *arguments], standalone_mode=False)


def refused(*arguments: str) -> str:
    """Return how the command line was refused."""
    error = run(*arguments).exception
    assert isinstance(error, click.UsageError), error
    return error.message


def test_each_role_has_a_project() -> None:
    """In the spelling of the command line, in the templates, and nowhere another."""
    assert [role.replace("-", "_") for role in plugins_new.ROLES] == list(Role) == list(roles.ROLES)
    assert plugins_new.NAME.pattern == discovery._NAME.pattern


@pytest.mark.parametrize("role", [*plugins_new.ROLES, *map(str, Role)])
@pytest.mark.parametrize("name", ["acme", LONGEST, "3d_maps"])
def test_every_file_of_it_is_whole(role: str, name: str, tmp_path: Path) -> None:
    """Python that compiles, TOML that says what it must, and no placeholder left, however long the name is."""
    assert run(role, name, "--into", str(tmp_path)).return_value == 0

    (folder,) = tmp_path.iterdir()
    assert folder.name == f"operator-tool-{name.replace('_', '-')}"
    module = f"operator_tool_{name.replace('-', '_')}"
    metadata = tomllib.loads((folder / "pyproject.toml").read_text())
    assert metadata["project"]["name"] == folder.name
    assert f"operator-tool>={__version__}" in metadata["project"]["dependencies"]
    assert metadata["project"]["entry-points"] == {f"operator_tool.v1.{role.replace('-', '_')}": {name: module}}
    files = {str(path.relative_to(folder)): path.read_text() for path in folder.rglob("*") if path.is_file()}
    assert set(files) == {
        ".github/workflows/ci.yml",
        ".gitignore",
        "LICENSE",
        "README.md",
        "pyproject.toml",
        f"src/{module}/__init__.py",
        f"src/{module}/py.typed",
        "tests/test_conformance.py",
    }
    for path, text in files.items():
        if path.endswith(".py"):
            ast.parse(text)
        assert "{{" not in text.replace("${{ matrix.python }}", ""), path
    assert f'requires_contract = ">={CONTRACT},<2"' in files[f"src/{module}/__init__.py"]
    assert f'plugin = "{name}"' in files["tests/test_conformance.py"]


@pytest.mark.parametrize("name", ["a", LONGEST])
def test_it_is_tidy_whatever_its_name(name: str, tmp_path: Path) -> None:
    """A formatter breaks lines by their length, which a name must not decide."""
    for role in plugins_new.ROLES:
        into = tmp_path / role
        into.mkdir()
        run(role, name, "--into", str(into))
    for check in (["check"], ["format", "--check"]):
        ruff = [sys.executable, "-m", "ruff", *check, "--no-cache", "."]
        ended = subprocess.run(ruff, cwd=tmp_path, capture_output=True, text=True, timeout=60)
        assert ended.returncode == 0, ended.stdout + ended.stderr


def test_it_says_the_three_commands_that_come_next(tmp_path: Path) -> None:
    """They can be pasted, also where the folder's name has a blank."""
    into = tmp_path / "my plugins"
    into.mkdir()

    said = run("listener", "acme", "--into", str(into)).output.splitlines()

    assert "listener acme" in said[0]
    assert [line.strip() for line in said[2:]] == [
        f"cd '{into}/operator-tool-acme'",
        "python -m pip install -e . pytest",
        "python -m pytest",
    ]


def test_the_description_stands_where_an_index_looks(tmp_path: Path) -> None:
    """Quotes and backslashes of it break neither TOML nor Python."""
    text = 'Ärial "maps" of \\ACME\'s {own}'
    assert run("tile-provider", "acme", "--into", str(tmp_path), "--description", text).return_value == 0
    folder = tmp_path / "operator-tool-acme"
    assert tomllib.loads((folder / "pyproject.toml").read_text())["project"]["description"] == text
    assert text in (folder / "README.md").read_text()


@pytest.mark.parametrize("text", ["two\nlines", "\x1b[31mred", "a {{name}} in it"])
def test_a_description_is_one_line_of_text(text: str, tmp_path: Path) -> None:
    """What would break a file or a terminal is refused."""
    assert "one line" in refused("tile-provider", "acme", "--into", str(tmp_path), "--description", text)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("name", "why"),
    [
        ("Acme", "lower-case"),
        ("acme sat", "lower-case"),
        ("../acme", "lower-case"),
        ("-acme", "No such option"),
        ("acme-", "either end"),
        ("", "lower-case"),
        ("a" * 65, "64"),
        ("ac\x1b[31me", r"ac\x1b[31me"),
        ("plugins", "another name"),
        ("companions", "another name"),
        ("xyz", "the tile_provider xyz (operator-tool "),
        ("c10", "the provisioner c10 (operator-tool "),
    ],
)
def test_a_name_that_could_not_be_selected_is_refused(name: str, why: str, tmp_path: Path) -> None:
    """Of the wrong form, with another meaning, or taken: by a built-in plugin or one that is installed, of any role."""
    message = refused("listener", name, "--into", str(tmp_path))
    assert why in message
    assert message.isprintable()
    assert list(tmp_path.iterdir()) == []


def test_a_name_that_an_installed_plugin_has_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Also one that differs by a hyphen alone: module and environment variables would be the same."""
    from tests.support.distributions import write_distribution

    write_distribution(tmp_path / "site", "acme", entry_points={"listener": {"acme-events": "acme"}})
    monkeypatch.syspath_prepend(tmp_path / "site")
    for name in ("acme-events", "acme_events"):
        assert "the listener acme-events (acme 1.0)" in refused("tile-provider", name, "--into", str(tmp_path))


def test_an_unknown_role_names_those_that_there_are(tmp_path: Path) -> None:
    """Before anything is looked at."""
    message = refused("provider", "acme", "--into", str(tmp_path))
    assert all(role in message for role in plugins_new.ROLES)


@pytest.mark.parametrize("kind", ["full folder", "empty folder", "file", "dangling link"])
def test_what_is_there_is_left_alone(kind: str, tmp_path: Path) -> None:
    """Whatever has the project's name already."""
    there = tmp_path / "operator-tool-acme"
    if kind == "file":
        there.write_text("mine")
    elif kind == "dangling link":
        there.symlink_to("nowhere")
    else:
        there.mkdir()
        if kind == "full folder":
            (there / "README.md").write_text("mine")
    before = sorted(tmp_path.rglob("*"))

    assert "is there already; nothing was written" in refused("listener", "acme", "--into", str(tmp_path))

    assert sorted(tmp_path.rglob("*")) == before


def test_half_a_project_is_never_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A disk that is full in the middle leaves nothing, under no name."""
    whole = Path.write_text
    written: list[str] = []

    def write(path: Path, text: str, **options: str) -> int:
        written.append(path.name)
        if len(written) == 4:
            raise OSError(28, "No space left on device")
        return whole(path, text, **options)

    monkeypatch.setattr(Path, "write_text", write)

    message = refused("listener", "acme", "--into", str(tmp_path))

    assert "No space left on device; nothing was written" in message
    assert len(written) == 4
    assert list(tmp_path.iterdir()) == []


def test_the_folder_has_the_modes_that_the_user_wants(tmp_path: Path) -> None:
    """As mkdir would make it, and not as a temporary folder's."""
    before = os.umask(0o027)
    try:
        run("listener", "acme", "--into", str(tmp_path))
    finally:
        os.umask(before)
    assert stat.S_IMODE((tmp_path / "operator-tool-acme").stat().st_mode) == 0o750


def test_into_must_be_a_folder(tmp_path: Path) -> None:
    """A slip of the finger makes no folders."""
    error = run("listener", "acme", "--into", str(tmp_path / "not-there")).exception
    assert isinstance(error, click.UsageError)
    assert list(tmp_path.iterdir()) == []


def test_nothing_heavy_is_imported_for_it(tmp_path: Path) -> None:
    """Neither a plugin nor what plugins need."""
    program = (
        "import sys; from click.testing import CliRunner; from operator_tool.cli import operator_tool;"
        f"CliRunner().invoke(operator_tool, ['plugins', 'new', 'listener', 'acme', '--into', {str(tmp_path)!r}]);"
        "heavy = ('httpx', 'paramiko', 'shapely', 'stevedore', 'rich', 'pytest', 'operator_tool_plugins');"
        "import json; print(json.dumps([name for name in heavy if name in sys.modules]))"
    )
    ran = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, timeout=60)
    assert (tmp_path / "operator-tool-acme").is_dir()
    assert json.loads(ran.stdout) == []
