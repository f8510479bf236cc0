"""The scene as inline SVG: a large map whose zooms can be chosen without a script, and a small map of each zoom."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from html import escape

from .cells import CellState, Layer, ZoomLayers
from .ground import GroundShape
from .labels import Label
from .polyline import Line
from .scene import Scene

_RIM = 2.4
_HATCH = 9.0


def defs_svg(scene: Scene) -> str:
    """Return what both kinds of map use, as one invisible drawing."""
    return (
        '<svg width="0" height="0" class="defs" aria-hidden="true" focusable="false"><defs>'
        + "".join(_defs(scene))
        + "</defs></svg>"
    )


def map_svg(scene: Scene, label: str) -> str:
    """Return the large map."""
    frame = scene.frame
    parts = [
        f'<svg class="map" viewBox="0 0 {frame.width:g} {_n(frame.height)}" role="img" aria-label="{escape(label)}">',
        f'<clipPath id="frame"><rect width="{frame.width:g}" height="{_n(frame.height)}"/></clipPath>',
        '<g clip-path="url(#frame)">',
        f'<rect class="sea" width="{frame.width:g}" height="{_n(frame.height)}"/>',
        *(f'<g class="layer z{one.large.zoom}">{_layer_svg(one.large, "l")}</g>' for one in scene.layers),
        *_grid(scene),
        f'<use href="#shape" class="ground"{_cut(scene)}/>',
        *(f'<path class="area" d="{_rings(rings)}"/>' for rings in scene.areas),
        f'<g{_cut(scene)}><rect class="rim" width="{frame.width:g}" height="{_n(frame.height)}" mask="url(#rim)"/></g>',
        *(
            f'<path class="{"inclusion" if fence.inclusion else "exclusion"}" d="{_path(fence.ring)}z"/>'
            for fence in scene.fences
        ),
        *(f'<path class="homeleg" d="{_path(line)}"/>' for line in scene.home_legs),
        '<use href="#route" class="casing"/><use href="#route" class="route"/>',
        *(f'<circle class="circle" cx="{_n(one.x)}" cy="{_n(one.y)}" r="{_n(one.radius)}"/>' for one in scene.circles),
        *(
            '<use href="#arrow" class="arrow" '
            f'transform="translate({_n(one.x)} {_n(one.y)}) rotate({one.degrees:.0f})"/>'
            for one in scene.arrows
        ),
        *(f'<circle class="dot" cx="{_n(one.x)}" cy="{_n(one.y)}" r="3.4"/>' for one in scene.dots),
        *(_at("rally", one.x, one.y) for one in scene.rally_points),
        _at("home", scene.home.x, scene.home.y) if scene.home else "",
        _at("takeoff", scene.takeoff.x, scene.takeoff.y),
        *(_label(one) for one in scene.labels),
        *_scale_and_north(scene),
        "</g></svg>",
    ]
    return "".join(parts)


def small_map_svg(scene: Scene, layers: ZoomLayers, label: str) -> str:
    """Return the small map of one zoom."""
    frame = scene.frame
    return (
        f'<svg class="small" viewBox="0 0 {frame.width:g} {_n(frame.height)}" role="img" aria-label="{escape(label)}">'
        f'<rect class="sea" width="{frame.width:g}" height="{_n(frame.height)}"/>'
        f'<g class="z{layers.small.zoom}">{_layer_svg(layers.small, "s")}</g>'
        '<use href="#route" class="smallcasing"/><use href="#route" class="smallroute"/>'
        f'<circle class="smalltakeoff" cx="{_n(scene.takeoff.x)}" cy="{_n(scene.takeoff.y)}" r="16"/></svg>'
    )


def mark_svg(kind: str) -> str:
    """Return a mark or line of the legend."""
    return f'<svg class="key" viewBox="0 0 34 22" aria-hidden="true">{_KEYS[kind]}</svg>'


def _defs(scene: Scene) -> Iterator[str]:
    frame = scene.frame
    yield f'<path id="route" d="{_path(scene.route)}" fill="none"/>'
    yield '<path id="arrow" d="M7 0-5 5-2.5 0-5-5z"/>'
    yield '<path id="takeoff" d="M0-11 10 8h-20z"/>'
    yield '<path id="home" d="M-14 14v-14l14-14 14 14v14z"/>'
    yield '<path id="rally" d="M0-9 9 0 0 9-9 0z"/>'
    yield f'<g id="shape">{_ground_svg(scene.ground, 0.0)}</g>'
    size = f'width="{frame.width + 20:g}" height="{_n(frame.height + 20)}"'
    yield (
        f'<mask id="rim" maskUnits="userSpaceOnUse" x="-10" y="-10" {size}>'
        f'<g color="#fff">{_ground_svg(scene.ground, _RIM)}</g><g color="#000">{_ground_svg(scene.ground, 0.0)}</g>'
        "</mask>"
    )
    if scene.ground.fence is not None:
        inside = "".join(f'<path d="{_rings(rings)}" clip-rule="evenodd"/>' for rings in scene.ground.fence)
        yield f'<clipPath id="fence">{inside}</clipPath>'
    for layers in scene.layers:
        yield from _patterns(layers.large, "l", 1.0)
        yield from _patterns(layers.small, "s", 3.0)
    for state in CellState:
        yield _hatch(f"key-{state.value}", state, _HATCH, 1.0)


def _ground_svg(ground: GroundShape, wider: float) -> str:
    """Return the ground, all in the current colour, grown by ``wider`` on each side."""
    parts = [
        f'<path d="{_path(one.line)}" fill="none" stroke="currentColor" stroke-width="{_n(one.width + 2 * wider)}"'
        ' stroke-linecap="round" stroke-linejoin="round"/>'
        for one in ground.strokes
    ]
    stroke = f' stroke="currentColor" stroke-width="{_n(2 * wider)}"' if wider > 0.0 else ""
    parts += [
        f'<path d="{_rings(rings)}" fill="currentColor"{stroke} fill-rule="evenodd"/>' for rings in ground.surfaces
    ]
    return "".join(parts)


def _layer_svg(layer: Layer, size: str) -> str:
    """Return a zoom's cells: a unit is a cell, so that every number is a whole one."""
    if not layer.runs:
        return ""
    x0, y0 = layer.runs[0].x0, layer.runs[0].y
    paths: dict[CellState, list[str]] = {}
    for run in layer.runs:
        wide = run.x1 - run.x0 + 1
        paths.setdefault(run.state, []).append(f"M{run.x0 - x0} {run.y - y0}h{wide}v1h-{wide}z")
    left, top = layer.left + x0 * layer.cell, layer.top + y0 * layer.cell
    parts = [f'<g transform="translate({left:.3f} {top:.3f}) scale({layer.cell:.6g})">']
    for state, pieces in paths.items():
        name = f"{state.value}{layer.zoom}{size}"
        parts.append(
            f'<defs><path id="{name}" d="{"".join(pieces)}" vector-effect="non-scaling-stroke"/></defs>'
            f'<use href="#{name}" class="cell {state.value}" fill="url(#f{name})"/>'
            f'<use href="#{name}" fill="url(#g{name})"/>'
        )
    parts.append("</g>")
    return "".join(parts)


