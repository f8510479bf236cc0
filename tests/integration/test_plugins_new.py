"""Each role's new project as its author meets it: written, installed from its wheel, tested, checked, flown with."""

from __future__ import annotations

import json
import shutil
import threading
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any, ClassVar

import pytest

from operator_tool.testing.services.flight_service import FlightService, Position, running_service
from operator_tool.testing.services.tile_service import TileService, tile_of_path, tile_service
from tests.support.memory import picture_of
from tests.support.plugin_venv import PluginVenv

ROOT = Path(__file__).parents[2]
FLIGHT = ROOT / "docs" / "tutorial" / "first-flight.plan"
NAMES = {
    "flight-source": "acme-flights",
    "tile-provider": "acme-tiles",
    "companion-transport": "acme-link",
    "provisioner": "acme-folder",
    "listener": "acme-hook",
}
ZOOMS = ("--zoom", "15-16")
TOKEN = "acme-canary-token-20261126"
SHELL = json.dumps(["sh", "-c", 'eval "exec $1"', "sh"])


class Rig:
    """The five projects, installed into one environment; their own tests run in the background, two at a time."""

    def __init__(self, folder: Path, pool: ThreadPoolExecutor) -> None:
        self.venv = PluginVenv(folder)
        self.projects: dict[str, Path] = {}
        for role, name in NAMES.items():
            written = self.venv.tool("plugins", "new", role, name, cwd=folder)
            assert written.returncode == 0, written.stderr
            self.projects[role] = folder / f"operator-tool-{name}"
        self.venv.install(*self.projects.values())
        self.own_tests: dict[str, Future[tuple[int, str]]] = {
            role: pool.submit(self._python, project, "-m", "pytest", "-q", "-p", "no:cacheprovider")
            for role, project in self.projects.items()
        }

    def checked(self, role: str) -> str:
        """Return what mypy, in strict mode, and Ruff have against a project."""
        said = [
            self._python(self.projects[role], "-m", "mypy", "--cache-dir", str(self.venv.folder / "types")),
            self._python(self.projects[role], "-m", "ruff", "check", "--no-cache", "."),
            self._python(self.projects[role], "-m", "ruff", "format", "--check", "--no-cache", "."),
        ]
        return "\n".join(text for code, text in said if code != 0)

    def build(self, folder: Path, *arguments: str, listeners: str = "", **secrets: str) -> dict[str, Any]:
        """Build a cache, and return the report."""
        environment = {"OPERATOR_TOOL_LISTENERS": listeners, **secrets}
        ended = self.venv.tool("build-cache", *ZOOMS, *arguments, "--json", cwd=folder, environment=environment)
        assert ended.returncode == 0, ended.stderr
        assert TOKEN not in ended.stdout + ended.stderr
        report: dict[str, Any] = json.loads(ended.stdout)
        assert report["outcome"] == "success"
        assert report["tiles"]["missing"] == 0 < report["tiles"]["wanted"]
        return report

    def _python(self, project: Path, *arguments: str) -> tuple[int, str]:
        ended = self.venv.python(*arguments, cwd=project)
        return ended.returncode, ended.stdout + ended.stderr


class Address(BaseHTTPRequestHandler):
    """Where the listener posts to: it keeps what comes from whoever has the token."""

    events: ClassVar[list[dict[str, Any]]] = []

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        if self.headers["Authorization"] == f"Bearer {TOKEN}":
            self.events.append(json.loads(body))
        self.send_response(204)
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class's name
        """Keep standard error for the test."""


@pytest.fixture(scope="module")
def rig(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Rig]:
    """Everything that takes its time, once."""
    folder = tmp_path_factory.mktemp("plugins-new")
    with ThreadPoolExecutor(2) as pool:
        yield Rig(folder, pool)
    shutil.rmtree(folder)


@pytest.fixture
def tiles() -> Iterator[TileService]:
    """The company's tiles."""
    with tile_service(picture_of, tile_of_path) as running:
        yield running


@pytest.fixture
def flights() -> Iterator[FlightService]:
    """The company's flights, spelt as the new project expects it."""

    def document(_path: str, flight_id: str, waypoints: Any) -> object:
        points = [{"latitude": lat, "longitude": lon, "height": alt} for lat, lon, alt in waypoints]
        return {"id": flight_id, "title": "survey", "points": points}

    with running_service(document) as running:
        yield running


@contextmanager
def listening() -> Iterator[str]:
    """Give an address that events can be posted to."""
    Address.events.clear()
    with HTTPServer(("127.0.0.1", 0), Address) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}/events"
        finally:
            server.shutdown()
            thread.join()


def options(role: str, **values: object) -> list[str]:
    """Return the settings of a role's plugin as options."""
    return [word for key, value in values.items() for word in ("-o", f"{NAMES[role]}.{key}={value}")]


def took_part(report: dict[str, Any], *roles: str) -> bool:
    """Tell whether the report names these roles' plugins with their distributions."""
    records = {(one["role"], one["name"], one["distribution"]) for one in report["plugins"]}
    return {(role.replace("-", "_"), NAMES[role], f"operator-tool-{NAMES[role]}") for role in roles} <= records


def current_pictures(root: Path) -> dict[str, bytes]:
    """Return the pictures of the current cache by their paths."""
    current = root / "current"
    return {str(path.relative_to(current)): path.read_bytes() for path in current.glob("*/*/*.*")}


