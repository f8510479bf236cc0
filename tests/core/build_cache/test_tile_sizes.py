"""One cache holds tiles of one size; several formats may lie in it, and are told."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from operator_tool.api import (
    PictureFormat,
    PlanError,
    ProviderInfo,
    Tile,
    TileId,
    TileRecord,
    TileResult,
    TileTable,
    WantedTile,
)
from operator_tool.build_cache.plan import CachePlan, make_plan
from tests.support.bench import REQUEST, Bench
from tests.support.memory import FLIGHT, MemoryProvider
from tests.support.pictures import real_jpeg, real_png

SMALL, LARGE = ProviderInfo(dataset="small"), ProviderInfo(dataset="large", tile_size_px=512)


def plan(size_px: int | None, *infos: ProviderInfo) -> CachePlan:
    """Return a plan with this choice and these providers."""
    request = msgspec.structs.replace(REQUEST, tile_size_px=size_px)
    return make_plan(FLIGHT, request, [(info.dataset, info) for info in infos])


def test_a_chain_of_two_sizes_is_refused_until_one_is_chosen() -> None:
    """The error names who has which; a choice asks only those that have it, and says who was left out."""
    with pytest.raises(PlanError) as caught:
        plan(None, SMALL, LARGE)
    assert "small has 256 px" in caught.value.message
    assert "large has 512 px" in caught.value.message
    assert "--tile-size 256 or 512" in caught.value.hint
    for size_px, name, other in ((256, "small", "large"), (512, "large", "small")):
        chosen = plan(size_px, SMALL, LARGE)
        assert [one for one, _ in chosen.providers] == [name]
        assert [key.name for key in chosen.inputs.providers] == [name]
        assert any(other in note for note in chosen.notes)
    with pytest.raises(PlanError):
        plan(1024, SMALL, LARGE)
    with pytest.raises(PlanError):
        plan(512, SMALL)


def test_chains_of_one_size_need_no_choice() -> None:
    """Whichever size that is; a choice that agrees changes nothing."""
    for one in (SMALL, LARGE):
        also = msgspec.structs.replace(one, dataset="also")
        assert len(plan(None, one, also).providers) == 2
        assert plan(one.tile_size_px, one, also).content_key == plan(None, one, also).content_key


def test_a_store_never_mixes_sizes_of_one_data_set(tmp_path: Path) -> None:
    """An address whose tiles are now declared to have another size: nothing that is held counts, the key is another."""
    bench = Bench(tmp_path)
    bench.build()
    before = bench.orchestrator().plan(REQUEST)
    large = MemoryProvider(
        answer=lambda wanted: Tile(wanted.id, real_jpeg(str(wanted.id), 512)),
        info=msgspec.structs.replace(bench.providers[0][1].describe(), tile_size_px=512),
    )
    bench.providers = [("memory", large)]
    report = bench.build()
    assert (report.tiles.reused, report.tiles.downloaded) == (0, report.tiles.wanted)
    assert report.content_key != before.content_key


def test_a_chain_asks_only_the_providers_of_the_chosen_size(tmp_path: Path) -> None:
    """Neither the plan's samples nor the build ask the other one; what it alone has is a gap."""
    bench = Bench(tmp_path)
    small = MemoryProvider(info=SMALL, absent=lambda tile: tile.x % 2 == 0)
    large = MemoryProvider(info=LARGE)
    bench.providers = [("large", large), ("small", small)]
    request = msgspec.structs.replace(REQUEST, tile_size_px=256, allow_gaps=1000)
    orchestrator = bench.orchestrator()
    orchestrator.estimate(orchestrator.plan(request), samples_per_zoom=2)
    report = bench.build(request)
    assert large.asked == []
    assert report.tiles.missing == sum(tile.x % 2 == 0 for tile in orchestrator.plan(request).coverage.tiles())
    assert [share.name for share in report.provider] == ["small"]


def test_several_formats_are_told(tmp_path: Path) -> None:
    """By provider, and in a note; one format alone is none."""
    (mixed := tmp_path / "mixed").mkdir()
    (plain := tmp_path / "plain").mkdir()
    bench = Bench(mixed)

    def answer(wanted: WantedTile) -> TileResult:
        seed = str(wanted.id)
        return Tile(wanted.id, real_png(seed) if wanted.id.x % 2 else real_jpeg(seed))

    bench.providers = [("memory", MemoryProvider(answer=answer))]
    report = bench.build()
    odd = sum(tile.x % 2 for tile in bench.provisioner.pictures)
    assert report.provider[0].formats == {"jpg": report.tiles.wanted - odd, "png": odd}
    assert sum("several formats" in note for note in report.notes) == 1
    assert not any("several formats" in note for note in Bench(plain).build().notes)


def test_the_table_counts_the_formats() -> None:
    """The most frequent one first."""
    table = TileTable()
    for x, kind in enumerate((PictureFormat.PNG, PictureFormat.JPEG, PictureFormat.JPEG)):
        table.add([TileRecord(TileId(5, x, 0), bytes(32), 1, kind)])
    assert list(table.formats.items()) == [("jpg", 2), ("png", 1)]
