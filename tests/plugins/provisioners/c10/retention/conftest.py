"""What the tests of keeping and going back share: folders that look like generations, and real ones."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from operator_tool_plugins.provisioners.c10.agent.building import publish
from operator_tool_plugins.provisioners.c10.agent.cache_root import prepare_root
from operator_tool_plugins.provisioners.c10.agent.generations import state
from operator_tool_plugins.provisioners.c10.agent.generations.soundness import Proven, seal_of
from operator_tool_plugins.provisioners.c10.agent.generations.trust import look
from operator_tool_plugins.provisioners.c10.agent.layout import Generation, Layout
from tests.support.c10_rig import order_of, supply_of, whole_way


class Root:
    """A cache root whose generations are folders with files; what it is switched to is noted as an agent does."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.layout = Layout(str(path))
        prepare_root(self.layout)

    def add(self, seq: int, key: str = "0") -> str:
        """Put a generation there and return its name."""
        name = f"{seq:08d}-{key * 12}"
        folder = self.path / "generations" / name
        (folder / "stages").mkdir(parents=True)
        (folder / "tiles.mbtiles").write_bytes(b"x" * 10_000)
        (folder / "tiles.mbtiles").chmod(0o444)
        (folder / "stages" / "made").write_text("by a stage")
        (folder / "manifest.json").write_text("{}")
        return name

    def switch(self, name: str) -> None:
        """Make it current."""
        generation = self.generation(name)
        publish.switch_to(self.layout, Proven(generation, look(generation.path), seal_of(generation)))

    def generation(self, name: str) -> Generation:
        """Return it by its name."""
        return next(one for one in self.layout.all_generations() if one.name == name)

    def line(self, *seqs: int) -> list[str]:
        """Put generations there and switch to each."""
        names = [self.add(seq) for seq in seqs]
        for name in names:
            self.switch(name)
        return names

    def pin(self, consumer: str, name: str) -> Path:
        """Pin one as a shell does."""
        (self.path / "pins").mkdir(exist_ok=True)
        link = self.path / "pins" / consumer
        link.symlink_to(f"../generations/{name}")
        return link

    @property
    def names(self) -> list[str]:
        """What lies in generations."""
        return sorted(path.name for path in (self.path / "generations").iterdir())

    @property
    def record(self) -> state.Record:
        """What the agent has noted."""
        return state.read_record(self.layout)


@pytest.fixture
def root(tmp_path: Path) -> Root:
    """An empty cache root."""
    return Root(tmp_path / "cache")


Builds = Callable[..., list[str]]


@pytest.fixture
def build_real(file: Path) -> Builds:
    """Return what builds so many real caches, each of another flight, and returns their names."""

    def build(root: Path, count: int, first: int = 0) -> list[str]:
        reports: list[dict[str, Any]] = []
        for number in range(first, first + count):
            order = order_of(4, lat_deg=49.0 + number, run_id=f"run-{number}")
            reports.append(whole_way(file, root, order, supply_of(4, first_seed=100 * number)))
        return [str(report["generation"]) for report in reports]

    return build
