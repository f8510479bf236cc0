"""The scene as pixels: drawn twice as large as it is shown, and made smaller, so that edges are smooth."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from functools import cache
from itertools import pairwise

from PIL import Image, ImageChops, ImageDraw, ImageFont

from .cells import CellState, Layer
from .clip import Box, part_within, surface_within
from .ground import GroundShape
from .ink import rgb
from .polyline import Line, Point
from .scene import Scene

_FINER = 2
_HATCH = 9.0
_STATE_INK = {
    CellState.HELD: "held",
    CellState.PART: "held",
    CellState.MISSING: "missing",
    CellState.NOWHERE: "nowhere",
}
Rgb = tuple[int, int, int]


@cache
def font(size: int) -> ImageFont.FreeTypeFont:
    """Return the letters, which come with Pillow: what a machine has installed changes nothing."""
    found = ImageFont.load_default(size)
    assert isinstance(found, ImageFont.FreeTypeFont)
    return found


def large_map(scene: Scene, width: int) -> Image.Image:
    """Return the large map, with the tiles of the first zoom."""
    canvas = Canvas(scene, width, thick=1.0)
    canvas.cells(next(one.large for one in scene.layers if one.large.zoom == scene.first_zoom))
    canvas.graticule()
    canvas.ground()
    canvas.lines()
    canvas.marks()
    shown = canvas.reduced()
    _texts(scene, shown, width / scene.frame.width)
    return shown


def small_map(scene: Scene, layer: Layer, width: int) -> Image.Image:
    """Return one zoom's small map."""
    canvas = Canvas(scene, width, thick=3.0)
    canvas.cells(layer)
    canvas.stroke(scene.route, 16.0, rgb("halo"))
    canvas.stroke(scene.route, 7.0, rgb("route"))
    canvas.dot(scene.takeoff.x, scene.takeoff.y, 16.0, rgb("takeoff"), rgb("halo"), 6.0)
    return canvas.reduced()


