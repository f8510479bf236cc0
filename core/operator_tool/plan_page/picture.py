"""The PNG: the same picture and the words that matter most, on one sheet of fixed width."""

from __future__ import annotations

import unicodedata
from collections.abc import Callable, Sequence
from datetime import datetime

from PIL import Image, ImageDraw

from operator_tool import __version__

from .facts import Facts
from .ink import mixed, rgb
from .legend import legend_of
from .page import block_text, small_text
from .paint import font, large_map, small_map
from .scene import Scene

WIDTH_PX = 1600
_BORDER = 32
_INSIDE = WIDTH_PX - 2 * _BORDER
_GAP = 20
_ROWS = ("flight", "source", "route", "takeoff", "ground", "zooms", "camera", "to fetch")
_NOTES = 6
_MOST_SMALL = 24
_PLAIN = {"×": "x", "–": "-", "—": "-", "’": "'"}

_Draw = Callable[[Image.Image, int], None]


def picture_of(scene: Scene, facts: Facts, drawn_at: datetime) -> Image.Image:
    """Return the whole sheet, as high as it needs to be."""
    sheet = _Sheet()
    sheet.text(facts.title, 34)
    if facts.loud:
        sheet.banner(facts.loud)
    for warning in facts.warnings[:_NOTES]:
        sheet.banner(f"warning: {warning}")
    for name, text in facts.rows:
        if name in _ROWS:
            sheet.text(f"{name}: {text}", 19, ink="ink" if name == "to fetch" else "faint")
    sheet.gap(6)
    sheet.image(large_map(scene, _INSIDE))
    first = next(one.large for one in scene.layers if one.large.zoom == scene.first_zoom)
    sheet.text(block_text(first.zoom, first.tiles_wide), 17, ink="faint")
    sheet.legend(legend_of(scene))
    sheet.gap(8)
    rows = {row.zoom: row for row in facts.zooms}
    columns = min(max(len(scene.layers), 3), 5)
    wide = (_INSIDE - (columns - 1) * _GAP) // columns
    shown = scene.layers[-_MOST_SMALL:]
    for start in range(0, len(shown), columns):
        some = shown[start : start + columns]
        sheet.row([f"zoom {one.small.zoom}: {small_text(rows[one.small.zoom])}" for one in some], wide, 17)
        sheet.images([small_map(scene, one.small, wide) for one in some], wide)
    sheet.gap(6)
    for pieces in facts.providers:
        sheet.text("imagery: " + "; ".join(pieces), 19, ink="faint")
    for note in facts.notes[:_NOTES]:
        sheet.text(f"note: {note}", 19, ink="faint")
    if len(facts.notes) > _NOTES:
        sheet.text(f"and {len(facts.notes) - _NOTES:,} more notes: operator-tool plan tells them", 19, ink="faint")
    sheet.text(f"operator-tool {__version__}, {drawn_at:%Y-%m-%d %H:%M} UTC. North is up.", 17, ink="faint")
    return sheet.whole()


def plain(text: str) -> str:
    """Return a text in the letters that the picture's font has: accents are dropped, and what is left is ``?``."""
    folded = unicodedata.normalize("NFKD", "".join(_PLAIN.get(one, one) for one in text))
    kept = (one if " " <= one <= "~" or one == "°" else "?" for one in folded if not unicodedata.combining(one))
    return "".join(kept)


class _Sheet:
    """The sheet while it grows: what is drawn at which height, done when the height is known."""

    def __init__(self) -> None:
        self._y = _BORDER
        self._drawn: list[tuple[int, _Draw]] = []

    def whole(self) -> Image.Image:
        image = Image.new("RGB", (WIDTH_PX, self._y + _BORDER), rgb("card"))
        for y, draw in self._drawn:
            draw(image, y)
        return image

    def gap(self, height: int) -> None:
        self._y += height

    def text(self, text: str, size: int, *, ink: str = "ink") -> None:
        for line in _wrapped(plain(text), size, _INSIDE):
            self._add(round(size * 1.35), _line(line, size, ink))

    def banner(self, text: str) -> None:
        lines = _wrapped(plain(text), 22, _INSIDE - 32)

        def draw(image: Image.Image, y: int) -> None:
            box = (_BORDER, y + 6, WIDTH_PX - _BORDER, y + 20 + 30 * len(lines))
            ImageDraw.Draw(image).rectangle(box, fill=rgb("loud-card"), outline=rgb("missing"), width=3)
            for number, line in enumerate(lines):
                _write(image, _BORDER + 16, y + 12 + 30 * number, line, 22, "loud")

        self._add(30 + 30 * len(lines), draw)

    def image(self, one: Image.Image) -> None:
        self.images([one], one.width)

    def images(self, ones: Sequence[Image.Image], wide: int) -> None:
        def draw(image: Image.Image, y: int) -> None:
            for number, one in enumerate(ones):
                x = _BORDER + number * (wide + _GAP)
                image.paste(one, (x, y))
                ImageDraw.Draw(image).rectangle(
                    (x, y, x + one.width - 1, y + one.height - 1), outline=rgb("line"), width=2
                )

        self._add(max(one.height for one in ones) + 10, draw)

    def row(self, texts: Sequence[str], wide: int, size: int) -> None:
        def draw(image: Image.Image, y: int) -> None:
            for number, text in enumerate(texts):
                _write(image, _BORDER + number * (wide + _GAP), y, plain(text), size, "ink")

        self._add(round(size * 1.4), draw)

    def legend(self, signs: Sequence[tuple[str, str]]) -> None:
        x, placed = 0, []
        lines = 1
        for kind, text in signs:
            wide = 44 + round(font(18).getlength(text)) + 30
            if x + wide > _INSIDE and x:
                x, lines = 0, lines + 1
            placed.append((kind, text, x, lines - 1))
            x += wide

        def draw(image: Image.Image, y: int) -> None:
            for kind, text, x, line in placed:
                _sign(ImageDraw.Draw(image), kind, _BORDER + x, y + 4 + 32 * line)
                _write(image, _BORDER + x + 44, y + 5 + 32 * line, text, 18, "ink")

        self._add(32 * lines + 4, draw)

    def _add(self, height: int, draw: _Draw) -> None:
        self._drawn.append((self._y, draw))
        self._y += height


