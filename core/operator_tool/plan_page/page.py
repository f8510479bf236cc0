"""The page: the picture and the words, in one HTML file that asks for nothing and runs nothing."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from html import escape
from importlib.resources import files

from operator_tool import __version__
from operator_tool.build_cache.plan_words import counted

from .facts import Facts, ZoomRow
from .ink import DARK, LIGHT, css_variables
from .legend import legend_of
from .scene import Scene
from .svg import defs_svg, map_svg, mark_svg, small_map_svg

_NOTES_SHOWN = 8
_MANY = 8
"""More zooms than these are printed smaller, so that one page holds them."""
# Nothing may be fetched or run, whatever a flight's name or a provider's attribution would like.
_POLICY = "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'"


def page_of(scene: Scene, facts: Facts, drawn_at: datetime) -> str:
    """Return the whole document."""
    return "".join(_document(scene, facts, drawn_at)) + "\n"


def _document(scene: Scene, facts: Facts, drawn_at: datetime) -> Iterator[str]:
    yield (
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        f'<meta http-equiv="Content-Security-Policy" content="{_POLICY}">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        '<meta name="referrer" content="no-referrer">\n<meta name="color-scheme" content="light dark">\n'
        f"<title>{escape(facts.title)}: plan of the map cache</title>\n"
        f"<style>{_style(scene)}</style>\n</head>\n<body>\n"
    )
    yield defs_svg(scene)
    yield f'<header><p class="kind">Plan of a map cache</p><h1><bdi>{escape(facts.title)}</bdi></h1>'
    if facts.loud:
        yield f'<p class="loud" role="note">{escape(facts.loud)}</p>'
    if facts.warnings:
        yield '<div class="loud" role="note"><p>Warnings</p><ul>'
        yield from (f"<li><bdi>{escape(one)}</bdi></li>" for one in facts.warnings[:_NOTES_SHOWN])
        more = len(facts.warnings) - _NOTES_SHOWN
        yield f"<li>and {more:,} more: operator-tool plan tells them</li>" if more > 0 else ""
        yield "</ul></div>"
    many = ' class="many"' if len(scene.layers) > _MANY else ""
    yield f'</header>\n<main{many}>\n<section class="picture" aria-label="Map">'
    for layers in scene.layers:
        zoom = layers.large.zoom
        checked = " checked" if zoom == scene.first_zoom else ""
        yield f'<input type="radio" name="zoom" id="z{zoom}" class="choice"{checked}>'
    yield '<input type="radio" name="zoom" id="none" class="choice">'
    yield '<p class="choices">Tiles of zoom '
    for layers in scene.layers:
        yield f'<label for="z{layers.large.zoom}">{layers.large.zoom}</label>'
    yield '<label for="none">none</label></p>'
    yield f'<div class="frame">{map_svg(scene, _alt(scene, facts))}</div>'
    for layers in scene.layers:
        told = block_text(layers.large.zoom, layers.large.tiles_wide)
        yield f'<p class="block b{layers.large.zoom}">{escape(told)}</p>'
    yield '<ul class="legend">'
    for kind, text in legend_of(scene):
        yield f"<li>{mark_svg(kind)}{escape(text)}</li>"
    yield "</ul></section>\n"
    yield '<section class="zooms"><h2>Tiles by zoom</h2><div class="smalls">'
    rows = {row.zoom: row for row in facts.zooms}
    for layers in scene.layers:
        row = rows[layers.small.zoom]
        told = small_text(row)
        label = f"Tiles of zoom {row.zoom}: {told}"
        yield (
            f"<figure><figcaption><b>zoom {row.zoom}</b> <span>{escape(told)}</span></figcaption>"
            f"{small_map_svg(scene, layers, label)}</figure>"
        )
    yield '</div></section>\n<section class="counts"><h2>Counts</h2>'
    yield from _table(facts)
    yield '</section>\n<section class="words"><h2>The plan</h2><dl>'
    for name, text in facts.rows:
        yield f"<div><dt>{escape(name)}</dt><dd><bdi>{escape(text)}</bdi></dd></div>"
    yield "</dl><h2>Imagery, in the order in which it is asked for</h2><ol>"
    for pieces in facts.providers:
        loud = (
            f'<strong class="mark">{escape(one)}</strong>' if one == "SYNTHETIC" else f"<bdi>{escape(one)}</bdi>"
            for one in pieces
        )
        yield f"<li>{'; '.join(loud)}</li>"
    yield "</ol>"
    yield from _notes(facts)
    yield (
        f"</section>\n</main>\n<footer>operator-tool {escape(__version__)}, "
        f'<time datetime="{drawn_at:%Y-%m-%dT%H:%M:%SZ}">{drawn_at:%Y-%m-%d %H:%M} UTC</time>. '
        "What is held is what the stores held then; planning fetches nothing into them.</footer>\n</body>\n</html>"
    )


def block_text(zoom: int, tiles_wide: int) -> str:
    """Return what one square of the large map is."""
    if tiles_wide == 1:
        return f"Each square is one tile of zoom {zoom}."
    return f"Each square stands for {tiles_wide:,} × {tiles_wide:,} tiles of zoom {zoom}, as far as they are needed."


def small_text(row: ZoomRow) -> str:
    """Return a zoom's count in a few words."""
    held = "all held" if row.missing == 0 else "none held" if row.held == 0 else f"{row.held:,} held"
    return f"{counted(row.wanted, 'tile')}, {held}"


