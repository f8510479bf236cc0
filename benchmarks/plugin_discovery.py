"""What 300 installed distributions with plugins cost a command that selects none of them, in pairs with none."""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

PAIRS = 20
DISTRIBUTIONS = 300
TOOL = str(Path(sys.executable).with_name("operator-tool"))
FLIGHT = Path(__file__).parents[1] / "docs" / "tutorial" / "first-flight.plan"
COMMANDS = {
    "operator-tool --help": ["--help"],
    "operator-tool plugins list": ["plugins", "list"],
    "operator-tool plan": ["plan", "--flight-file", str(FLIGHT), "--provider", "synthetic"],
}
ROLES = ("tile_provider", "flight_source", "companion_transport", "provisioner", "listener")


def write_distributions(site: Path) -> int:
    """Write the metadata as an installer leaves it, of a usual size; each third has a plugin of every role. Return how
    many plugins that are."""
    plugins = 0
    for number in range(DISTRIBUTIONS):
        name = f"acme_maps_{number:03}"
        info = site / f"{name}-1.{number}.0.dist-info"
        info.mkdir(parents=True)
        roles = ROLES if number % 3 == 0 else ROLES[:1]
        plugins += len(roles)
        points = [f"[operator_tool.v1.{role}]\nacme-{number:03} = {name}.{role}\n" for role in roles]
        (info / "entry_points.txt").write_text("\n".join(points))
        (info / "METADATA").write_text(_metadata(name.replace("_", "-"), f"1.{number}.0"))
        (info / "RECORD").write_text("".join(f"{name}/part_{part}.py,sha256=x,{part}\n" for part in range(60)))
        (info / "WHEEL").write_text("Wheel-Version: 1.0\n")
        (info / "INSTALLER").write_text("pip\n")
    return plugins


def _metadata(name: str, version: str) -> str:
    needs = "".join(f"Requires-Dist: library-{part}>=1\n" for part in range(12))
    page = ("A provider of imagery for operator-tool, as a company ships it. " * 8 + "\n\n") * 20
    return f"Metadata-Version: 2.4\nName: {name}\nVersion: {version}\nSummary: Imagery\n{needs}\n{page}"


def measure() -> tuple[int, dict[str, tuple[float, float, float]]]:
    """Return how many plugins there were, and for each command the medians without and with them in seconds, and the
    median of the pairs' ratios."""
    results = {}
    with tempfile.TemporaryDirectory() as folder:
        site = Path(folder) / "site"
        plugins = write_distributions(site)
        plain = {k: v for k, v in os.environ.items() if k not in ("PYTHONPATH", "PYTHONDONTWRITEBYTECODE")}
        plain["OPERATOR_TOOL_DATA_DIR"] = str(Path(folder) / "data")
        for name, arguments in COMMANDS.items():
            pairs = []
            for pair in range(PAIRS + 1):
                taken = {}
                order = (False, True) if pair % 2 else (True, False)
                for installed in order:
                    environment = plain | ({"PYTHONPATH": str(site)} if installed else {})
                    begun = time.perf_counter()
                    subprocess.run([TOOL, *arguments], env=environment, capture_output=True, check=True)
                    taken[installed] = time.perf_counter() - begun
                pairs.append((taken[False], taken[True]))
            without, with_plugins = zip(*pairs[1:], strict=True)  # the first warms the caches
            ratio = statistics.median(many / none for none, many in pairs[1:])
            results[name] = (statistics.median(without), statistics.median(with_plugins), ratio)
    return plugins, results


def section() -> str:
    """Return the section of the benchmarks' page."""
    plugins, results = measure()
    rows = [
        f"| `{name}` | {none * 1000:.0f} | {many * 1000:.0f} | {ratio:.2f} |"
        for name, (none, many, ratio) in results.items()
    ]
    head = (
        f"## {DISTRIBUTIONS} installed distributions with {plugins} plugins\n\nWall time of the whole process, median "
        f"of {PAIRS} pairs, in turn; none of the plugins is selected, and `plugins list` shows all of them.\n\n"
    )
    return (
        head
        + "| command | ms with none | ms with all | ratio, pair by pair |\n|---|---|---|---|\n"
        + "\n".join(rows)
        + "\n"
    )


if __name__ == "__main__":
    print(section())