def _patterns(layer: Layer, size: str, thick: float) -> Iterator[str]:
    unit = 1.0 / layer.cell
    for state in sorted({run.state for run in layer.runs}, key=lambda one: one.value):
        name = f"{state.value}{layer.zoom}{size}"
        yield _hatch(f"f{name}", state, _HATCH * thick * unit, thick * unit)
        yield (
            f'<pattern id="g{name}" patternUnits="userSpaceOnUse" width="1" height="1">'
            f'<path d="M0 0v1" class="between {state.value}" stroke-width="{2.4 * thick * unit:.5g}"/></pattern>'
        )


def _hatch(name: str, state: CellState, size: float, thick: float) -> str:
    """Return the pattern of a state: held is plain, missing is hatched, in part is both, nowhere is crossed."""
    s, half, more = f"{size:.6g}", f"{size / 2.0:.6g}", f"{size * 1.5:.6g}"
    pale = f'<rect width="{s}" height="{s}" class="pale"/>'
    match state:
        case CellState.HELD:
            drawn = f'<rect width="{s}" height="{s}" class="full"/>'
        case CellState.PART:
            drawn = f'{pale}<circle cx="{half}" cy="{half}" r="{size * 0.27:.6g}" class="full"/>'
        case CellState.MISSING:
            stripes = f"M-{half} {half} {half}-{half}M0 {s} {s} 0M{half} {more} {more} {half}"
            drawn = f'{pale}<path d="{stripes}" stroke-width="{1.5 * thick:.6g}" class="stripe"/>'
        case CellState.NOWHERE:
            crosses = f"M0 0 {s} {s}M0 {s} {s} 0"
            drawn = f'{pale}<path d="{crosses}" stroke-width="{1.3 * thick:.6g}" class="stripe"/>'
    units = f'patternUnits="userSpaceOnUse" width="{s}" height="{s}"'
    return f'<pattern id="{name}" class="p-{state.value}" {units}>{drawn}</pattern>'