def _line(text: str, size: int, ink: str) -> _Draw:
    """Return what draws one line at the left border."""
    return lambda image, y: _write(image, _BORDER, y, text, size, ink)


def _write(image: Image.Image, x: int, y: int, text: str, size: int, ink: str) -> None:
    ImageDraw.Draw(image).text((x, y), text, fill=rgb(ink), font=font(size), anchor="la")


def _wrapped(text: str, size: int, wide: int) -> list[str]:
    """Return a text in lines that are no wider; a word that is, is cut."""
    letters = font(size)
    lines = [""]
    for word in text.split(" "):
        joined = f"{lines[-1]} {word}" if lines[-1] else word
        if letters.getlength(joined) <= wide:
            lines[-1] = joined
            continue
        if lines[-1]:
            lines.append("")
        for letter in word:
            if lines[-1] and letters.getlength(lines[-1] + letter) > wide:
                lines.append("")
            lines[-1] += letter
    return lines


def _sign(draw: ImageDraw.ImageDraw, kind: str, x: int, y: int) -> None:
    """Draw one sign of the legend in a box of 34 by 22 pixels."""
    box, cx, cy = (x, y, x + 34, y + 22), x + 17, y + 11
    match kind:
        case "held":
            draw.rectangle(box, fill=mixed("held", 0.62, "map"), outline=rgb("held"))
        case "part":
            draw.rectangle(box, fill=mixed("held", 0.3, "map"), outline=rgb("held"))
            for dx in (7, 17, 27):
                draw.ellipse((x + dx - 3, cy - 3, x + dx + 3, cy + 3), fill=rgb("held"))
        case "missing" | "nowhere":
            draw.rectangle(box, fill=mixed(kind, 0.12, "map"), outline=rgb(kind))
            for dx in (0, 11, 22):
                draw.line((x + dx, y + 21, x + dx + 11, y + 1), fill=rgb(kind), width=2)
                if kind == "nowhere":
                    draw.line((x + dx, y + 1, x + dx + 11, y + 21), fill=rgb(kind), width=2)
        case "ground":
            draw.rounded_rectangle(box, radius=9, fill=mixed("ground", 0.12, "card"), outline=rgb("ground"), width=3)
        case "route":
            draw.line((x, cy, x + 34, cy), fill=rgb("route"), width=3)
            draw.polygon([(cx + 9, cy), (cx - 3, cy + 7), (cx, cy), (cx - 3, cy - 7)], fill=rgb("route"))
            draw.ellipse((x, cy - 5, x + 10, cy + 5), fill=rgb("card"), outline=rgb("route"), width=2)
        case "takeoff":
            draw.polygon([(cx, y), (cx + 11, y + 20), (cx - 11, y + 20)], fill=rgb("takeoff"))
        case "home":
            draw.polygon(
                [(cx - 10, y + 21), (cx - 10, cy), (cx, y), (cx + 10, cy), (cx + 10, y + 21)],
                outline=rgb("home"),
                width=3,
            )
        case "homeleg":
            for dx in (0, 13, 26):
                draw.line((x + dx, cy, x + dx + 8, cy), fill=rgb("home"), width=3)
        case "circle":
            for turn in range(0, 360, 45):
                draw.arc((cx - 10, cy - 10, cx + 10, cy + 10), turn, turn + 28, fill=rgb("route"), width=2)
        case "area":
            draw.rectangle(box, fill=mixed("area", 0.22, "card"), outline=rgb("area"), width=2)
        case "rally":
            draw.polygon([(cx, y), (cx + 11, cy), (cx, y + 22), (cx - 11, cy)], fill=rgb("rally"))
        case "inclusion" | "exclusion":
            if kind == "exclusion":
                draw.rectangle(box, fill=mixed("exclusion", 0.12, "card"))
            step, drawn = (12, 8) if kind == "exclusion" else (17, 14)
            for dx in range(0, 34, step):
                for at in (y, y + 21):
                    draw.line((x + dx, at, min(x + dx + drawn, x + 34), at), fill=rgb(kind), width=3)
            draw.line((x, y, x, y + 22), fill=rgb(kind), width=3)
            draw.line((x + 33, y, x + 33, y + 22), fill=rgb(kind), width=3)