class Canvas:
    """The picture while it is drawn; everything is given in the scene's units."""

    def __init__(self, scene: Scene, width: int, *, thick: float) -> None:
        self._scene = scene
        self._by = width * _FINER / scene.frame.width
        self._thick = thick
        self._size = (width * _FINER, round(scene.frame.height * width / scene.frame.width) * _FINER)
        self._image = Image.new("RGB", self._size, rgb("map"))
        self._draw = ImageDraw.Draw(self._image)

    def reduced(self) -> Image.Image:
        """Return the picture in the size in which it is shown."""
        return self._image.reduce(_FINER)

    def stroke(self, line: Line, width: float, ink: Rgb) -> None:
        """Draw a line with round ends and joins."""
        _stroke(self._draw, self._points(line), width * self._by, ink)

    def dashed(self, line: Line, width: float, ink: Rgb, dashes: Sequence[float]) -> None:
        """Draw a dashed line: drawn and left out by turns."""
        box = (-9.0, -9.0, self._size[0] + 9.0, self._size[1] + 9.0)
        for start, end in _dashes(self._points(line), [dash * self._by for dash in dashes], box):
            self._draw.line([start, end], fill=ink, width=max(1, round(width * self._by)))

    def dot(self, x: float, y: float, radius: float, fill: Rgb, ink: Rgb, width: float) -> None:
        """Draw a filled circle with a rim."""
        x, y, radius = x * self._by, y * self._by, radius * self._by
        box = (x - radius, y - radius, x + radius, y + radius)
        self._draw.ellipse(box, fill=fill, outline=ink, width=max(1, round(width * self._by)))

    def shape(self, at: Point, points: Sequence[Point], fill: Rgb | None, ink: Rgb, width: float) -> None:
        """Draw a small closed form about a place."""
        corners = [((at[0] + x) * self._by, (at[1] + y) * self._by) for x, y in points]
        if fill is not None:
            self._draw.polygon(corners, fill=fill)
        _stroke(self._draw, [*corners, corners[0]], width * self._by, ink)

    def cells(self, layer: Layer) -> None:
        """Draw the tiles of one zoom, each state with its own pattern."""
        thick = self._thick
        boxes: dict[CellState, list[tuple[float, float, float, float]]] = {}
        for run in layer.runs:
            box = self._clipped(
                layer.left + run.x0 * layer.cell,
                layer.top + run.y * layer.cell,
                layer.left + (run.x1 + 1) * layer.cell,
                layer.top + (run.y + 1) * layer.cell,
            )
            if box is not None:
                boxes.setdefault(run.state, []).append(box)
        for state, ones in boxes.items():
            self._fill(state, ones)
        between = max(1, round(0.8 * self._by * thick))
        for run in layer.runs:
            top, bottom = layer.top + run.y * layer.cell, layer.top + (run.y + 1) * layer.cell
            for x in range(run.x0 + 1, run.x1 + 1):
                at = layer.left + x * layer.cell
                if 0.0 < at < self._scene.frame.width:
                    line = self._clipped(at, top, at, bottom)
                    if line is not None:
                        self._draw.line(line, fill=rgb(_STATE_INK[run.state]), width=between)
        for state, ones in boxes.items():
            for box in ones:
                self._draw.rectangle(box, outline=rgb(_STATE_INK[state]), width=between)

    def graticule(self) -> None:
        """Draw the lines of latitude and longitude."""
        frame = self._scene.frame
        for one in self._scene.meridians:
            self.dashed([(one.at, 0.0), (one.at, frame.height)], 0.8, rgb("grid"), (2.0, 4.0))
        for one in self._scene.parallels:
            self.dashed([(0.0, one.at), (frame.width, one.at)], 0.8, rgb("grid"), (2.0, 4.0))

    def ground(self) -> None:
        """Draw the ground that is needed: faintly all of it, and its rim."""
        scene = self._scene
        inside = self._ground_mask(scene.ground, 0.0)
        self._image.paste(rgb("ground"), mask=inside.point(lambda value: value // 10))
        for rings in scene.areas:
            mask = self._surface_mask(rings)
            self._image.paste(rgb("area"), mask=mask.point(lambda value: value * 22 // 100))
            for ring in rings:
                self.stroke(ring, 1.6, rgb("area"))
        rim = ImageChops.subtract(self._ground_mask(scene.ground, 2.4), inside)
        self._image.paste(rgb("ground"), mask=rim)

    def lines(self) -> None:
        """Draw fences, the ways home, the route and its circles."""
        scene = self._scene
        for fence in scene.fences:
            ring = [*fence.ring, fence.ring[0]]
            if fence.inclusion:
                self.dashed(ring, 2.4, rgb("inclusion"), (14.0, 4.0, 2.0, 4.0))
                continue
            mask = self._surface_mask((fence.ring,))
            self._image.paste(rgb("exclusion"), mask=mask.point(lambda value: value * 12 // 100))
            self.dashed(ring, 2.4, rgb("exclusion"), (6.0, 4.0))
        for line in scene.home_legs:
            self.dashed(line, 2.0, rgb("home"), (7.0, 5.0))
        self.stroke(scene.route, 6.0, rgb("halo"))
        self.stroke(scene.route, 2.4, rgb("route"))
        for one in scene.circles:
            ring = [
                (one.x + one.radius * math.cos(math.tau * i / 96), one.y + one.radius * math.sin(math.tau * i / 96))
                for i in range(97)
            ]
            self.dashed(ring, 1.4, rgb("route"), (4.0, 3.0))

    def marks(self) -> None:
        """Draw arrows, waypoints, and the places of their own kind; the scale bar and north."""
        scene = self._scene
        for one in scene.arrows:
            turn = math.radians(one.degrees)
            points = [
                (x * math.cos(turn) - y * math.sin(turn), x * math.sin(turn) + y * math.cos(turn))
                for x, y in ((7.0, 0.0), (-5.0, 5.0), (-2.5, 0.0), (-5.0, -5.0))
            ]
            self.shape((one.x, one.y), points, rgb("route"), rgb("halo"), 0.6)
        for dot in scene.dots:
            self.dot(dot.x, dot.y, 4.2, rgb("card"), rgb("route"), 1.8)
        for dot in scene.rally_points:
            self.shape((dot.x, dot.y), ((0, -9), (9, 0), (0, 9), (-9, 0)), rgb("rally"), rgb("halo"), 1.0)
        if scene.home is not None:
            house = ((-14, 14), (-14, 0), (0, -14), (14, 0), (14, 14))
            self.shape((scene.home.x, scene.home.y), house, None, rgb("home"), 2.6)
        takeoff = ((0, -11), (10, 8), (-10, 8))
        self.shape((scene.takeoff.x, scene.takeoff.y), takeoff, rgb("takeoff"), rgb("halo"), 1.0)
        y, x = scene.frame.height - 18.0, scene.frame.width - 28.0
        left, right = scene.scale_bar.left, scene.scale_bar.left + scene.scale_bar.length
        bar = [(left, y - 7.0), (left, y), (right, y), (right, y - 7.0)]
        self.stroke(bar, 5.0, rgb("halo"))
        self.stroke(bar, 2.0, rgb("ink"))
        self.shape((x, 24.0), ((0, 0), (9, 26), (0, 20), (-9, 26)), rgb("ink"), rgb("halo"), 1.0)

    def _fill(self, state: CellState, boxes: Iterable[tuple[float, float, float, float]]) -> None:
        mask = Image.new("L", self._size)
        draw = ImageDraw.Draw(mask)
        for box in boxes:
            draw.rectangle(box, fill=255)
        ink = rgb(_STATE_INK[state])
        share = {CellState.HELD: 62, CellState.PART: 30, CellState.MISSING: 10, CellState.NOWHERE: 18}[state]
        self._image.paste(ink, mask=mask.point(lambda value: value * share // 100))
        if state is not CellState.HELD:
            pattern = ImageChops.multiply(self._pattern(state), mask)
            self._image.paste(ink, mask=pattern.point(lambda value: value * 75 // 100))

    def _pattern(self, state: CellState) -> Image.Image:
        step = _HATCH * self._by * self._thick
        wide, high = self._size
        pattern = Image.new("L", self._size)
        draw = ImageDraw.Draw(pattern)
        width = max(1, round(1.5 * self._by * self._thick / 1.4))
        for number in range(math.ceil((wide + high) / step)):
            at = number * step
            if state is CellState.PART:
                for row in range(math.ceil(high / step)):
                    x, y, radius = at, row * step, step * 0.27
                    draw.ellipse((x - radius, y - radius, x + radius, y + radius), fill=255)
                continue
            draw.line((at, 0, at - high, high), fill=255, width=width)
            if state is CellState.NOWHERE:
                draw.line((at - high, 0, at, high), fill=255, width=width)
        return pattern

    def _ground_mask(self, ground: GroundShape, wider: float) -> Image.Image:
        mask = Image.new("L", self._size)
        draw = ImageDraw.Draw(mask)
        for stroke in ground.strokes:
            _stroke(draw, self._points(stroke.line), (stroke.width + 2 * wider) * self._by, 255)
        for rings in ground.surfaces:
            mask = ImageChops.lighter(mask, self._surface_mask(rings))
            draw = ImageDraw.Draw(mask)
            if wider > 0.0:
                for ring in rings:
                    _stroke(draw, self._points(ring), 2 * wider * self._by, 255)
        if ground.fence is not None:
            inside = Image.new("L", self._size)
            for rings in ground.fence:
                inside = ImageChops.lighter(inside, self._surface_mask(rings))
            mask = ImageChops.multiply(mask, inside)
        return mask

    def _surface_mask(self, rings: Iterable[Line]) -> Image.Image:
        """Return the inside of rings by the even-odd rule: where two lie over one another there is a hole."""
        mask = Image.new("L", self._size)
        for ring in rings:
            points = surface_within(self._points(ring), (-9.0, -9.0, self._size[0] + 9.0, self._size[1] + 9.0))
            if len(points) < 3:
                continue
            one = Image.new("L", self._size)
            ImageDraw.Draw(one).polygon(points, fill=255)
            mask = ImageChops.difference(mask, one)
        return mask

    def _points(self, line: Line) -> Line:
        return [(x * self._by, y * self._by) for x, y in line]

    def _clipped(
        self, left: float, top: float, right: float, bottom: float
    ) -> tuple[float, float, float, float] | None:
        """Return a box in pixels as far as it is in the picture, and a little beyond it so that its rim isn't."""
        frame = self._scene.frame
        left, right = max(left, -9.0), min(right, frame.width + 9.0)
        top, bottom = max(top, -9.0), min(bottom, frame.height + 9.0)
        if left > right or top > bottom:
            return None
        by = self._by
        return left * by, top * by, right * by, bottom * by


def _stroke(draw: ImageDraw.ImageDraw, points: Line, width: float, ink: Rgb | int) -> None:
    if len(points) > 1:
        draw.line(points, fill=ink, width=max(1, round(width)))
    radius = width / 2.0
    if radius >= 1.0:
        for x, y in points:
            draw.ellipse((x - radius, y - radius, x + radius, y + radius), fill=ink)


def _dashes(points: Line, dashes: Sequence[float], box: Box) -> Iterable[tuple[Point, Point]]:
    """Yield the dashes that are in the box; where the line leaves it, they begin anew."""
    number, left = 0, dashes[0]
    for (ax, ay), (bx, by) in pairwise(points):
        within = part_within((ax, ay), (bx, by), box)
        length = math.hypot(bx - ax, by - ay)
        if within is None or length == 0.0:
            continue
        done, to = within[0] * length, within[1] * length
        while done < to:
            step = min(left, to - done)
            if number % 2 == 0:
                start, end = done / length, (done + step) / length
                yield (
                    (ax + (bx - ax) * start, ay + (by - ay) * start),
                    (ax + (bx - ax) * end, ay + (by - ay) * end),
                )
            done += step
            left -= step
            if left <= 1e-9:
                number = (number + 1) % len(dashes)
                left = dashes[number]


def _texts(scene: Scene, image: Image.Image, by: float) -> None:
    """Write the labels, in the size in which they are read."""
    draw = ImageDraw.Draw(image)
    frame = scene.frame

    def write(x: float, y: float, text: str, anchor: str, ink: str, size: float) -> None:
        draw.text(
            (x * by, y * by),
            text,
            fill=rgb(ink),
            font=font(round(size * by)),
            anchor=anchor,
            stroke_width=max(1, round(1.6 * by)),
            stroke_fill=rgb("halo"),
        )

    for one in scene.meridians:
        if 90.0 < one.at < frame.width - 60.0:
            write(one.at, 15.0, one.text, "ms", "faint", 12)
    for one in scene.parallels:
        if 24.0 < one.at < frame.height - 70.0:
            write(6.0, one.at - 4.0, one.text, "ls", "faint", 12)
    for label in scene.labels:
        anchor = ("l" if label.anchor == "start" else "r") + ("a" if label.below else "s")
        write(label.x, label.y, label.text, anchor, "ink", 13)
    write(scene.scale_bar.left + 4.0, frame.height - 26.0, scene.scale_bar.text, "ls", "ink", 13)
    write(frame.width - 28.0, 20.0, "N", "ms", "ink", 13)