def _grid(scene: Scene) -> Iterator[str]:
    height, width = _n(scene.frame.height), f"{scene.frame.width:g}"
    lines = "".join(f"M{_n(one.at)} 0V{height}" for one in scene.meridians)
    lines += "".join(f"M0 {_n(one.at)}H{width}" for one in scene.parallels)
    yield f'<path class="graticule" d="{lines}"/>'
    for one in scene.meridians:
        if 90.0 < one.at < scene.frame.width - 60.0:
            yield f'<text class="degrees upper" x="{_n(one.at)}" y="15" text-anchor="middle">{one.text}</text>'
    for one in scene.parallels:
        if 24.0 < one.at < scene.frame.height - 70.0:
            yield f'<text class="degrees" x="6" y="{_n(one.at - 4)}">{one.text}</text>'


def _scale_and_north(scene: Scene) -> Iterator[str]:
    y, left, long = scene.frame.height - 18.0, scene.scale_bar.left, scene.scale_bar.length
    bar = f"M{_n(left)} {_n(y - 7)}v7h{_n(long)}v-7"
    yield f'<path class="casing" d="{bar}"/><path class="bar" d="{bar}"/>'
    yield f'<text class="scale" x="{_n(left + 4)}" y="{_n(y - 8)}">{scene.scale_bar.text}</text>'
    x = scene.frame.width - 28.0
    yield f'<path class="north" d="M{_n(x)} 24l9 26-9-6-9 6z"/>'
    yield f'<text class="scale upper" x="{_n(x)}" y="20" text-anchor="middle">N</text>'


def _label(label: Label) -> str:
    kind = "key label" if label.key else "label"
    anchor = "" if label.anchor == "start" else ' text-anchor="end"'
    anchor += ' dominant-baseline="hanging"' if label.below else ""
    return f'<text class="{kind}" x="{_n(label.x)}" y="{_n(label.y)}"{anchor}>{escape(label.text)}</text>'


def _cut(scene: Scene) -> str:
    return "" if scene.ground.fence is None else ' clip-path="url(#fence)"'


def _at(name: str, x: float, y: float) -> str:
    return f'<use href="#{name}" class="{name}" x="{_n(x)}" y="{_n(y)}"/>'


def _rings(rings: Iterable[Line]) -> str:
    return "".join(f"{_path(ring)}z" for ring in rings)


def _path(line: Line) -> str:
    """Return a path in tenths of a unit, each point told from the one before, which takes half the room."""
    x, y = round(line[0][0] * 10), round(line[0][1] * 10)
    parts = [f"M{x / 10:g} {y / 10:g}"]
    if len(line) > 1:
        parts.append("l")
        before = ""
        for point in line[1:]:
            to_x, to_y = round(point[0] * 10), round(point[1] * 10)
            parts.append(f"{before}{(to_x - x) / 10:g} {(to_y - y) / 10:g}")
            before = " "
            x, y = to_x, to_y
    else:
        parts.append("h0")
    return "".join(parts).replace(" -", "-")


def _n(number: float) -> str:
    return f"{number:.1f}".removesuffix(".0")


_KEYS = {
    "held": '<rect x="1" y="1" width="32" height="20" fill="url(#key-held)" class="keybox held"/>',
    "part": '<rect x="1" y="1" width="32" height="20" fill="url(#key-part)" class="keybox part"/>',
    "missing": '<rect x="1" y="1" width="32" height="20" fill="url(#key-missing)" class="keybox missing"/>',
    "nowhere": '<rect x="1" y="1" width="32" height="20" fill="url(#key-nowhere)" class="keybox nowhere"/>',
    "route": '<path class="route" d="M1 11h32" /><use href="#arrow" class="arrow" x="17" y="11"/>'
    '<circle class="dot" cx="5" cy="11" r="3.4"/>',
    "ground": '<rect x="2" y="3" width="30" height="16" rx="8" class="groundkey"/>',
    "takeoff": '<use href="#takeoff" class="takeoff" x="17" y="12"/>',
    "home": '<path class="home" d="M7 20v-9l10-10 10 10v9z"/>',
    "homeleg": '<path class="homeleg" d="M1 11h32"/>',
    "circle": '<circle class="circle" cx="17" cy="11" r="8"/>',
    "rally": '<use href="#rally" class="rally" x="17" y="11"/>',
    "area": '<rect x="3" y="3" width="28" height="16" class="area"/>',
    "inclusion": '<path class="inclusion" d="M2 3h30v16h-30z"/>',
    "exclusion": '<path class="exclusion" d="M2 3h30v16h-30z"/>',
}