@pytest.mark.timeout(600)
def test_a_new_transport_carries_a_cache(rig: Rig, tmp_path: Path) -> None:
    """The built-in provisioner sends its agent and its tiles through a shell, and finds them sound."""
    reach = [
        *("--transport", "acme-link", *options("companion-transport", command=SHELL, shell="true")),
        *("-o", "c10.cache_root=cache"),
    ]
    report = rig.build(tmp_path, "--flight-file", str(FLIGHT), "--provider", "synthetic", *reach)
    assert took_part(report, "companion-transport")
    assert report["companion"]["address"].startswith("acme-link:")
    verified = rig.venv.tool("companion", "verify", *reach, cwd=tmp_path)
    assert verified.returncode == 0, verified.stdout + verified.stderr


@pytest.mark.timeout(600)
def test_a_new_provisioner_keeps_whole_caches(rig: Rig, tmp_path: Path) -> None:
    """A second flight replaces the first, whose cache is kept; the same again is a no-op; rot is mended."""
    build = [
        *("--provider", "synthetic", "--transport", "local", "--provisioner", "acme-folder"),
        *options("provisioner", root="maps"),
    ]
    first = rig.build(tmp_path, "--flight-file", str(FLIGHT), "--corridor", "200", *build)
    assert took_part(first, "provisioner")
    root = tmp_path / "maps"
    held = current_pictures(root)
    assert len(held) == first["tiles"]["wanted"]

    second = rig.build(tmp_path, "--flight-file", str(FLIGHT), *build)
    assert set(held) < set(current_pictures(root))
    assert second["companion"]["generation_before"] == first["companion"]["generation_after"]
    assert (root / first["companion"]["generation_after"]).is_dir()

    rerun = ["build-cache", *ZOOMS, "--flight-file", str(FLIGHT), *build, "--json"]
    again = rig.venv.tool(*rerun, cwd=tmp_path)
    assert (again.returncode, json.loads(again.stdout)["outcome"]) == (0, "idempotent_no_op")

    spoilt = min((root / "current").glob("*/*/*.*"))
    spoilt.write_bytes(b"rot")
    mended = rig.venv.tool(*rerun, cwd=tmp_path)
    assert (mended.returncode, json.loads(mended.stdout)["outcome"]) == (0, "success")
    assert b"rot" not in current_pictures(root).values()
    kept = {f"caches/{path.name}" for path in (root / "caches").iterdir()}
    report = json.loads(mended.stdout)["companion"]
    assert kept == {report["generation_before"], report["generation_after"]}


@pytest.mark.timeout(600)
def test_all_five_take_part_in_one_run(rig: Rig, tiles: TileService, flights: FlightService, tmp_path: Path) -> None:
    """The flight's tiles lie on the companion, the listener heard of all of it, and nobody of a secret."""
    route: list[Position] = [(47.055318712345678, 8.310426287654321, 60.0), (47.0580214, 8.3187341, 61.0)]
    with listening() as address:
        report = rig.build(
            tmp_path,
            *("--flight-id", flights.file(route), "--flight-source", "acme-flights"),
            *options("flight-source", url=f"{flights.url}/missions"),
            *("--provider", "acme-tiles", *options("tile-provider", url=tiles.url)),
            *("--transport", "acme-link", *options("companion-transport", command=SHELL, shell="true")),
            *("--provisioner", "acme-folder", *options("provisioner", root=tmp_path / "maps")),
            *options("listener", url=address),
            listeners="acme-hook",
            OPERATOR_TOOL_ACME_FLIGHTS_API_KEY=TOKEN,
            OPERATOR_TOOL_ACME_TILES_API_KEY=TOKEN,
            OPERATOR_TOOL_ACME_HOOK_TOKEN=TOKEN,
        )
    assert took_part(report, *NAMES)
    origin = report["flight"]["takeoff_origin"]
    assert (origin["lat_deg"], origin["lon_deg"]) == route[0][:2]
    assert report["tiles"]["downloaded"] == len(tiles.tile_requests) == report["tiles"]["wanted"]
    assert all(request.bears(TOKEN) for request in flights.requests)
    assert all(request.bears(TOKEN) for request in tiles.tile_requests)
    pictures = current_pictures(tmp_path / "maps")
    assert len(pictures) == report["tiles"]["wanted"]
    assert all(picture == picture_of(tile) for path, picture in pictures.items() if (tile := tile_of_path(path[:-4])))
    kinds = [event["type"] for event in Address.events]
    assert (kinds[0], kinds[-1]) == ("run_started", "run_finished")
    assert {event["phase"] for event in Address.events if event["type"] == "phase_finished"} >= {
        "resolve", "plan", "companion", "download", "transfer", "build",
    }  # fmt: skip
    assert Address.events[-1]["report"]["outcome"] == "success"
    assert TOKEN not in json.dumps(Address.events)


@pytest.mark.timeout(600)
@pytest.mark.parametrize("role", NAMES)
def test_a_new_project_is_typed_and_tidy(rig: Rig, role: str) -> None:
    """mypy in strict mode and Ruff have nothing against it, with the settings that it comes with."""
    assert rig.checked(role) == ""


@pytest.mark.timeout(600)
@pytest.mark.parametrize("role", NAMES)
def test_a_new_project_passes_its_own_tests(rig: Rig, role: str) -> None:
    """They are the conformance kit's, none of them skipped."""
    code, said = rig.own_tests[role].result()
    assert code == 0, said
    assert " passed" in said
    assert "skipped" not in said
