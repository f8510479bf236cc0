"""What mypy in strict mode tells an author who has installed operator-tool, without any setting."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

DISTRIBUTIONS = Path(__file__).parents[1] / "distributions"
EXAMPLES = ("acme-satellite", "acme-rig", "acme-events", "acme-stages", "bravo-provisioner")
"""Those that an author may learn from; the others there are broken on purpose."""
MISTAKES = '''"""What an author may get wrong; mypy has to complain of each line that says so, and of no other."""

from collections.abc import Iterable, Iterator, Sequence
from types import TracebackType
from typing import Self

from operator_tool import api


class Settings(api.PluginSettings, frozen=True, kw_only=True):
    url: str


class Provider:
    def describe(self) -> api.ProviderInfo:
        return api.ProviderInfo(dataset="x", zooms=3)  # wrong: no such field

    def fetch(self, wanted: Iterator[api.WantedTile]) -> Iterator[api.TileResult]:
        for tile in wanted:
            yield api.Tile(tile.id, "text")  # wrong: a picture is bytes

    def close(self) -> None: ...


class ProviderOfNothing(Provider):
    def fetch(self, wanted: Iterator[api.WantedTile]) -> None: ...  # wrong: a result for each tile


class Unclosed:
    def describe(self) -> api.ProviderInfo:
        return api.ProviderInfo(dataset="x")

    def fetch(self, wanted: Iterator[api.WantedTile]) -> Iterator[api.TileResult]:
        yield from ()


@api.hookimpl.make_tile_provider
def right(settings: Settings, context: api.RunContext) -> Provider:
    return Provider()


@api.hookimpl.make_tile_provider
def right_without_settings(context: api.RunContext) -> Provider:
    return Provider()


@api.hookimpl.make_tile_provider  # wrong: the argument's name
def wrong_argument(setings: Settings, context: api.RunContext) -> Provider:
    return Provider()


@api.hookimpl.make_tile_provider  # wrong: not a provider
def wrong_result(settings: Settings, context: api.RunContext) -> str:
    return "provider"


@api.hookimpl.make_tile_provider  # wrong: it has no close
def wrong_provider(settings: Settings, context: api.RunContext) -> Unclosed:
    return Unclosed()


@api.hookimpl.make_tile_provider  # wrong: its fetch gives nothing
def wrong_method(settings: Settings, context: api.RunContext) -> ProviderOfNothing:
    return ProviderOfNothing()


@api.hookimpl.make_flight_source  # wrong: another role's object
def wrong_role(settings: Settings, context: api.RunContext) -> Provider:
    return Provider()


@api.hookimpl.plugin_settings  # wrong: not a class of settings
def wrong_settings() -> type[dict[str, str]]:
    return dict


@api.hookimpl.on_event  # wrong: the argument's name
def wrong_event(evnt: api.Event) -> None: ...


@api.hookimpl.on_landing  # wrong: no such hook
def wrong_hook() -> None: ...


class Session:
    identity = api.CompanionIdentity(address="x")

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None: ...

    def run(
        self, argv: Sequence[str], *, standard_input: Iterable[bytes] = (), limits: api.RunLimits | None = None
    ) -> api.RemoteRun:
        raise api.LinkError("lost")

    def put(self, data: bytes, path: str, *, mode: int = 0o644) -> None: ...

    def get(self, path: str, *, max_bytes: int = 1024) -> bytes:
        return b""

    def close(self) -> None: ...


class Transport:
    address = "x"

    def connect(self) -> api.CompanionSession:
        return Session()  # wrong: the name of a method's argument that is given by name


NO_SUCH_NAME = api.TileProviders  # wrong: no such name
'''


@pytest.fixture(scope="module")
def complaints(tmp_path_factory: pytest.TempPathFactory) -> dict[str, dict[int, str]]:
    """What mypy says of everything that is looked at here, by file and line; one run of it for all tests."""
    folder = tmp_path_factory.mktemp("third-party")
    (folder / "mistakes.py").write_text(MISTAKES)
    satellite = (DISTRIBUTIONS / "acme-satellite" / "src" / "acme_satellite" / "__init__.py").read_text()
    misnamed = satellite.replace("def make_tile_provider(settings:", "def make_tile_provider(setings:", 1)
    assert misnamed != satellite
    (folder / "acme_misnamed.py").write_text(misnamed)
    packages = [path.parent for name in EXAMPLES for path in DISTRIBUTIONS.glob(f"{name}/src/*/__init__.py")]
    assert len(packages) == len(EXAMPLES)
    done = subprocess.run(
        [
            *(sys.executable, "-m", "mypy", "--strict", "--config-file=", f"--cache-dir={folder / 'cache'}"),
            *("--hide-error-context", "--no-color-output", "--no-error-summary", "--no-pretty"),
            *map(str, [folder / "mistakes.py", folder / "acme_misnamed.py", *sorted(packages)]),
        ],
        cwd=folder,
        env={name: value for name, value in os.environ.items() if not name.startswith(("MYPY", "PYTHONPATH"))},
        capture_output=True,
        text=True,
        timeout=100,
    )
    assert done.returncode == 1, done.stdout + done.stderr
    found: dict[str, dict[int, str]] = {}
    for line in done.stdout.splitlines():
        if match := re.fullmatch(r"(.+?):(\d+): error: (.*)", line):
            found.setdefault(Path(match[1]).name, {})[int(match[2])] = match[3]
    return found


def test_each_mistake_is_told_at_its_line_and_nothing_else(complaints: dict[str, dict[int, str]]) -> None:
    """A wrong argument's name, a wrong result, a Protocol that is not met, a name that is not there."""
    wrong = {number: line for number, line in enumerate(MISTAKES.splitlines(), 1) if "# wrong" in line}
    told = {number: f"{wrong.get(number, 'is right')}: {text}" for number, text in complaints["mistakes.py"].items()}
    assert set(wrong) - set(told) == set(), [wrong[number] for number in set(wrong) - set(told)]
    assert set(told) - set(wrong) == set(), [told[number] for number in set(told) - set(wrong)]


def test_the_third_partys_plugin_is_clean_and_its_twin_with_a_misspelt_argument_is_not(
    complaints: dict[str, dict[int, str]],
) -> None:
    """One letter makes the difference; the other distributions here have nothing to complain of either."""
    assert set(complaints) == {"mistakes.py", "acme_misnamed.py"}
    assert [text for text in complaints["acme_misnamed.py"].values() if "make_tile_provider" in text]


def test_the_types_are_shipped() -> None:
    """Without its mark a type checker takes every name of the api for Any; the wheel has all of the package."""
    import operator_tool

    assert (Path(operator_tool.__file__).parent / "py.typed").is_file()