def _table(facts: Facts) -> Iterator[str]:
    known = any(row.size for row in facts.zooms)
    nowhere = any(row.nowhere for row in facts.zooms)
    heads = [
        "zoom",
        "wanted",
        "held",
        "missing",
        *(["nobody has"] if nowhere else []),
        *(["to fetch"] if known else []),
    ]
    yield '<div class="scroll"><table><thead><tr>' + "".join(f'<th scope="col">{head}</th>' for head in heads)
    yield "</tr></thead><tbody>"
    for row in facts.zooms:
        kind = ' class="all"' if row.zoom is None else ""
        cells = [f"{row.wanted:,}", f"{row.held:,}", f"{row.missing:,}"]
        cells += [f"{row.nowhere:,}"] if nowhere else []
        cells += [row.size] if known else []
        yield f'<tr{kind}><th scope="row">{"all" if row.zoom is None else row.zoom}</th>'
        yield "".join(f"<td>{escape(cell)}</td>" for cell in cells) + "</tr>"
    yield "</tbody></table></div>"


def _notes(facts: Facts) -> Iterator[str]:
    if not facts.notes:
        return
    yield "<h2>Notes</h2><ul>"
    for note in facts.notes[:_NOTES_SHOWN]:
        yield f"<li><bdi>{escape(note)}</bdi></li>"
    yield "</ul>"
    more = facts.notes[_NOTES_SHOWN:]
    if more:
        yield f"<details><summary>{len(more):,} more</summary><ul>"
        yield from (f"<li><bdi>{escape(note)}</bdi></li>" for note in more)
        yield "</ul></details>"


def _alt(scene: Scene, facts: Facts) -> str:
    total = facts.zooms[-1]
    also = [text for kind, text in legend_of(scene) if kind not in ("held", "part", "missing", "nowhere")]
    return (
        f"Map of the flight {facts.title}: {', '.join(also)}. Of {total.wanted:,} tiles {total.held:,} are held and "
        f"{total.missing:,} are missing; the table below says so for each zoom. North is up; the scale bar is "
        f"{scene.scale_bar.text}."
    )


def _style(scene: Scene) -> str:
    """Return the style sheet, and with it the rules that show the chosen zoom."""
    sheet = files("operator_tool.plan_page").joinpath("page.css").read_text(encoding="utf-8")
    zooms = [layers.large.zoom for layers in scene.layers]
    chosen = "".join(
        f"#z{zoom}:checked~.frame .layer.z{zoom},#z{zoom}:checked~.b{zoom}{{display:block}}"
        f"#z{zoom}:checked~.choices [for=z{zoom}]{{background:var(--ink);color:var(--card)}}"
        f"#z{zoom}:focus-visible~.choices [for=z{zoom}]{{outline:3px solid var(--held)}}"
        for zoom in zooms
    )
    dark = f"@media screen and (prefers-color-scheme:dark){{:root{{{css_variables(DARK)}}}}}"
    return f":root{{{css_variables(LIGHT)}}}{dark}{' '.join(sheet.split())}{chosen}"
